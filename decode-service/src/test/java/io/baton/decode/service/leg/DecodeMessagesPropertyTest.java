package io.baton.decode.service.leg;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.InvalidProtocolBufferException;
import io.baton.decode.v1.DecodeOffer;
import io.baton.decode.v1.DecodeRequest;
import io.baton.engine.simulated.SimulatedEngineConfig;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.kv.block.DescriptorMessages;
import io.baton.kv.v1.KvDescriptor;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;

/** Whatever comes instead of a leg's messages: the worker works, or refuses and says what is wrong, and keeps nothing of it. */
class DecodeMessagesPropertyTest {
    private static final int[] TOKENS = TestHolder.ids(40, 1);
    /** Errors that would mean that the worker itself broke. */
    private static final Set<ErrorCode> BROKEN =
            Set.of(ErrorCode.INTERNAL, ErrorCode.ENGINE_FAILED, ErrorCode.WORKER_LOST);

    @SuppressWarnings("NullAway.Init")
    private static TestHolder holder;

    @SuppressWarnings("NullAway.Init")
    private static TestWorker worker;

    @BeforeContainer
    static void open() {
        holder = new TestHolder();
        worker = new TestWorker(SimulatedEngineConfig.withoutDelays().withLimits(512, 4, 256), Map.of());
    }

    @AfterContainer
    static void close() {
        worker.close();
        holder.close();
    }

    private static List<DecodeRequest> messages(TestRouter router, TestHolder.Prompt prompt) {
        List<DecodeRequest> messages = new ArrayList<>();
        messages.add(DecodeRequest.newBuilder()
                .setReserve(router.reserve(TOKENS, 20, holder.engine.kvLayout()))
                .build());
        // Three blocks: two in one message, and one by itself.
        for (List<KvDescriptor> some : List.of(
                prompt.blocks().subList(0, 2),
                prompt.blocks().subList(2, prompt.blocks().size()))) {
            messages.add(DecodeRequest.newBuilder()
                    .setOffer(DecodeOffer.newBuilder()
                            .addAllBlocks(DescriptorMessages.split(some).getFirst()))
                    .build());
        }
        messages.add(DecodeRequest.newBuilder()
                .setStart(TestRouter.start(TOKENS.length, prompt.firstToken(), 10))
                .build());
        return messages;
    }

    private static DecodeRequest spoilt(DecodeRequest message, Random random) {
        byte[] wire = message.toByteArray();
        while (true) {
            byte[] other = wire.clone();
            for (int n = 1 + random.nextInt(3); n > 0; n--) {
                int at = random.nextInt(other.length);
                other[at] = (byte) (random.nextBoolean() ? random.nextInt(256) : other[at] ^ 1 << random.nextInt(8));
            }
            try {
                return nearby(DecodeRequest.parseFrom(other), message);
            } catch (InvalidProtocolBufferException e) {
                // gRPC refuses such a message before the worker sees it.
            }
        }
    }

    /** No test calls hosts that are none of its business. */
    private static DecodeRequest nearby(DecodeRequest spoilt, DecodeRequest message) {
        if (!spoilt.hasOffer() || message.getOffer().getBlocksCount() == 0) {
            return spoilt;
        }
        String own = message.getOffer().getBlocks(0).getHolderAddress();
        DecodeRequest.Builder near = spoilt.toBuilder();
        for (KvDescriptor.Builder block : near.getOfferBuilder().getBlocksBuilderList()) {
            if (!block.getHolderAddress().matches("127\\.\\d+\\.\\d+\\.\\d+:\\d+")) {
                block.setHolderAddress(own);
            }
        }
        return near.build();
    }

    private static void play(long seed) {
        Random random = new Random(seed);
        TestRouter router = worker.router();
        TestHolder.Prompt prompt = holder.compute(router.requestId, TOKENS);
        List<DecodeRequest> messages = messages(router, prompt);
        int at = random.nextInt(messages.size());
        messages.set(at, spoilt(messages.get(at), random));
        if (random.nextInt(4) == 0) {
            messages.add(random.nextInt(messages.size() + 1), messages.get(random.nextInt(messages.size())));
        }
        // When
        messages.forEach(router::send);
        if (!router.settled(50)) {
            router.cancelMessage();
        }
        // Then
        BatonException e = router.end();
        if (e != null) {
            assertThat(e.code()).as("%s for %s", e, messages).isNotIn(BROKEN);
            assertThat(e.getMessage()).isNotBlank();
        }
        prompt.lease().close();
        worker.awaitRest();
    }

    @Property(tries = 300)
    void spoiltOrdersToComputeShouldBeRefusedOrTaken(@ForAll long seed) {
        // Given
        TestRouter router = worker.router();
        DecodeRequest message = DecodeRequest.newBuilder()
                .setCompute(router.compute(TOKENS, 10))
                .build();
        // When
        router.send(spoilt(message, new Random(seed)));
        if (!router.settled(50)) {
            router.cancelMessage();
        }
        // Then
        BatonException e = router.end();
        if (e != null) {
            assertThat(e.code()).as("%s", e).isNotIn(BROKEN);
            assertThat(e.getMessage()).isNotBlank();
        }
        worker.awaitRest();
    }

    @Property(tries = 1000)
    void spoiltMessagesShouldBeRefusedOrTaken(@ForAll long seed) {
        play(seed);
    }

    @Example
    void theWorkerShouldGenerateAsEverAfterwards() {
        for (int i = 0; i < 50; i++) {
            play(i);
        }
        TestRouter router = worker.router();
        TestHolder.Prompt prompt = holder.compute(router.requestId, TOKENS);
        messages(router, prompt).forEach(router::send);
        router.reserved();
        List<Integer> tokens = router.untilFinished().stream()
                .flatMapToInt(r -> java.util.Arrays.stream(io.baton.engine.text.TokenIds.decode(
                        r.getToken().getOutput().getTokenIds(), Integer.MAX_VALUE, "tokens")))
                .boxed()
                .toList();
        assertThat(tokens).isEqualTo(holder.alone(TOKENS, 10).subList(1, 10));
        worker.awaitRest();
    }
}
