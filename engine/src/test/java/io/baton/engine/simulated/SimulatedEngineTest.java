package io.baton.engine.simulated;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.baton.engine.DecodeListener;
import io.baton.engine.DecodeWork;
import io.baton.engine.Engine;
import io.baton.engine.EngineContract;
import io.baton.engine.SampledToken;
import io.baton.engine.Sampling;
import io.baton.engine.Sequence;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class SimulatedEngineTest extends EngineContract {
    private static final SimulatedEngineConfig CONFIG =
            SimulatedEngineConfig.withoutDelays().withLimits(CELLS, SEQUENCES, MAX_REQUEST);

    @Override
    protected Engine start() {
        return new SimulatedEngine(CONFIG);
    }

    /** Generates from tokens that are computed here. */
    private static CompletableFuture<List<Integer>> generate(Engine engine, int[] history, int tokens) {
        CompletableFuture<List<Integer>> done = new CompletableFuture<>();
        List<Integer> ids = new ArrayList<>();
        Sequence sequence = engine.open(history.length + tokens).join();
        sequence.decode(new DecodeWork(history, history.length, Sampling.greedy(), -1), new DecodeListener() {
            @Override
            public boolean onToken(SampledToken token) {
                ids.add(token.id());
                if (ids.size() == tokens) {
                    done.complete(List.copyOf(ids));
                }
                return ids.size() < tokens;
            }

            @Override
            public void onCellsUsedUp() {
                done.completeExceptionally(new AssertionError("cells used up"));
            }

            @Override
            public void onFailed(Throwable cause) {
                done.completeExceptionally(cause);
            }
        });
        return done;
    }

    @Test
    void shouldDependOnEveryByteOfEveryRow() {
        // Given the rows of 3 tokens and what follows from them
        SimulatedModel model = new SimulatedModel(CONFIG);
        SimulatedRows rows = model.newRows();
        IntStream.of(20, 30, 40).forEach(rows::compute);
        MemorySegment bytes = Arena.ofAuto().allocate(model.layout().bytes(3));
        rows.read(0, 3, bytes);
        for (long i = 0; i < bytes.byteSize(); i++) {
            // When one byte is another
            byte before = bytes.get(java.lang.foreign.ValueLayout.JAVA_BYTE, i);
            bytes.set(java.lang.foreign.ValueLayout.JAVA_BYTE, i, (byte) (before ^ 1));
            SimulatedRows damaged = model.newRows();
            damaged.append(bytes, 3);
            bytes.set(java.lang.foreign.ValueLayout.JAVA_BYTE, i, before);
            // Then
            assertThat(damaged.state()).as("byte " + i).isNotEqualTo(rows.state());
        }
        SimulatedRows whole = model.newRows();
        whole.append(bytes, 3);
        assertThat(whole.state()).isEqualTo(rows.state());
    }

    @Test
    void shouldRefuseToMoveRowsOfASequenceThatWasReleased() {
        // Given
        Sequence sequence = engine.open(10).join();
        var _ = sequence.release();
        MemorySegment rows = Arena.ofAuto().allocate(engine.kvLayout().bytes(1));
        // When / Then
        for (CompletableFuture<Void> moved :
                List.of(sequence.importRows(0, 1, rows), sequence.exportRows(0, 1, rows))) {
            assertThat(moved)
                    .failsWithin(Duration.ofSeconds(30))
                    .withThrowableThat()
                    .withMessageContaining("released");
        }
    }

    @Test
    void shouldDependOnThePromptAndOnTheModelsSeed() {
        // Given
        int[] prompt = prompt(50, 1);
        int[] other = prompt.clone();
        other[0]++;
        List<Integer> tokens = generate(engine, prompt, 10).join();
        // Then
        assertThat(generate(engine, prompt, 10).join()).isEqualTo(tokens);
        assertThat(generate(engine, other, 10).join()).isNotEqualTo(tokens);
        try (Engine seeded = new SimulatedEngine(CONFIG.withSeed(1))) {
            assertThat(generate(seeded, prompt, 10).join()).isNotEqualTo(tokens);
            assertThat(seeded.model().fingerprint()).isNotEqualTo(engine.model().fingerprint());
        }
    }

    @Test
    void shouldRefuseCommandsBeyondItsQueue() {
        try (Engine small = new SimulatedEngine(CONFIG.withQueue(256, 2))) {
            // Given an engine thread that is kept busy by a listener
            CompletableFuture<Void> busy = new CompletableFuture<>();
            CompletableFuture<Void> go = new CompletableFuture<>();
            small.open(1).join().decode(new DecodeWork(new int[] {20}, 1, Sampling.greedy(), -1), new DecodeListener() {
                @Override
                public boolean onToken(SampledToken token) {
                    busy.complete(null);
                    go.join();
                    return false;
                }

                @Override
                public void onCellsUsedUp() {}

                @Override
                public void onFailed(Throwable cause) {
                    busy.completeExceptionally(cause);
                }
            });
            busy.join();
            // When the queue is full
            CompletableFuture<Sequence> first = small.open(1);
            CompletableFuture<Sequence> second = small.open(1);
            CompletableFuture<Sequence> third = small.open(1);
            // Then
            assertThatThrownBy(third::join)
                    .hasRootCauseInstanceOf(BatonException.class)
                    .satisfies(e -> assertThat(BatonException.from(e).code()).isEqualTo(ErrorCode.QUEUE_FULL));
            go.complete(null);
            assertThat(first.join()).isNotNull();
            assertThat(second.join()).isNotNull();
        }
    }

    @Test
    void shouldFailAllSequencesWhenToldToFail() {
        // Given
        Engine failing = new SimulatedEngine(CONFIG.withFailAfterSteps(5));
        // When
        CompletableFuture<List<Integer>> one = generate(failing, prompt(10, 1), 100);
        // Then
        assertThatThrownBy(one::join)
                .satisfies(e -> assertThat(BatonException.from(e).code()).isEqualTo(ErrorCode.ENGINE_FAILED));
        assertThatThrownBy(() -> failing.open(1).join())
                .satisfies(e -> assertThat(BatonException.from(e).code()).isEqualTo(ErrorCode.ENGINE_FAILED));
        failing.close();
        assertThat(failing.failure()).hasMessageContaining("told to fail");
        assertThat(failing.stats().openSequences()).isZero();
    }

    @Test
    void shouldTakeAtLeastTheTimeThatItsModelSays() {
        // Given 2 ms per decode step and 0.1 ms per prompt token
        SimulatedEngineConfig slow = CONFIG.withCosts(0, 100, 2000, 0).withSpeed(1);
        try (Engine timed = new SimulatedEngine(slow)) {
            // When 99 prompt tokens are computed and then 10 steps
            long start = System.nanoTime();
            generate(timed, prompt(100, 1), 10).join();
            long took = System.nanoTime() - start;
            // Then
            assertThat(took).isGreaterThanOrEqualTo((99 * 100 + 10 * 2000) * 1000L);
        }
    }

    @Test
    void shouldTellForHowLongItHasBeenInOneStep() {
        // Given a step that does not end while the test looks
        SimulatedEngineConfig hanging =
                CONFIG.withCosts(0, 0, 3_600_000_000.0, 0).withSpeed(1);
        try (Engine stuck = new SimulatedEngine(hanging)) {
            assertThat(stuck.open(1).join()).isNotNull();
            await(() -> stuck.stats().turnNanos() == 0);
            // When
            CompletableFuture<List<Integer>> never = generate(stuck, prompt(10, 1), 2);
            // Then
            long limit = 50_000_000;
            await(() -> stuck.stats().turnNanos() > limit);
            assertThat(never).isNotDone();
        }
    }

    private static void await(java.util.function.BooleanSupplier condition) {
        long deadline = System.nanoTime() + 60_000_000_000L;
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime() - deadline).isNegative();
            Thread.onSpinWait();
        }
    }

    @Test
    void shouldMoveRowsInPiecesBetweenStepsWithinTheImportBudget() {
        // Given moves that cost as much as the budget each, so that two go between two steps
        SimulatedEngineConfig costly = new SimulatedEngineConfig(
                "m", 0, 1024, 1024, 2, 256, CELLS, SEQUENCES, MAX_REQUEST, 256, 64, 0, 0, 0, 0, 2560, 1, 1000, 0);
        try (Engine budgeted = new SimulatedEngine(costly)) {
            MemorySegment rows = Arena.ofAuto().allocate(budgeted.kvLayout().bytes(10));
            Sequence sequence = budgeted.open(100).join();
            // When ten blocks are given at once
            List<CompletableFuture<Void>> moves = new ArrayList<>();
            for (int i = 0; i < 10; i++) {
                moves.add(sequence.importRows(10 * i, 10 * i + 10, rows));
            }
            moves.forEach(CompletableFuture::join);
            // Then all land, in order
            assertThat(sequence.length()).isEqualTo(100);
            assertThat(budgeted.stats().importedBytes())
                    .isEqualTo(budgeted.kvLayout().bytes(100));
        }
    }

    @Test
    void shouldRefuseANonsensicalConfiguration() {
        assertThatThrownBy(() -> CONFIG.withKv(2, 100)).hasMessageContaining("kvBytesPerToken");
        assertThatThrownBy(() -> CONFIG.withSpeed(-1)).hasMessageContaining("speed");
        assertThatThrownBy(() -> CONFIG.withSpeed(Double.NaN)).hasMessageContaining("speed");
        assertThatThrownBy(() -> CONFIG.withLimits(0, 1, 1)).hasMessageContaining("cells");
        assertThatThrownBy(() -> CONFIG.withQueue(1, 0)).hasMessageContaining("queueCapacity");
    }
}
