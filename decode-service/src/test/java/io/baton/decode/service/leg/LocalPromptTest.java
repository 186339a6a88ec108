package io.baton.decode.service.leg;

import static org.assertj.core.api.Assertions.assertThat;

import io.baton.decode.v1.DecodeCompute;
import io.baton.decode.v1.DecodeFinished;
import io.baton.decode.v1.DecodeRequest;
import io.baton.decode.v1.DecodeResponse;
import io.baton.engine.simulated.SimulatedEngineConfig;
import io.baton.engine.text.TokenIds;
import io.baton.error.ErrorCode;
import io.baton.inference.v1.ChatMessage;
import io.baton.inference.v1.ChatPrompt;
import io.baton.inference.v1.Prompt;
import io.baton.inference.v1.StopParams;
import io.baton.kv.block.Descriptors;
import io.baton.prefill.v1.Continuation;
import io.baton.prefill.v1.PrefillAccepted;
import io.baton.prefill.v1.PrefillFinished;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A decode worker that computes a prompt itself. */
class LocalPromptTest {
    private static final int BLOCK = TestWorker.BLOCK;
    private static final String COMPUTED = "baton_decode_computed_prompt_tokens";
    private static final int CHUNK = 32;
    /** A millisecond per chunk of 32 tokens and per step. */
    private static final SimulatedEngineConfig SLOW = SimulatedEngineConfig.withoutDelays()
            .withLimits(1 << 16, 16, 1 << 14)
            .withQueue(CHUNK, 4096)
            .withCosts(1_000, 0, 1_000, 0)
            .withSpeed(1);

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

    private static PrefillFinished computed(List<DecodeResponse> heard) {
        List<DecodeResponse> all =
                heard.stream().filter(DecodeResponse::hasComputed).toList();
        assertThat(all).hasSize(1);
        return all.getFirst().getComputed();
    }

    /** Computes a prompt and generates; returns what was heard, Accepted first. */
    private List<DecodeResponse> whole(int[] tokens, int count) {
        TestRouter router = worker.router();
        router.send(router.compute(tokens, count));
        List<DecodeResponse> heard = router.untilFinished();
        assertThat(router.end()).isNull();
        worker.awaitRest();
        return heard;
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, BLOCK - 1, BLOCK, BLOCK + 1, 10 * BLOCK + 3})
    void shouldGenerateWhatAPrefillAndADecodeWorkerWould(int n) {
        // Given
        int[] prompt = TestHolder.ids(n, 1);

        // When
        List<DecodeResponse> heard = whole(prompt, 20);

        // Then
        assertThat(tokens(heard)).isEqualTo(holder.alone(prompt, 20));
        PrefillAccepted accepted = heard.getFirst().getAccepted();
        assertThat(accepted.getTokenIds()).isEqualTo(TokenIds.encode(prompt));
        assertThat(accepted.getPromptTokens()).isEqualTo(n);
        assertThat(accepted.getMaxTokens()).isEqualTo(20);
        assertThat(accepted.getBlockSize()).isEqualTo(BLOCK);
        assertThat(accepted.getLayout())
                .isEqualTo(Descriptors.toProto(worker.runtime.engine().kvLayout()));
        assertThat(heard.get(1).hasComputed()).isTrue();
        assertThat(computed(heard).getComputedTokens()).isEqualTo(n);
        assertThat(computed(heard).getCachedTokens()).isZero();
        DecodeFinished f = heard.getLast().getFinished();
        assertThat(f.getComputedTokens()).isEqualTo(n);
        assertThat(f.getKvBytes()).isZero();
        assertThat(f.getBlocksPulled()).isZero();
        assertThat(f.getCompletion().getCompletionTokens()).isEqualTo(20);
        assertThat(worker.count(COMPUTED)).isEqualTo(n);
        assertThat(worker.count("baton_prefill_computed_tokens")).isZero();
    }

    @Test
    void shouldTakeFromItsPrefixCacheWhatItComputedAndGeneratedBefore() {
        // Given a turn of a conversation
        int[] first = TestHolder.ids(4 * BLOCK + 5, 1);
        List<Integer> answer = tokens(whole(first, 2 * BLOCK));
        int[] second = Arrays.copyOf(first, first.length + answer.size() + BLOCK);
        for (int i = 0; i < answer.size(); i++) {
            second[first.length + i] = answer.get(i);
        }
        Arrays.fill(second, first.length + answer.size(), second.length, 17);
        double before = worker.count(COMPUTED);

        // When
        List<DecodeResponse> heard = whole(second, 5);

        // Then
        int cached = (first.length + answer.size() - 1) / BLOCK * BLOCK;
        assertThat(tokens(heard)).isEqualTo(holder.alone(second, 5));
        assertThat(heard.getFirst().getAccepted().getCachedBlocks()).isEqualTo(cached / BLOCK);
        assertThat(computed(heard).getCachedTokens()).isEqualTo(cached);
        assertThat(heard.getLast().getFinished().getCachedTokens()).isEqualTo(cached);
        assertThat(heard.getLast().getFinished().getBlocksReused()).isEqualTo(cached / BLOCK);
        assertThat(worker.count(COMPUTED) - before).isEqualTo(second.length - cached);
    }

    @Test
    void shouldComputeTheLastBlockAgainWhenAPromptOfFullBlocksComesAgain() {
        // Given
        int[] prompt = TestHolder.ids(4 * BLOCK, 1);
        List<Integer> before = tokens(whole(prompt, 9));

        // When
        List<DecodeResponse> heard = whole(prompt, 9);

        // Then
        assertThat(tokens(heard)).isEqualTo(before);
        assertThat(computed(heard).getCachedTokens()).isEqualTo(3 * BLOCK);
    }

    @Test
    void shouldNotPullBlocksThatItComputedItself() {
        // Given
        int[] prompt = TestHolder.ids(4 * BLOCK + 1, 1);
        whole(prompt, 1);

        // When
        TestRouter router = worker.router();
        router.send(router.reserve(prompt, 5, holder.engine.kvLayout()));

        // Then
        assertThat(router.reserved().getCachedBlocks()).isEqualTo(4);
        router.hangUp();
    }

    @Test
    void shouldTellThePiecesOfThePromptOnWatch() {
        // Given
        TestRouter router = worker.router();
        DecodeCompute.Builder compute = router.compute(TestHolder.ids(4 * BLOCK + 1, 1), 3);
        compute.getStartBuilder().addAllPieces(List.of(11L, 12L));

        // When
        router.send(compute);
        router.untilFinished();

        // Then
        TestWorker.await(
                "the pieces are told", () -> worker.runtime.cachedPieces().sequence() == 2);
        var report = worker.runtime.cachedPieces().report(-1);
        assertThat(report).isNotNull();
        assertThat(report.getAddedList()).containsExactly(11L, 12L);
    }

    @Test
    void shouldEndWithTheFirstTokenIfNoMoreAreWanted() {
        // Given
        int[] prompt = TestHolder.ids(3 * BLOCK, 2);

        // When
        List<DecodeResponse> heard = whole(prompt, 1);

        // Then
        assertThat(tokens(heard)).isEqualTo(holder.alone(prompt, 2).subList(0, 1));
        assertThat(heard.getLast().getFinished().getCompletion().getCompletionTokens())
                .isOne();
        assertThat(worker.runtime.store().stats().usedBytes()).isPositive();
    }

    @Test
    void shouldTokeniseTextAndChats() {
        // Given
        Prompt text = Prompt.newBuilder().setText("a fox").build();
        Prompt chat = Prompt.newBuilder()
                .setChat(ChatPrompt.newBuilder()
                        .addMessages(ChatMessage.newBuilder().setRole("user").setContent("a fox")))
                .build();
        for (Prompt prompt : List.of(text, chat)) {
            // When
            TestRouter router = worker.router();
            router.send(router.compute(prompt, 5));
            PrefillAccepted accepted = router.accepted();

            // Then
            int[] ids = TokenIds.decode(accepted.getTokenIds(), Integer.MAX_VALUE, "tokens");
            assertThat(tokens(router.untilFinished())).isEqualTo(holder.alone(ids, 5));
        }
    }

    @Test
    void shouldContinueAStreamWithoutAGapAndWithoutSayingAnythingTwice() {
        // Given a stream that was lost after 7 tokens, its text included
        int[] prompt = TestHolder.ids(2 * BLOCK + 3, 1);
        TestRouter whole = worker.router();
        whole.send(whole.compute(prompt, 20));
        List<DecodeResponse> all = whole.untilFinished();
        List<Integer> expected = tokens(all);
        String text = text(all);
        int sent = 7;
        int[] soFar = Arrays.copyOf(prompt, prompt.length + sent);
        for (int i = 0; i < sent; i++) {
            soFar[prompt.length + i] = expected.get(i);
        }
        int bytes = bytesAfter(all, sent);

        // When
        TestRouter router = worker.router();
        DecodeCompute.Builder compute = router.compute(soFar, 20);
        compute.getStartBuilder()
                .setContinuation(Continuation.newBuilder()
                        .setPromptTokens(prompt.length)
                        .setTokensSent(sent)
                        .setTextBytesSent(bytes));
        router.send(compute);
        List<DecodeResponse> heard = router.untilFinished();

        // Then
        assertThat(tokens(heard)).isEqualTo(expected.subList(sent, 20));
        assertThat(heard.stream()
                        .filter(DecodeResponse::hasToken)
                        .findFirst()
                        .orElseThrow()
                        .getToken()
                        .getOutput()
                        .getIndex())
                .isEqualTo(sent);
        assertThat(text(heard).getBytes(java.nio.charset.StandardCharsets.UTF_8).length)
                .isEqualTo(text.getBytes(java.nio.charset.StandardCharsets.UTF_8).length - bytes);
        assertThat(heard.getFirst().getAccepted().getPromptTokens()).isEqualTo(prompt.length);
        assertThat(heard.getLast().getFinished().getCompletion().getCompletionTokens())
                .isEqualTo(20);
    }

    private static String text(List<DecodeResponse> heard) {
        StringBuilder text = new StringBuilder();
        heard.forEach(r -> text.append(r.getToken().getOutput().getText())
                .append(r.getFinished().getText()));
        return text.toString();
    }

    /** Bytes of the text that came with the first {@code count} tokens. */
    private static int bytesAfter(List<DecodeResponse> heard, int count) {
        int bytes = 0;
        for (DecodeResponse r : heard) {
            if (r.hasToken() && r.getToken().getOutput().getIndex() < count) {
                bytes += r.getToken().getOutput().getTextBytes().size();
            }
        }
        return bytes;
    }

    @Test
    void shouldLetOtherStreamsGenerateBetweenItsChunks() {
        // Given a stream that runs
        use(SLOW, Map.of());
        TestRouter other = worker.router();
        other.send(other.compute(TestHolder.ids(4, 1), 5_000));
        other.until(DecodeResponse::hasToken);
        int chunks = 100;

        // When
        TestRouter router = worker.router();
        router.send(router.compute(TestHolder.ids(chunks * CHUNK, 2), 2));
        router.accepted();
        long before = worker.runtime.engine().stats().tokensGenerated();
        router.until(DecodeResponse::hasComputed);
        long meanwhile = worker.runtime.engine().stats().tokensGenerated() - before;

        // Then a token came with nearly every chunk
        assertThat(meanwhile).isGreaterThan(chunks / 2);
        assertThat(worker.runtime.measurements().toProto().getPrefillTokenUs()
                        + worker.runtime.measurements().toProto().getPrefillBaseUs())
                .isPositive();
        other.hangUp();
        router.untilFinished();
        worker.awaitRest();
    }

    @Test
    void shouldComputeAlthoughNothingCanBeKept() {
        // Given a store of two blocks, both of them pinned
        long block = holder.engine.kvLayout().bytes(BLOCK);
        use(SimulatedEngineConfig.withoutDelays(), Map.of("baton.kv.store-size", Long.toString(2 * block)));
        var one = worker.runtime.store().allocate(null, block);
        var two = worker.runtime.store().allocate(null, block);
        int[] prompt = TestHolder.ids(5 * BLOCK, 1);

        // When
        TestRouter router = worker.router();
        router.send(router.compute(prompt, 5));
        List<DecodeResponse> heard = router.untilFinished();

        // Then
        assertThat(tokens(heard)).isEqualTo(holder.alone(prompt, 5));
        one.close();
        two.close();
        worker.awaitRest();
    }

    @Test
    void shouldCountAtMostTheCellsThatWereReservedForOutput() {
        // Given
        int[] prompt = TestHolder.ids(10, 1);
        TestRouter router = worker.router();

        // When
        router.send(router.compute(prompt, 50).setOutputCells(7));

        // Then
        List<DecodeResponse> heard = router.untilFinished();
        assertThat(tokens(heard)).hasSizeBetween(7, 8);
        assertThat(heard.getLast().getFinished().getCompletion().getReason())
                .isEqualTo(io.baton.inference.v1.FinishReason.FINISH_REASON_LENGTH);
    }

    @Test
    void shouldSupersedeAnOlderAttemptOfTheOtherWay() {
        // Given a leg that waits for blocks
        int[] prompt = TestHolder.ids(2 * BLOCK, 1);
        TestRouter older = worker.router();
        older.send(older.reserve(prompt, 5, holder.engine.kvLayout()));
        older.reserved();

        // When
        TestRouter newer = worker.again(older);
        DecodeCompute.Builder compute = newer.compute(prompt, 5);
        compute.getStartBuilder().setAttempt(2);
        newer.send(compute);

        // Then
        assertThat(older.failure().code()).isEqualTo(ErrorCode.CANCELLED);
        assertThat(tokens(newer.untilFinished())).isEqualTo(holder.alone(prompt, 5));
        worker.awaitRest();
    }

    @Test
    void shouldGoOnWhenTheRouterHasNothingMoreToSay() {
        // Given
        int[] prompt = TestHolder.ids(20, 1);
        TestRouter router = worker.router();

        // When
        router.send(DecodeRequest.newBuilder()
                        .setCompute(router.compute(prompt, 5))
                        .build())
                .halfClose();

        // Then
        assertThat(tokens(router.untilFinished())).isEqualTo(holder.alone(prompt, 5));
        assertThat(router.end()).isNull();
    }

    @Test
    void shouldStopAtAStopStringAsEver() {
        // Given
        int[] prompt = TestHolder.ids(20, 1);
        String text = text(whole(prompt, 20));
        String stop = text.substring(text.length() / 2, text.length() / 2 + 3);

        // When
        TestRouter router = worker.router();
        DecodeCompute.Builder compute = router.compute(prompt, 20);
        compute.getStartBuilder()
                .setStop(StopParams.newBuilder()
                        .setMaxTokens(20)
                        .setIgnoreEos(true)
                        .addStop(stop));
        router.send(compute);
        List<DecodeResponse> heard = router.untilFinished();

        // Then
        assertThat(text(heard)).isEqualTo(text.substring(0, text.indexOf(stop)));
        assertThat(heard.getLast().getFinished().getCompletion().getStopString())
                .isEqualTo(stop);
    }
}
