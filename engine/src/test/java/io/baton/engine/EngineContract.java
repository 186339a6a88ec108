package io.baton.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.function.Executable;

/**
 * What every {@link Engine} does. An engine's test extends it and says how to start one; rows that are recomputed must be
 * those that were moved, so a real model needs F32 weights, an F32 cache and no flash attention.
 */
@Timeout(value = 120, unit = TimeUnit.SECONDS)
public abstract class EngineContract {
    /** Cells of the engines under test. */
    protected static final int CELLS = 2048;
    /** Sequences of the engines under test. */
    protected static final int SEQUENCES = 8;
    /** Longest request of the engines under test. */
    protected static final int MAX_REQUEST = 1024;
    /** Block size used by most tests. */
    protected static final int BLOCK = 64;

    private final List<Engine> started = new ArrayList<>();
    /** Automatic, because an engine may write to a target until its sequence is released. */
    private final Arena arena = Arena.ofAuto();

    protected Engine engine = new NoEngine();

    /** Starts an engine with {@link #CELLS}, {@link #SEQUENCES} and {@link #MAX_REQUEST}. */
    protected abstract Engine start();

    @BeforeEach
    void startEngine() {
        engine = another();
    }

    @AfterEach
    protected void closeEngines() {
        started.forEach(Engine::close);
    }

    private Engine another() {
        Engine e = start();
        started.add(e);
        return e;
    }

    /** Tokens that are neither control tokens nor the same for another seed. */
    protected int[] prompt(int tokens, long seed) {
        return new Random(seed)
                .ints(tokens, 10, engine.model().vocabularySize())
                .toArray();
    }

    private Sequence open(Engine e, int cells) {
        return e.open(cells).join();
    }

    private MemorySegment memory(int tokens) {
        return arena.allocate(engine.kvLayout().bytes(tokens), 64);
    }

    private static PrefillWork work(int[] tokens, int block) {
        return new PrefillWork(tokens, tokens.length, block, Sampling.greedy(), null, -1);
    }

    /** Prefills and waits for the end. */
    private PrefillRecord prefill(Sequence sequence, int[] tokens, int block) {
        PrefillRecord record = new PrefillRecord(arena, engine.kvLayout());
        sequence.prefill(work(tokens, block), record);
        record.finished().join();
        return record;
    }

    private DecodeRecord decode(Sequence sequence, int[] history, int promptTokens, int tokens) {
        DecodeRecord record = new DecodeRecord(tokens);
        sequence.decode(new DecodeWork(history, promptTokens, Sampling.greedy(), -1), record);
        return record;
    }

    private static int[] plus(int[] tokens, int... more) {
        int[] all = Arrays.copyOf(tokens, tokens.length + more.length);
        System.arraycopy(more, 0, all, tokens.length, more.length);
        return all;
    }

    private static void assertCode(Executable call, ErrorCode code) {
        assertThatThrownBy(call::execute)
                .satisfies(e -> assertThat(e instanceof CompletionException && e.getCause() != null ? e.getCause() : e)
                        .isInstanceOfSatisfying(
                                BatonException.class, b -> assertThat(b.code()).isEqualTo(code)));
    }

    private void assertAtRest(Engine e) {
        EngineStats s = e.stats();
        assertThat(List.of(s.openSequences(), s.reservedCells(), s.usedCells(), s.running(), s.waiting()))
                .as("open, reserved, used, running, waiting")
                .containsOnly(0);
    }

    // ---- sequences

    @Test
    void shouldSetCellsAsideUntilRelease() {
        // When
        Sequence sequence = open(engine, 100);
        // Then
        assertThat(sequence.cells()).isEqualTo(100);
        assertThat(sequence.length()).isZero();
        assertThat(engine.stats().reservedCells()).isEqualTo(100);
        assertThat(engine.stats().openSequences()).isEqualTo(1);
        // When released, twice
        sequence.release().join();
        sequence.release().join();
        // Then
        assertAtRest(engine);
    }

    @Test
    void shouldTellWhatNeverFitsFromWhatDoesNotFitNow() {
        assertCode(() -> engine.open(MAX_REQUEST + 1).join(), ErrorCode.CONTEXT_LENGTH_EXCEEDED);
        // Given all cells set aside
        Sequence first = open(engine, MAX_REQUEST);
        Sequence second = open(engine, MAX_REQUEST);
        assertThat(CELLS).isEqualTo(2 * MAX_REQUEST);
        // Then
        assertCode(() -> engine.open(1).join(), ErrorCode.KV_FULL);
        // When one is released, there is room again
        first.release().join();
        open(engine, MAX_REQUEST).release().join();
        second.release().join();
        assertAtRest(engine);
    }

    @Test
    void shouldRefuseMoreSequencesThanThereAreIds() {
        // Given
        List<Sequence> all = new ArrayList<>();
        for (int i = 0; i < SEQUENCES; i++) {
            all.add(open(engine, 1));
        }
        // Then
        assertCode(() -> engine.open(1).join(), ErrorCode.KV_FULL);
        all.forEach(s -> s.release().join());
        assertAtRest(engine);
    }

    // ---- prefill

    @Test
    void shouldTellBlocksInOrderAndTheFirstTokenBeforeTheLastBlock() {
        // Given a prompt of three blocks and a tail
        int[] tokens = prompt(3 * BLOCK + 7, 1);
        Sequence sequence = open(engine, tokens.length);
        // When
        PrefillRecord record = prefill(sequence, tokens, BLOCK);
        // Then
        assertThat(record.events())
                .filteredOn(e -> !e.startsWith("may") && !e.equals("started") && !e.equals("chunk"))
                .containsExactly(
                        "block [0,64)",
                        "block [64,128)",
                        "block [128,192)",
                        "first token at 199",
                        "block [192,199)",
                        "finished 199");
        // and each block was asked for first; how far ahead is the engine's choice
        assertThat(record.events())
                .containsOnlyOnce("started", "may [0,64)", "may [64,128)", "may [128,192)", "may [192,199)")
                .containsSubsequence("started", "block [0,64)")
                .containsSubsequence("may [0,64)", "block [0,64)")
                .containsSubsequence("may [64,128)", "block [64,128)")
                .containsSubsequence("may [128,192)", "block [128,192)")
                .containsSubsequence("may [192,199)", "first token at 199");
        // and the end of the last chunk was told behind its last block
        assertThat(record.events()).endsWith("block [192,199)", "chunk", "finished 199");
        assertThat(sequence.length()).isEqualTo(tokens.length);
        assertThat(engine.stats().promptTokensComputed()).isEqualTo(tokens.length);
        assertThat(engine.stats().usedCells()).isEqualTo(tokens.length);
    }

    @Test
    void shouldPrefillOneToken() {
        // Given
        Sequence sequence = open(engine, 1);
        // Then
        assertThat(prefill(sequence, prompt(1, 1), BLOCK).events())
                .filteredOn(e -> !e.startsWith("may"))
                .containsExactly("started", "first token at 1", "block [0,1)", "chunk", "finished 1");
    }

    @Test
    void shouldComputeOnlyWhatIsNotThere() {
        // Given the blocks of a prompt whose cells are free again: a real model adds up in the order of the cells, so
        // that
        // rows computed in others may differ in their last bits
        int[] tokens = prompt(3 * BLOCK + 7, 2);
        Sequence first = open(engine, tokens.length);
        PrefillRecord whole = prefill(first, tokens, BLOCK);
        first.release().join();
        long computed = engine.stats().promptTokensComputed();
        // When the first two are imported elsewhere
        Sequence sequence = open(engine, tokens.length);
        sequence.importRows(0, BLOCK, whole.block(0)).join();
        sequence.importRows(BLOCK, 2 * BLOCK, whole.block(BLOCK)).join();
        PrefillRecord rest = prefill(sequence, tokens, BLOCK);
        // Then
        assertThat(rest.events()).doesNotContain("block [0,64)", "may [64,128)").contains("finished 71");
        assertThat(engine.stats().promptTokensComputed() - computed).isEqualTo(BLOCK + 7);
        assertThat(rest.firstToken()).isEqualTo(whole.firstToken());
        assertThat(rest.block(2 * BLOCK).mismatch(whole.block(2 * BLOCK))).isEqualTo(-1);
    }

    @Test
    void shouldTakeAForcedFirstToken() {
        // Given
        int[] tokens = prompt(10, 3);
        PrefillRecord record = new PrefillRecord(arena, engine.kvLayout());
        // When
        open(engine, 10).prefill(new PrefillWork(tokens, 8, BLOCK, Sampling.greedy(), 17, 0), record);
        record.finished().join();
        // Then
        assertThat(record.firstToken()).isEqualTo(17);
    }

    @Test
    void shouldPauseUntilResumed() {
        // Given a listener without room for the second block
        int[] tokens = prompt(2 * BLOCK + 5, 4);
        PrefillRecord record = new PrefillRecord(arena, engine.kvLayout());
        record.refuse(BLOCK);
        Sequence sequence = open(engine, tokens.length);
        sequence.prefill(work(tokens, BLOCK), record);
        record.refused().join();
        // When resumed for nothing, then with room
        record.refuse(BLOCK);
        sequence.resume();
        record.refused().join();
        assertThat(sequence.length()).isEqualTo(BLOCK);
        assertThat(record.finished()).isNotDone();
        sequence.resume();
        record.finished().join();
        // Then
        assertThat(record.events())
                .containsSubsequence("block [0,64)", "no [64,128)", "no [64,128)", "may [64,128)")
                .containsSubsequence("block [0,64)", "chunk", "may [64,128)");
    }

    @Test
    void shouldRefuseAPromptThatDoesNotFitItsCells() {
        // Given
        PrefillRecord record = new PrefillRecord(arena, engine.kvLayout());
        Sequence sequence = open(engine, 9);
        // When
        sequence.prefill(work(prompt(10, 1), BLOCK), record);
        // Then
        assertThatThrownBy(() -> record.finished().join()).hasRootCauseInstanceOf(BatonException.class);
        sequence.release().join();
        assertAtRest(engine);
    }

    @Test
    void shouldRefuseTokensOutsideTheVocabulary() {
        for (int bad : new int[] {-1, engine.model().vocabularySize()}) {
            PrefillRecord record = new PrefillRecord(arena, engine.kvLayout());
            open(engine, 9).prefill(work(new int[] {10, bad}, BLOCK), record);
            assertCode(() -> record.finished().join(), ErrorCode.INVALID_REQUEST);
        }
    }

    // ---- rows

    @Test
    void shouldMoveRowsBitForBitAndDecodeTheSameTokens() {
        for (int block : new int[] {BLOCK, 256}) {
            for (int length : new int[] {1, 255, 256, 257, 600}) {
                // Given a prompt prefilled and decoded in one engine
                int[] tokens = prompt(length, length);
                Sequence here = open(engine, length + 20);
                PrefillRecord blocks = prefill(here, tokens, block);
                int[] history = plus(tokens, blocks.firstToken());
                List<Integer> expected =
                        decode(here, history, length, 12).tokens().join();
                // When its blocks are imported by another
                Engine other = another();
                Sequence there = open(other, length + 20);
                List<Integer> ends = work(tokens, block).blockEnds();
                int begin = 0;
                for (int end : ends) {
                    there.importRows(begin, end, blocks.block(begin)).join();
                    begin = end;
                }
                // Then they come out as they went in
                begin = 0;
                for (int end : ends) {
                    MemorySegment again = memory(end - begin);
                    there.exportRows(begin, end, again).join();
                    assertThat(again.mismatch(blocks.block(begin)))
                            .as("block at " + begin)
                            .isEqualTo(-1);
                    begin = end;
                }
                // and the other goes on with the same tokens without computing a prompt token
                assertThat(decode(there, history, length, 12).tokens().join()).isEqualTo(expected);
                assertThat(other.stats().decodePromptTokensComputed()).isZero();
                assertThat(other.stats().promptTokensComputed()).isZero();
                assertThat(other.stats().importedBytes())
                        .isEqualTo(engine.kvLayout().bytes(length));
                here.release().join();
                there.release().join();
                assertAtRest(other);
                other.close();
            }
        }
        assertAtRest(engine);
    }

    @Test
    void shouldMoveRowsOfDecodedTokens() {
        // Given 20 decoded tokens
        int[] tokens = prompt(30, 5);
        Sequence here = open(engine, 100);
        PrefillRecord blocks = prefill(here, tokens, BLOCK);
        DecodeRecord decoded = decode(here, plus(tokens, blocks.firstToken()), 30, 20);
        List<Integer> chosen = decoded.tokens().join();
        assertThat(here.length()).isEqualTo(50);
        MemorySegment rows = memory(50);
        here.exportRows(0, 50, rows).join();
        // When they move
        Sequence there = open(engine, 100);
        there.importRows(0, 50, rows).join();
        MemorySegment again = memory(50);
        there.exportRows(0, 50, again).join();
        // Then
        assertThat(again.mismatch(rows)).isEqualTo(-1);
        int[] history = plus(
                plus(tokens, blocks.firstToken()),
                chosen.stream().mapToInt(i -> i).toArray());
        List<Integer> rest = decode(there, history, 30, 5).tokens().join();
        // as in a stream that did not move
        Sequence third = open(engine, 100);
        prefill(third, tokens, BLOCK);
        List<Integer> whole = decode(third, plus(tokens, blocks.firstToken()), 30, 25)
                .tokens()
                .join();
        assertThat(whole.subList(0, 20)).isEqualTo(chosen);
        assertThat(whole.subList(20, 25)).isEqualTo(rest);
    }

    @Test
    void shouldKeepRowsOfNeighboursApartWhenCellsAreReused() {
        // Given cells that are in use on both sides of freed ones
        int[] tokens = prompt(BLOCK, 6);
        List<Sequence> fill = new ArrayList<>();
        for (int i = 0; i < 6; i++) {
            Sequence s = open(engine, 40);
            prefill(s, prompt(40, 100 + i), BLOCK);
            fill.add(s);
        }
        fill.get(1).release().join();
        fill.get(3).release().join();
        // When a block lands across the gaps
        MemorySegment rows = prefill(open(engine, BLOCK), tokens, BLOCK).block(0);
        Sequence landed = open(engine, BLOCK + 8);
        landed.importRows(0, BLOCK, rows).join();
        MemorySegment again = memory(BLOCK);
        landed.exportRows(0, BLOCK, again).join();
        // Then
        assertThat(again.mismatch(rows)).isEqualTo(-1);
    }

    @Test
    void shouldRefuseRowsOutOfOrderOrOfAnotherSize() {
        // Given
        Sequence sequence = open(engine, 100);
        MemorySegment rows = memory(10);
        // Then
        assertThatThrownBy(() -> sequence.importRows(10, 20, rows).join()).hasCauseInstanceOf(BatonException.class);
        assertThatThrownBy(() -> sequence.importRows(0, 9, rows).join()).hasCauseInstanceOf(BatonException.class);
        assertThatThrownBy(() -> sequence.importRows(95, 105, rows).join()).hasCauseInstanceOf(BatonException.class);
        assertThatThrownBy(() -> sequence.exportRows(0, 10, rows).join()).hasCauseInstanceOf(BatonException.class);
        assertThat(sequence.length()).isZero();
        // and the engine lives on
        prefill(sequence, prompt(10, 1), BLOCK);
    }

    @Test
    void shouldShowADamagedRow() {
        // Given the rows of a prompt, one value of them changed
        int[] tokens = prompt(BLOCK, 8);
        Sequence here = open(engine, BLOCK + 40);
        PrefillRecord blocks = prefill(here, tokens, BLOCK);
        int[] history = plus(tokens, blocks.firstToken());
        List<Float> expected = logprobs(here, history);
        MemorySegment rows = memory(BLOCK);
        rows.copyFrom(blocks.block(0));
        damage(rows);
        // When
        Sequence there = open(engine, BLOCK + 40);
        there.importRows(0, BLOCK, rows).join();
        // Then
        assertThat(logprobs(there, history)).isNotEqualTo(expected);
    }

    /** Changes one value of a K row so that the model must notice. */
    protected void damage(MemorySegment rows) {
        rows.set(java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED, 0, 1000f);
    }

    private static List<Float> logprobs(Sequence sequence, int[] history) {
        DecodeRecord record = new DecodeRecord(3);
        sequence.decode(new DecodeWork(history, history.length - 1, Sampling.greedy(), 0), record);
        record.tokens().join();
        return record.logprobs();
    }

    // ---- decode

    @Test
    void shouldComputeMissingPromptTokensAndCountThem() {
        // Given the tokens that a prefill gives
        int[] tokens = prompt(BLOCK + 9, 9);
        Sequence here = open(engine, 100);
        PrefillRecord blocks = prefill(here, tokens, BLOCK);
        int[] history = plus(tokens, blocks.firstToken());
        List<Integer> expected =
                decode(here, history, tokens.length, 8).tokens().join();
        // When only the first block is there
        Sequence there = open(engine, 100);
        there.importRows(0, BLOCK, blocks.block(0)).join();
        DecodeRecord record = decode(there, history, tokens.length, 8);
        // Then
        assertThat(record.tokens().join()).isEqualTo(expected);
        assertThat(record.computedPromptTokens()).isEqualTo(9);
        assertThat(engine.stats().decodePromptTokensComputed()).isEqualTo(9);
    }

    @Test
    void shouldTellWhenTheCellsAreUsedUp() {
        // Given room for three tokens after the prompt
        int[] tokens = prompt(10, 10);
        Sequence sequence = open(engine, 13);
        int first = prefill(sequence, tokens, BLOCK).firstToken();
        // When
        DecodeRecord record = decode(sequence, plus(tokens, first), 10, 100);
        // Then the first token and two more have rows, and the third is told without
        assertThat(record.usedUp().join()).hasSize(3);
        assertThat(sequence.length()).isEqualTo(13);
    }

    @Test
    void shouldDecodeManySequencesAsEachAlone() {
        // Given streams decoded one after the other
        List<int[]> prompts = new ArrayList<>();
        List<List<Integer>> alone = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            int[] tokens = prompt(20 + 30 * i, 20 + i);
            Sequence s = open(engine, 200);
            int[] history = plus(tokens, prefill(s, tokens, BLOCK).firstToken());
            prompts.add(history);
            alone.add(decode(s, history, tokens.length, 20).tokens().join());
            s.release().join();
        }
        // When all at once, beside a prefill
        List<DecodeRecord> together = new ArrayList<>();
        for (int[] history : prompts) {
            Sequence s = open(engine, 200);
            PrefillRecord record = new PrefillRecord(arena, engine.kvLayout());
            int[] tokens = Arrays.copyOf(history, history.length - 1);
            s.prefill(work(tokens, BLOCK), record);
            record.finished().join();
            together.add(decode(s, history, tokens.length, 20));
        }
        prefill(open(engine, 300), prompt(300, 99), BLOCK);
        // Then
        for (int i = 0; i < 4; i++) {
            assertThat(together.get(i).tokens().join()).isEqualTo(alone.get(i));
        }
        assertThat(engine.stats().tokensGenerated()).isGreaterThanOrEqualTo(2 * 4 * 21);
    }

    @Test
    void shouldNumberTokensByPosition() {
        int[] tokens = prompt(10, 11);
        Sequence sequence = open(engine, 40);
        int first = prefill(sequence, tokens, BLOCK).firstToken();
        DecodeRecord record = decode(sequence, plus(tokens, first), 10, 4);
        record.tokens().join();
        assertThat(record.positions()).containsExactly(11, 12, 13, 14);
    }

    // ---- ends

    /** A generation that would go on, with its third token told and the engine's thread held until {@code asked}. */
    private static DecodeRecord heldAtThird(Sequence sequence, int[] history, CompletableFuture<Void> asked) {
        DecodeRecord record = new DecodeRecord(Integer.MAX_VALUE);
        record.holdUntil(asked);
        CompletableFuture<Void> third = record.atLeast(3);
        sequence.decode(new DecodeWork(history, 10, Sampling.greedy(), -1), record);
        third.join();
        return record;
    }

    @Test
    void shouldCallNoListenerAfterRelease() {
        // Given a generation that would go on
        int[] tokens = prompt(10, 12);
        Sequence sequence = open(engine, MAX_REQUEST);
        int first = prefill(sequence, tokens, BLOCK).firstToken();
        CompletableFuture<Void> asked = new CompletableFuture<>();
        DecodeRecord record = heldAtThird(sequence, plus(tokens, first), asked);
        // When
        CompletableFuture<Void> released = sequence.release();
        asked.complete(null);
        released.join();
        int told = record.positions().size();
        // Then also after further work of the engine
        prefill(open(engine, 100), prompt(100, 1), BLOCK);
        assertThat(record.positions()).hasSize(told);
        assertThat(record.tokens()).isNotDone();
        assertThat(record.usedUp()).isNotDone();
    }

    @Test
    void shouldStopAPrefillOnRelease() {
        // Given a prefill that waits
        int[] tokens = prompt(500, 13);
        PrefillRecord record = new PrefillRecord(arena, engine.kvLayout());
        record.refuse(BLOCK);
        Sequence sequence = open(engine, 500);
        sequence.prefill(work(tokens, BLOCK), record);
        record.refused().join();
        // When
        sequence.release().join();
        sequence.resume();
        // Then
        assertAtRest(engine);
        assertThat(record.finished()).isNotDone();
    }

    @Test
    void shouldComputeAtMostOneMoreChunkAfterRelease() {
        // Given a prompt of many chunks
        int[] tokens = prompt(500, 14);
        PrefillRecord record = new PrefillRecord(arena, engine.kvLayout());
        Sequence sequence = open(engine, 500);
        CompletableFuture<Long> before = new CompletableFuture<>();
        CompletableFuture<Void> released = new CompletableFuture<>();
        record.atFirstBlock(() -> {
            before.complete(engine.stats().promptTokensComputed());
            var _ = sequence.release().thenRun(() -> released.complete(null));
        });
        // When
        sequence.prefill(work(tokens, BLOCK), record);
        released.join();
        // Then also after further work of the engine
        int other = 1;
        prefill(open(engine, 100), prompt(other, 15), BLOCK);
        assertThat(engine.stats().promptTokensComputed() - before.join() - other)
                .isBetween(0L, (long) BLOCK);
        assertThat(record.finished()).isNotDone();
    }

    @Test
    void shouldComputeAtMostOneMoreStepAfterRelease() {
        // Given a generation that would go on, held at its third token
        int[] tokens = prompt(10, 16);
        Sequence sequence = open(engine, MAX_REQUEST);
        int first = prefill(sequence, tokens, BLOCK).firstToken();
        CompletableFuture<Void> asked = new CompletableFuture<>();
        heldAtThird(sequence, plus(tokens, first), asked);
        EngineStats before = engine.stats();
        // When
        CompletableFuture<Void> released = sequence.release();
        asked.complete(null);
        released.join();
        // Then
        EngineStats after = engine.stats();
        assertThat(after.steps() - before.steps()).isBetween(0L, 1L);
        assertThat(after.tokensGenerated() - before.tokensGenerated()).isBetween(0L, 1L);
    }

    @Test
    void shouldFailOnlyTheSequenceWhoseListenerThrows() {
        // Given
        int[] tokens = prompt(10, 14);
        CompletableFuture<Throwable> failed = new CompletableFuture<>();
        Sequence sequence = open(engine, 100);
        int first = prefill(sequence, tokens, BLOCK).firstToken();
        // When
        sequence.decode(new DecodeWork(plus(tokens, first), 10, Sampling.greedy(), -1), new DecodeListener() {
            @Override
            public boolean onToken(SampledToken token) {
                throw new IllegalStateException("thrown by a listener");
            }

            @Override
            public void onCellsUsedUp() {}

            @Override
            public void onFailed(Throwable cause) {
                failed.complete(cause);
            }
        });
        // Then
        assertThat(failed.join()).hasStackTraceContaining("thrown by a listener");
        sequence.release().join();
        prefill(open(engine, 10), tokens, BLOCK);
        assertThat(engine.failure()).isNull();
    }

    @Test
    void shouldFailWhatRunsAndRefuseWhatComesAfterClose() {
        // Given
        int[] tokens = prompt(10, 15);
        Sequence sequence = open(engine, MAX_REQUEST);
        int first = prefill(sequence, tokens, BLOCK).firstToken();
        DecodeRecord record = decode(sequence, plus(tokens, first), 10, Integer.MAX_VALUE);
        record.atLeast(1).join();
        // When
        engine.close();
        engine.close();
        // Then: failed, unless the cells were used up before
        assertThat(record.tokens().isCompletedExceptionally() || record.usedUp().isDone())
                .isTrue();
        assertCode(() -> engine.open(1).join(), ErrorCode.ENGINE_FAILED);
        sequence.release().join();
        assertAtRest(engine);
    }

    @Test
    void shouldFreeWhatIsOpenedAndReleasedAtOnce() {
        for (int round = 0; round < 50; round++) {
            CompletableFuture<Sequence> opening = engine.open(MAX_REQUEST);
            Sequence sequence = opening.join();
            sequence.prefill(work(prompt(100, round), BLOCK), new PrefillRecord(arena, engine.kvLayout()));
            sequence.release().join();
        }
        assertAtRest(engine);
    }

    @Test
    void shouldTurnTextIntoTokensAndBack() {
        // Given
        Tokenizer tokenizer = engine.tokenizer();
        String text = "Once upon a time, said the café's 🦊.";
        // When
        java.io.ByteArrayOutputStream bytes = new java.io.ByteArrayOutputStream();
        for (int id : tokenizer.encode(text, true, false)) {
            bytes.writeBytes(tokenizer.piece(id));
        }
        // Then
        assertThat(bytes.toString(java.nio.charset.StandardCharsets.UTF_8).strip())
                .isEqualTo(text);
    }

    /** Stands until {@link #startEngine}. */
    private static final class NoEngine implements Engine {
        private static IllegalStateException none() {
            return new IllegalStateException("no engine yet");
        }

        @Override
        public ModelInfo model() {
            throw none();
        }

        @Override
        public KvLayout kvLayout() {
            throw none();
        }

        @Override
        public Tokenizer tokenizer() {
            throw none();
        }

        @Override
        public EngineLimits limits() {
            throw none();
        }

        @Override
        public EngineStats stats() {
            throw none();
        }

        @Override
        public CompletableFuture<Sequence> open(int cells) {
            throw none();
        }

        @Override
        public Throwable failure() {
            return none();
        }

        @Override
        public void close() {}
    }
}
