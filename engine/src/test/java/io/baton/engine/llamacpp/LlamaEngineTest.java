package io.baton.engine.llamacpp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.baton.engine.DecodeWork;
import io.baton.engine.PrefillWork;
import io.baton.engine.SampledToken;
import io.baton.engine.Sampling;
import io.baton.engine.Sequence;
import io.baton.engine.llamacpp.Runs.Decoded;
import io.baton.engine.llamacpp.Runs.Prefilled;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What the engine promises its callers, on a real model. */
class LlamaEngineTest {
    private LlamaEngine engine;
    private long nativeBefore;

    LlamaEngineTest() {
        nativeBefore = LlamaEngine.liveNativeObjects();
        engine = LlamaEngine.start(LlamaEngineConfig.of(TestModels.any())
                .withKv(KvType.F32, false)
                .withContext(2048, 1500)
                .withThreads(1)
                .withBatch(64, 4)
                .withLimits(8, 4));
    }

    @BeforeEach
    void shouldStartEmpty() {
        assertThat(engine.stats().reservedCells()).isZero();
    }

    @AfterEach
    void shouldLeaveNothingBehind() {
        engine.close();
        assertThat(LlamaEngine.liveNativeObjects()).isEqualTo(nativeBefore);
    }

    private static int[] prompt(int length, int salt) {
        return IntStream.range(0, length)
                .map(i -> i == 0 ? 1 : 3 + (i * 37 + salt * 101) % 250)
                .toArray();
    }

    private static void refused(ErrorCode code, ThrowingCallable call) {
        assertThatThrownBy(call)
                .isInstanceOfSatisfying(
                        BatonException.class, e -> assertThat(e.code()).isEqualTo(code));
    }

    private void assertEmpty() {
        assertThat(engine.stats().openSequences()).isZero();
        assertThat(engine.stats().reservedCells()).isZero();
        assertThat(engine.stats().usedCells()).isZero();
        assertThat(engine.stats().running()).isZero();
        assertThat(engine.stats().waiting()).isZero();
    }

    @Test
    void shouldPrefillSeveralPromptsAtOnceLikeEachAlone() {
        // Given
        int[] lengths = {1, 63, 64, 65, 200, 333};
        List<int[]> prompts = IntStream.range(0, lengths.length)
                .mapToObj(i -> prompt(lengths[i], i))
                .toList();
        List<int[]> alone = prompts.stream().map(this::generate).toList();
        // When
        List<CompletableFuture<int[]>> together =
                prompts.stream().map(this::generateLater).toList();
        // Then
        for (int i = 0; i < lengths.length; i++) {
            assertThat(Runs.get(together.get(i))).as("%d tokens", lengths[i]).isEqualTo(alone.get(i));
        }
    }

    private int[] generate(int[] prompt) {
        return Runs.get(generateLater(prompt));
    }

    private CompletableFuture<int[]> generateLater(int[] prompt) {
        Sequence s = Runs.get(engine.open(prompt.length + 12));
        return Runs.prefill(engine, s, prompt, 64)
                .thenCompose(p -> Runs.decode(s, prompt, p.first().id(), 10)
                        .thenApply(d -> Runs.append(new int[] {p.first().id()}, d.ids())))
                .whenComplete((_, _) -> s.close());
    }

    @Test
    void shouldTellStartFirstTokenBlocksAndEndInOrder() {
        // Given
        Sequence s = Runs.get(engine.open(150));
        // When
        Prefilled p = Runs.get(Runs.prefill(engine, s, prompt(150, 0), 64));
        // Then
        assertThat(p.events())
                .containsExactly("started", "block 0-64", "block 64-128", "first", "block 128-150", "finished");
        assertThat(p.computed()).isEqualTo(150);
        assertThat(p.first().position()).isEqualTo(150);
    }

    @Test
    void shouldComputeOnlyWhatWasNotImported() {
        // Given
        int[] prompt = prompt(200, 3);
        Sequence first = Runs.get(engine.open(200));
        Prefilled whole = Runs.get(Runs.prefill(engine, first, prompt, 64));
        Sequence second = Runs.get(engine.open(200));
        // When
        whole.blocks().subList(0, 2).forEach(b -> {
            var _ = second.importRows(b.begin(), b.end(), b.rows());
        });
        Prefilled rest = Runs.get(Runs.prefill(engine, second, prompt, 64));
        // Then
        assertThat(rest.computed()).isEqualTo(72);
        assertThat(rest.first().id()).isEqualTo(whole.first().id());
        assertThat(rest.events()).containsExactly("started", "block 128-192", "first", "block 192-200", "finished");
    }

    @Test
    void shouldPauseBeforeABlockUntilResumed() {
        // Given
        Sequence s = Runs.get(engine.open(192));
        List<String> asked = new ArrayList<>();
        CompletableFuture<Void> paused = new CompletableFuture<>();
        Runs.Prefill listener = new Runs.Prefill(engine, true) {
            @Override
            public boolean mayCompute(int begin, int end) {
                asked.add(begin + "-" + end);
                boolean pause = begin == 64 && asked.size() == 2;
                if (pause) {
                    paused.complete(null);
                }
                return !pause;
            }
        };
        // When
        s.prefill(new PrefillWork(prompt(192, 0), 192, 64, Sampling.greedy(), null, -1), listener);
        Runs.get(paused);
        Runs.get(s.exportRows(0, 64, Arena.ofAuto().allocate(engine.kvLayout().bytes(64))));
        int atPause = s.length();
        s.resume();
        Prefilled p = Runs.get(listener.done);
        // Then
        assertThat(atPause).isEqualTo(64);
        assertThat(asked).containsExactly("0-64", "64-128", "64-128", "128-192");
        assertThat(p.blocks()).hasSize(3);
    }

    @Test
    void shouldStopARunningPrefillWhenReleased() {
        // Given
        Sequence s = Runs.get(engine.open(1500));
        CompletableFuture<CompletableFuture<Void>> released = new CompletableFuture<>();
        AtomicInteger toldAfter = new AtomicInteger();
        Runs.Prefill listener = new Runs.Prefill(engine, true) {
            @Override
            public void onBlock(int begin, int end, MemorySegment rows) {
                if (released.isDone()) {
                    toldAfter.incrementAndGet();
                }
                released.complete(s.release());
            }

            @Override
            public void onFailed(Throwable cause) {
                toldAfter.incrementAndGet();
            }
        };
        // When
        s.prefill(new PrefillWork(prompt(1500, 0), 1500, 64, Sampling.greedy(), null, -1), listener);
        Runs.get(Runs.get(released));
        // Then
        assertEmpty();
        assertThat(engine.stats().promptTokensComputed()).isEqualTo(64);
        assertThat(toldAfter).hasValue(0);
        assertThat(generate(prompt(10, 1))).hasSize(11);
    }

    @Test
    void shouldRefuseCellsThatAreNotThere() {
        refused(ErrorCode.CONTEXT_LENGTH_EXCEEDED, () -> Runs.get(engine.open(1501)));
        refused(ErrorCode.INVALID_REQUEST, () -> Runs.get(engine.open(0)));
        Sequence s = Runs.get(engine.open(1500));
        refused(ErrorCode.KV_FULL, () -> Runs.get(engine.open(549)));
        Runs.get(engine.open(548));
        Runs.get(s.release());
        Runs.get(engine.open(549));
    }

    @Test
    void shouldRefuseMoreSequencesThanThereAreIds() {
        for (int i = 0; i < 8; i++) {
            Runs.get(engine.open(1));
        }
        refused(ErrorCode.KV_FULL, () -> Runs.get(engine.open(1)));
    }

    @Test
    void shouldRefuseTransfersWhenTheQueueIsFull() throws InterruptedException {
        // Given
        Sequence s = Runs.get(engine.open(64));
        CountDownLatch go = new CountDownLatch(1);
        CountDownLatch busy = new CountDownLatch(1);
        Runs.Prefill listener = new Runs.Prefill(engine, false) {
            @Override
            public void onStarted() {
                busy.countDown();
                try {
                    go.await();
                } catch (InterruptedException e) {
                    throw new IllegalStateException(e);
                }
            }
        };
        s.prefill(new PrefillWork(prompt(64, 0), 64, 64, Sampling.greedy(), null, -1), listener);
        busy.await();
        MemorySegment target = Arena.ofAuto().allocate(engine.kvLayout().bytes(64));
        // When
        List<CompletableFuture<Void>> four =
                IntStream.range(0, 4).mapToObj(_ -> s.exportRows(0, 64, target)).toList();
        CompletableFuture<Void> fifth = s.exportRows(0, 64, target);
        go.countDown();
        // Then
        refused(ErrorCode.QUEUE_FULL, () -> Runs.get(fifth));
        Runs.get(listener.done);
        four.forEach(Runs::get);
        Runs.get(s.exportRows(0, 64, target));
    }

    @Test
    void shouldRefuseBadRows() {
        Sequence s = Runs.get(engine.open(100));
        MemorySegment rows = Arena.ofAuto().allocate(engine.kvLayout().bytes(64));
        refused(ErrorCode.INVALID_REQUEST, () -> Runs.get(s.importRows(0, 63, rows)));
        refused(ErrorCode.INVALID_REQUEST, () -> Runs.get(s.importRows(-1, 63, rows)));
        refused(ErrorCode.INVALID_REQUEST, () -> Runs.get(s.importRows(64, 64, rows)));
        refused(ErrorCode.INVALID_REQUEST, () -> Runs.get(s.importRows(64, 128, rows)));
        refused(ErrorCode.INVALID_REQUEST, () -> Runs.get(s.importRows(10, 74, rows)));
        refused(ErrorCode.INVALID_REQUEST, () -> Runs.get(s.exportRows(0, 64, rows)));
        try (Arena confined = Arena.ofConfined()) {
            MemorySegment foreign = confined.allocate(rows.byteSize());
            refused(ErrorCode.INVALID_REQUEST, () -> Runs.get(s.importRows(0, 64, foreign)));
        }
        Runs.get(s.importRows(0, 64, rows));
        refused(ErrorCode.INVALID_REQUEST, () -> Runs.get(s.importRows(0, 64, rows)));
        refused(ErrorCode.INVALID_REQUEST, () -> Runs.get(s.exportRows(32, 65, rows)));
    }

    @Test
    void shouldRefuseBadPrompts() {
        int vocabulary = engine.model().vocabularySize();
        refused(ErrorCode.INVALID_REQUEST, () -> prefillOf(new int[0], 64, null));
        refused(ErrorCode.INVALID_REQUEST, () -> prefillOf(new int[] {1, vocabulary}, 64, null));
        refused(ErrorCode.INVALID_REQUEST, () -> prefillOf(new int[] {-1}, 64, null));
        refused(ErrorCode.INVALID_REQUEST, () -> prefillOf(new int[] {1}, 0, null));
        refused(ErrorCode.INVALID_REQUEST, () -> prefillOf(new int[] {1}, 64, vocabulary));
        refused(ErrorCode.CONTEXT_LENGTH_EXCEEDED, () -> prefillOf(prompt(101, 0), 64, null));
    }

    private void prefillOf(int[] tokens, int blockSize, @Nullable Integer forced) {
        Sequence s = Runs.get(engine.open(100));
        try {
            Runs.Prefill listener = new Runs.Prefill(engine, true);
            s.prefill(new PrefillWork(tokens, tokens.length, blockSize, Sampling.greedy(), forced, -1), listener);
            Runs.get(listener.done);
        } finally {
            Runs.get(s.release());
        }
    }

    @Test
    void shouldTakeTheForcedFirstToken() {
        // Given
        Sequence s = Runs.get(engine.open(20));
        Runs.Prefill listener = new Runs.Prefill(engine, true);
        // When
        s.prefill(new PrefillWork(prompt(20, 0), 20, 64, Sampling.greedy(), 77, 3), listener);
        SampledToken first = Runs.get(listener.done).first();
        // Then
        assertThat(first.id()).isEqualTo(77);
        assertThat(first.logprob()).isNegative();
        assertThat(first.top()).hasSize(3);
    }

    @Test
    void shouldFailOnlyTheSequenceWhoseListenerThrows() {
        // Given
        Sequence good = Runs.get(engine.open(300));
        Sequence bad = Runs.get(engine.open(300));
        Runs.Prefill throwing = new Runs.Prefill(engine, true) {
            @Override
            public void onBlock(int begin, int end, MemorySegment rows) {
                throw new IllegalStateException("on purpose");
            }
        };
        // When
        bad.prefill(new PrefillWork(prompt(300, 0), 300, 64, Sampling.greedy(), null, -1), throwing);
        CompletableFuture<Prefilled> other = Runs.prefill(engine, good, prompt(300, 1), 64);
        // Then
        refused(ErrorCode.INTERNAL, () -> Runs.get(throwing.done));
        assertThat(Runs.get(other).blocks()).hasSize(5);
        assertThat(engine.failure()).isNull();
        Runs.get(bad.release());
        Runs.get(good.release());
        assertEmpty();
    }

    @Test
    void shouldTellWhenTheCellsAreUsedUp() {
        // Given
        int[] prompt = prompt(20, 0);
        Sequence s = Runs.get(engine.open(24));
        Prefilled p = Runs.get(Runs.prefill(engine, s, prompt, 64));
        // When
        Decoded d = Runs.get(Runs.decode(s, prompt, p.first().id(), 100));
        // Then
        assertThat(d.cellsUsedUp()).isTrue();
        assertThat(d.tokens()).hasSize(4);
        assertThat(d.tokens().getLast().position()).isEqualTo(24);
    }

    @Test
    void shouldCountPromptTokensThatDecodeHadToCompute() {
        // Given
        int[] prompt = prompt(200, 5);
        int[] expected = generate(prompt);
        long before = engine.stats().decodePromptTokensComputed();
        Sequence s = Runs.get(engine.open(220));
        Runs.Decode listener = new Runs.Decode(11);
        // When
        s.decode(new DecodeWork(prompt, prompt.length, Sampling.greedy(), -1), listener);
        Decoded d = Runs.get(listener.done);
        // Then
        assertThat(d.ids()).isEqualTo(expected);
        assertThat(d.computedPromptTokens()).isEqualTo(200);
        assertThat(engine.stats().decodePromptTokensComputed() - before).isEqualTo(200);
    }

    @Test
    void shouldRefuseASecondPrefillOfASequence() {
        Sequence s = Runs.get(engine.open(10));
        Runs.get(Runs.prefill(engine, s, prompt(5, 0), 64));
        refused(ErrorCode.PROTOCOL_VIOLATION, () -> Runs.prefill(engine, s, prompt(5, 0), 64));
        refused(
                ErrorCode.PROTOCOL_VIOLATION,
                () -> Runs.get(s.importRows(
                        5, 6, Arena.ofAuto().allocate(engine.kvLayout().bytes(1)))));
    }

    @Test
    void shouldReleaseTwiceAndAfterClose() {
        Sequence s = Runs.get(engine.open(10));
        Sequence later = Runs.get(engine.open(10));
        Runs.get(s.release());
        Runs.get(s.release());
        refused(
                ErrorCode.CANCELLED,
                () -> Runs.get(s.importRows(
                        0, 1, Arena.ofAuto().allocate(engine.kvLayout().bytes(1)))));
        engine.close();
        engine.close();
        Runs.get(later.release());
        assertEmpty();
    }

    @Test
    void shouldFailWhatRunsAndRefuseWhatComesAfterClose() throws InterruptedException {
        // Given
        Sequence s = Runs.get(engine.open(1500));
        Sequence idle = Runs.get(engine.open(10));
        CountDownLatch begun = new CountDownLatch(1);
        Runs.Prefill listener = new Runs.Prefill(engine, false) {
            @Override
            public void onStarted() {
                begun.countDown();
            }
        };
        s.prefill(new PrefillWork(prompt(1500, 0), 1500, 64, Sampling.greedy(), null, -1), listener);
        begun.await();
        // When
        engine.close();
        // Then
        refused(ErrorCode.ENGINE_FAILED, () -> Runs.get(listener.done));
        refused(ErrorCode.ENGINE_FAILED, () -> Runs.get(engine.open(1)));
        refused(ErrorCode.ENGINE_FAILED, () -> Runs.get(Runs.prefill(engine, idle, prompt(5, 0), 64)));
        refused(ErrorCode.ENGINE_FAILED, () -> engine.tokenizer().encode("x", true, true));
    }

    @Test
    void shouldMoveALargeBlockInPieces() {
        // Given
        int[] prompt = prompt(512, 2);
        try (LlamaEngine small = LlamaEngine.start(LlamaEngineConfig.of(TestModels.any())
                .withKv(KvType.F32, false)
                .withContext(1024, 1024)
                .withThreads(1)
                .withTransfers(java.time.Duration.ZERO, 100_000))) {
            Sequence from = Runs.get(engine.open(512));
            Prefilled p = Runs.get(Runs.prefill(engine, from, prompt, 512));
            Sequence to = Runs.get(small.open(520));
            // When
            Runs.get(to.importRows(0, 512, p.blocks().getFirst().rows()));
            // Then
            assertThat(HandOverTest.export(small, to, 0, 512)
                            .mismatch(p.blocks().getFirst().rows()))
                    .isEqualTo(-1);
            assertThat(Runs.get(Runs.decode(to, prompt, p.first().id(), 3)).ids())
                    .isEqualTo(Runs.get(Runs.decode(
                                    openLike(from, p), prompt, p.first().id(), 3))
                            .ids());
        }
    }

    /** The same rows in another sequence of this engine. */
    private Sequence openLike(Sequence from, Prefilled p) {
        Sequence s = Runs.get(engine.open(from.cells() + 8));
        Runs.get(s.importRows(0, 512, p.blocks().getFirst().rows()));
        return s;
    }
}
