package io.baton.decode.service.leg;

import static org.assertj.core.api.Assertions.assertThat;

import io.baton.decode.v1.DecodeFinished;
import io.baton.decode.v1.DecodeResponse;
import io.baton.engine.simulated.SimulatedEngineConfig;
import io.baton.engine.text.TokenIds;
import io.baton.error.ErrorCode;
import io.baton.inference.v1.FinishReason;
import io.baton.inference.v1.StopParams;
import io.baton.kv.block.DescriptorMessages;
import io.baton.kv.v1.KvDescriptor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DecodeLegTest {
    private static final int BLOCK = TestWorker.BLOCK;

    private final TestHolder holder = new TestHolder();
    private TestWorker worker = new TestWorker();

    @AfterEach
    void close() {
        worker.close();
        holder.close();
    }

    private void use(SimulatedEngineConfig engine, Map<String, String> settings) {
        worker.close();
        worker = new TestWorker(engine, settings);
    }

    private static List<Integer> tokens(List<DecodeResponse> heard) {
        List<Integer> all = new ArrayList<>();
        for (DecodeResponse r : heard) {
            for (int id : TokenIds.decode(r.getToken().getOutput().getTokenIds(), Integer.MAX_VALUE, "tokens")) {
                all.add(id);
            }
        }
        return all;
    }

    private static List<Integer> landed(List<DecodeResponse> heard) {
        return heard.stream()
                .filter(DecodeResponse::hasBlocksLanded)
                .map(r -> r.getBlocksLanded().getLandedBlocks())
                .toList();
    }

    private static DecodeFinished finished(List<DecodeResponse> heard) {
        return heard.getLast().getFinished();
    }

    /** Hands a prompt over and generates; returns what was heard after Reserved. */
    private List<DecodeResponse> whole(int[] tokens, int count) {
        TestRouter router = worker.router();
        TestHolder.Prompt prompt = holder.compute(router.requestId, tokens);
        router.send(router.reserve(tokens, count, holder.engine.kvLayout()));
        router.reserved();
        prompt.blocks().forEach(router::offer);
        router.send(TestRouter.start(tokens.length, prompt.firstToken(), count));
        List<DecodeResponse> heard = router.untilFinished();
        assertThat(router.end()).isNull();
        prompt.lease().seal();
        TestWorker.await("every block was given back", () -> prompt.lease().unacknowledgedBlocks() == 0);
        worker.awaitRest();
        return heard;
    }

    private List<Integer> withoutFirst(int[] tokens, int count) {
        return holder.alone(tokens, count).subList(1, count);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, BLOCK - 1, BLOCK, BLOCK + 1, 10 * BLOCK + 3})
    void shouldGenerateWhatOneWorkerAloneWould(int n) {
        // Given
        int[] prompt = TestHolder.ids(n, 1);

        // When
        List<DecodeResponse> heard = whole(prompt, 20);

        // Then
        assertThat(tokens(heard)).isEqualTo(withoutFirst(prompt, 20));
        DecodeFinished f = finished(heard);
        assertThat(f.getComputedTokens()).isZero();
        assertThat(f.getKvBytes()).isEqualTo(holder.engine.kvLayout().bytes(n));
        assertThat(f.getBlocksPulled()).isEqualTo((n + BLOCK - 1) / BLOCK);
        assertThat(f.getBlocksReused()).isZero();
        assertThat(f.getCompletion().getReason()).isEqualTo(FinishReason.FINISH_REASON_LENGTH);
        assertThat(f.getCompletion().getCompletionTokens()).isEqualTo(20);
        assertThat(worker.runtime.engine().stats().decodePromptTokensComputed()).isZero();
    }

    @Test
    void shouldNotShareBlocksBetweenTenants() {
        // Given
        int[] tokens = TestHolder.ids(4 * BLOCK, 1);
        whole(tokens, 5);

        // When
        TestRouter same = worker.router();
        same.send(same.reserve(tokens, 5, holder.engine.kvLayout()));
        TestRouter other = worker.router();
        other.send(other.reserve(tokens, 5, holder.engine.kvLayout()).setTenant("another"));

        // Then
        assertThat(same.reserved().getCachedBlocks()).isEqualTo(4);
        assertThat(other.reserved().getCachedBlocks()).isZero();
        same.hangUp();
        other.hangUp();
        worker.awaitRest();
    }

    @Test
    void shouldTakeBlocksInWhateverOrderTheyAreOffered() {
        // Given
        int[] tokens = TestHolder.ids(6 * BLOCK + 3, 2);
        TestRouter router = worker.router();
        TestHolder.Prompt prompt = holder.compute(router.requestId, tokens);
        List<KvDescriptor> shuffled = new ArrayList<>(prompt.blocks());
        java.util.Collections.shuffle(shuffled, new Random(7));
        router.send(router.reserve(tokens, 20, holder.engine.kvLayout()));
        router.reserved();

        // When
        router.send(TestRouter.start(tokens.length, prompt.firstToken(), 20));
        shuffled.forEach(router::offer);
        List<DecodeResponse> heard = router.untilFinished();

        // Then
        assertThat(landed(heard)).first().isEqualTo(1);
        assertThat(landed(heard)).last().isEqualTo(7);
        assertThat(landed(heard)).isSorted().doesNotHaveDuplicates();
        assertThat(tokens(heard)).isEqualTo(withoutFirst(tokens, 20));
        worker.awaitRest();
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void shouldTakeManyBlocksOfOneOfferWithoutLayout(boolean beforeReserved) {
        // Given
        int[] tokens = TestHolder.ids(12 * BLOCK + 3, 2);
        TestRouter router = worker.router();
        TestHolder.Prompt prompt = holder.compute(router.requestId, tokens);
        List<List<KvDescriptor>> offers = DescriptorMessages.split(prompt.blocks());
        assertThat(offers).hasSize(1);
        assertThat(offers.getFirst()).hasSize(13).noneMatch(KvDescriptor::hasLayout);
        router.send(router.reserve(tokens, 20, holder.engine.kvLayout()));
        if (!beforeReserved) {
            router.reserved();
        }

        // When
        router.offer(offers.getFirst()).send(TestRouter.start(tokens.length, prompt.firstToken(), 20));
        List<DecodeResponse> heard = router.untilFinished();

        // Then
        assertThat(tokens(heard)).isEqualTo(withoutFirst(tokens, 20));
        assertThat(finished(heard).getBlocksPulled()).isEqualTo(13);
        assertThat(landed(heard)).first().isEqualTo(1);
        assertThat(landed(heard)).last().isEqualTo(13);
        prompt.lease().seal();
        TestWorker.await("every block was given back", () -> prompt.lease().unacknowledgedBlocks() == 0);
        worker.awaitRest();
    }

    @Test
    void shouldTakeOffersAndStartThatComeBeforeReserved() {
        // Given
        int[] tokens = TestHolder.ids(3 * BLOCK, 3);
        TestRouter router = worker.router();
        TestHolder.Prompt prompt = holder.compute(router.requestId, tokens);

        // When the router does not wait for Reserved
        router.send(router.reserve(tokens, 10, holder.engine.kvLayout()));
        prompt.blocks().forEach(router::offer);
        router.send(TestRouter.start(tokens.length, prompt.firstToken(), 10));

        // Then
        router.reserved();
        assertThat(tokens(router.untilFinished())).isEqualTo(withoutFirst(tokens, 10));
        worker.awaitRest();
    }

    @Test
    void shouldTakeBlocksFromItsPrefixCacheTheSecondTime() {
        // Given
        int[] tokens = TestHolder.ids(4 * BLOCK + 5, 4);
        whole(tokens, 5);

        // When
        List<DecodeResponse> heard = whole(tokens, 5);

        // Then only the tail is pulled, and every block was given back all the same
        assertThat(finished(heard).getBlocksReused()).isEqualTo(4);
        assertThat(finished(heard).getCachedTokens()).isEqualTo(4 * BLOCK);
        assertThat(finished(heard).getBlocksPulled()).isEqualTo(1);
        assertThat(finished(heard).getKvBytes())
                .isEqualTo(holder.engine.kvLayout().bytes(5));
        assertThat(tokens(heard)).isEqualTo(withoutFirst(tokens, 5));
    }

    @Test
    void shouldDecodeACachedPromptWithoutAnyOffer() {
        // Given
        int[] tokens = TestHolder.ids(4 * BLOCK, 4);
        whole(tokens, 5);
        TestRouter router = worker.router();
        router.send(router.reserve(tokens, 5, holder.engine.kvLayout()));
        assertThat(router.reserved().getCachedBlocks()).isEqualTo(4);

        // When
        router.send(TestRouter.start(tokens.length, holder.alone(tokens, 2).getFirst(), 5));

        // Then
        assertThat(tokens(router.untilFinished())).isEqualTo(withoutFirst(tokens, 5));
        worker.awaitRest();
    }

    @Test
    void shouldKeepFullBlocksOfGeneratedTokensForTheNextTurn() {
        // Given a prompt of 1.5 blocks and an output of 3
        int[] tokens = TestHolder.ids(BLOCK + BLOCK / 2, 5);
        List<Integer> generated = holder.alone(tokens, 3 * BLOCK);
        whole(tokens, 3 * BLOCK);

        // When the conversation goes on with all of it
        int[] next = IntStream.concat(Arrays.stream(tokens), generated.stream().mapToInt(Integer::intValue))
                .toArray();
        List<DecodeResponse> heard = whole(next, 5);

        // Then the blocks of generated tokens are used, and are right
        assertThat(finished(heard).getBlocksReused()).isEqualTo(4);
        assertThat(tokens(heard)).isEqualTo(withoutFirst(next, 5));
    }

    @Test
    void shouldEndWhenTheCellsAreUsedUp() {
        // Given cells for three tokens after the prompt, and more asked for
        int[] tokens = TestHolder.ids(20, 6);
        TestRouter router = worker.router();
        TestHolder.Prompt prompt = holder.compute(router.requestId, tokens);
        router.send(router.reserve(tokens, 3, holder.engine.kvLayout()));
        router.reserved();
        prompt.blocks().forEach(router::offer);

        // When
        router.send(TestRouter.start(tokens.length, prompt.firstToken(), 100));
        List<DecodeResponse> heard = router.untilFinished();

        // Then
        assertThat(finished(heard).getCompletion().getReason()).isEqualTo(FinishReason.FINISH_REASON_LENGTH);
        assertThat(finished(heard).getCompletion().getCompletionTokens())
                .isEqualTo(1 + tokens(heard).size());
        assertThat(tokens(heard).size()).isBetween(2, 3);
        worker.awaitRest();
    }

    @Test
    void shouldEndWithAStopToken() {
        // Given
        int[] tokens = TestHolder.ids(20, 7);
        List<Integer> alone = holder.alone(tokens, 10);
        TestRouter router = worker.router();
        TestHolder.Prompt prompt = holder.compute(router.requestId, tokens);
        router.send(router.reserve(tokens, 100, holder.engine.kvLayout()));
        router.reserved();
        prompt.blocks().forEach(router::offer);

        // When
        int stop = alone.get(4);
        router.send(TestRouter.start(tokens.length, prompt.firstToken(), 100)
                .setStop(StopParams.newBuilder()
                        .setMaxTokens(100)
                        .setIgnoreEos(true)
                        .addStopTokenIds(stop)));
        List<DecodeResponse> heard = router.untilFinished();

        // Then
        assertThat(finished(heard).getCompletion().getReason()).isEqualTo(FinishReason.FINISH_REASON_STOP);
        assertThat(finished(heard).getCompletion().getStopTokenId()).isEqualTo(stop);
        assertThat(finished(heard).getCompletion().getCompletionTokens()).isEqualTo(alone.indexOf(stop) + 1);
        worker.awaitRest();
    }

    @Test
    void shouldContinueAStreamThatMoved() {
        // Given a stream of which ten tokens were generated elsewhere
        int[] tokens = TestHolder.ids(2 * BLOCK, 8);
        List<Integer> alone = holder.alone(tokens, 30);
        int[] moved = IntStream.concat(
                        Arrays.stream(tokens), alone.subList(0, 9).stream().mapToInt(Integer::intValue))
                .toArray();
        TestRouter router = worker.router();
        TestHolder.Prompt prompt = holder.compute(router.requestId, moved);
        router.send(router.reserve(moved, 30, holder.engine.kvLayout()));
        router.reserved();
        prompt.blocks().forEach(router::offer);

        // When
        router.send(TestRouter.start(tokens.length, prompt.firstToken(), 30)
                .setGeneratedTokenIds(TokenIds.encode(alone.subList(0, 10).stream()
                        .mapToInt(Integer::intValue)
                        .toArray()))
                .setTokensSent(10));
        List<DecodeResponse> heard = router.untilFinished();

        // Then it goes on with the eleventh
        assertThat(tokens(heard)).isEqualTo(alone.subList(10, 30));
        assertThat(heard.stream()
                        .filter(DecodeResponse::hasToken)
                        .findFirst()
                        .orElseThrow()
                        .getToken()
                        .getOutput()
                        .getIndex())
                .isEqualTo(10);
        worker.awaitRest();
    }

    @Test
    void shouldServeManyRequestsThroughASmallStore() throws Exception {
        // Given a store of six blocks, and eight requests of five blocks at once
        int bytes = (int) worker.runtime.engine().kvLayout().bytes(BLOCK);
        use(SimulatedEngineConfig.withoutDelays(), Map.of("baton.kv.store-size", Integer.toString(6 * bytes)));
        List<TestRouter> routers = new ArrayList<>();
        for (int i = 0; i < 8; i++) {
            int[] tokens = TestHolder.ids(5 * BLOCK, 100 + i);
            TestRouter router = worker.router();
            TestHolder.Prompt prompt = holder.compute(router.requestId, tokens);
            router.send(router.reserve(tokens, 5, holder.engine.kvLayout()));
            List<KvDescriptor> reversed = prompt.blocks().reversed();
            reversed.forEach(router::offer);
            router.send(TestRouter.start(tokens.length, prompt.firstToken(), 5));
            routers.add(router);
        }

        // When
        List<List<Integer>> outputs = new ArrayList<>();
        for (TestRouter router : routers) {
            router.reserved();
            outputs.add(tokens(router.untilFinished()));
        }

        // Then
        for (int i = 0; i < 8; i++) {
            assertThat(outputs.get(i)).isEqualTo(withoutFirst(TestHolder.ids(5 * BLOCK, 100 + i), 5));
        }
        worker.awaitRest();
    }

    @Test
    void shouldGiveUpARequestWhoseRouterDoesNotRead() {
        // Given
        int[] tokens = TestHolder.ids(20, 9);
        TestRouter router = worker.deafRouter();
        TestHolder.Prompt prompt = holder.compute(router.requestId, tokens);
        router.send(router.reserve(tokens, 8000, holder.engine.kvLayout()));
        router.reserved();
        prompt.blocks().forEach(router::offer);

        // When
        router.send(TestRouter.start(tokens.length, prompt.firstToken(), 8000).setTopLogprobs(20));

        // Then it costs a bounded number of tokens, and everything is released
        worker.awaitRest();
        assertThat(worker.runtime.engine().stats().tokensGenerated()).isLessThan(7000);
        assertThat(worker.failures(ErrorCode.QUEUE_FULL)).isEqualTo(1);
    }
}
