package io.baton.prefill.service.leg;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.InvalidProtocolBufferException;
import io.baton.engine.simulated.SimulatedEngineConfig;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.inference.v1.ChatMessage;
import io.baton.inference.v1.ChatPrompt;
import io.baton.inference.v1.Prompt;
import io.baton.prefill.v1.Continuation;
import io.baton.prefill.v1.PrefillGo;
import io.baton.prefill.v1.PrefillRequest;
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
class PrefillMessagesPropertyTest {
    /** Errors that would mean that the worker itself broke. */
    private static final Set<ErrorCode> BROKEN =
            Set.of(ErrorCode.INTERNAL, ErrorCode.ENGINE_FAILED, ErrorCode.WORKER_LOST);

    @SuppressWarnings("NullAway.Init")
    private static TestWorker worker;

    @BeforeContainer
    static void open() {
        worker = new TestWorker(SimulatedEngineConfig.withoutDelays().withLimits(512, 4, 256), Map.of());
    }

    @AfterContainer
    static void close() {
        worker.close();
    }

    private static List<PrefillRequest> messages(TestRouter router, int kind) {
        var start = router.start(TestRouter.ids(40, 1));
        switch (kind) {
            case 0 -> start.setPrompt(TestRouter.text("Once upon a time, é and 漢."));
            case 1 ->
                start.setPrompt(Prompt.newBuilder()
                        .setChat(ChatPrompt.newBuilder()
                                .addMessages(
                                        ChatMessage.newBuilder().setRole("user").setContent("Hi"))));
            case 2 ->
                start.setContinuation(Continuation.newBuilder()
                        .setPromptTokens(30)
                        .setTokensSent(10)
                        .setTextBytesSent(1));
            default -> start.setTenant("t").setTopLogprobs(3);
        }
        start.getSamplingBuilder().setTemperature(0.7f).setTopK(5).setTopP(0.5f).putLogitBias(7, 1f);
        start.getStopBuilder().addStop("xyz").addStopTokenIds(3).setMinTokens(1);
        return List.of(
                PrefillRequest.newBuilder().setStart(start).build(),
                PrefillRequest.newBuilder()
                        .setGo(PrefillGo.newBuilder().setReceiver(TestWorker.RECEIVER))
                        .build());
    }

    private static PrefillRequest spoilt(PrefillRequest message, Random random) {
        byte[] wire = message.toByteArray();
        while (true) {
            byte[] other = wire.clone();
            for (int n = 1 + random.nextInt(3); n > 0; n--) {
                int at = random.nextInt(other.length);
                other[at] = (byte) (random.nextBoolean() ? random.nextInt(256) : other[at] ^ 1 << random.nextInt(8));
            }
            try {
                return PrefillRequest.parseFrom(other);
            } catch (InvalidProtocolBufferException e) {
                // gRPC refuses such a message before the worker sees it.
            }
        }
    }

    private static void play(long seed) {
        Random random = new Random(seed);
        TestRouter router = worker.router();
        List<PrefillRequest> messages = new ArrayList<>(messages(router, random.nextInt(4)));
        int at = random.nextInt(messages.size());
        messages.set(at, spoilt(messages.get(at), random));
        if (random.nextInt(4) == 0) {
            messages.add(random.nextInt(messages.size() + 1), messages.get(random.nextInt(messages.size())));
        }
        // When
        for (PrefillRequest message : messages) {
            router.send(message);
            if (message.hasStart()) {
                // Go before Accepted would be a breach of the protocol and hide what comes after.
                TestWorker.await("the worker has answered", () -> router.over() || !router.silent());
            }
        }
        if (!router.settled(50)) {
            router.cancelMessage();
        } else {
            router.hangUp();
        }
        // Then
        BatonException e = router.end();
        if (e != null) {
            assertThat(e.code()).as("%s for %s", e, messages).isNotIn(BROKEN);
            assertThat(e.getMessage()).isNotBlank();
        }
        worker.awaitRest();
    }

    @Property(tries = 1500)
    void spoiltMessagesShouldBeRefusedOrTaken(@ForAll long seed) {
        play(seed);
    }

    @Example
    void theWorkerShouldServeAsEverAfterwards() {
        for (int i = 0; i < 50; i++) {
            play(i);
        }
        TestRouter router = worker.router();
        List<PrefillRequest> messages = messages(router, 3);
        router.send(messages.get(0));
        router.accepted();
        router.send(messages.get(1));
        assertThat(router.untilFinished().getLast().getFinished().getComputedTokens())
                .isPositive();
        router.hangUp();
        worker.awaitRest();
    }
}
