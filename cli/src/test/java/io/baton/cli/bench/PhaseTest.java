package io.baton.cli.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.baton.cli.launch.LaunchException;
import io.baton.engine.Engine;
import io.baton.engine.simulated.SimulatedEngine;
import io.baton.engine.simulated.SimulatedEngineConfig;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

class PhaseTest {
    private static final Workload LOAD = new Workload(3, 16, 40, 200, 4096);

    private static Phase.Plan plan(int gaps, int prompts) {
        return new Phase.Plan(3, 2, gaps, prompts, Duration.ofMinutes(1));
    }

    @Test
    void shouldMeasureUntilThereAreEnoughGapsAndPrompts() {
        // Given an engine that is fast but not instant: 0.2 ms per step, 10 µs per prompt token
        SimulatedEngineConfig config =
                SimulatedEngineConfig.defaults().withCosts(0, 10, 200, 0).withLimits(4096, 16, 4096);
        try (Engine engine = new SimulatedEngine(config)) {
            EngineTarget target =
                    new EngineTarget(engine, new RandomPrompts(1, engine.model().vocabularySize()), LOAD);
            // When
            Phase idle = Phase.run(target, plan(300, 0), List.of());
            Phase loaded = Phase.run(target, plan(50, 4), List.of(() -> Duration.ZERO));
            // Then, with streams of 40 tokens that start again
            assertThat(idle.gaps()).hasSizeGreaterThanOrEqualTo(300).allMatch(gap -> gap >= 0);
            assertThat(idle.prompts()).isEmpty();
            assertThat(loaded.gaps()).hasSizeGreaterThanOrEqualTo(50);
            assertThat(loaded.prompts())
                    .hasSizeGreaterThanOrEqualTo(4)
                    .allMatch(p ->
                            p.computedTokens() == 200 && p.prefillNanos() >= 200 * 10_000L && p.secondTokenNanos() > 0);
            assertThat(loaded.cpu()).containsExactly(0L);
            assertThat(Phase.alone(target, 2)).hasSize(2);
        }
    }

    @Test
    void shouldSayWhatEndedAStream() {
        // Given an engine that fails
        SimulatedEngineConfig config =
                SimulatedEngineConfig.withoutDelays().withLimits(4096, 16, 4096).withFailAfterSteps(20);
        try (Engine engine = new SimulatedEngine(config)) {
            EngineTarget target =
                    new EngineTarget(engine, new RandomPrompts(1, engine.model().vocabularySize()), LOAD);
            // Then
            assertThatThrownBy(() -> Phase.run(target, plan(10_000, 0), List.of()))
                    .hasStackTraceContaining("told to fail");
        }
    }

    @Test
    void shouldGiveUpWhenItTakesTooLong() {
        // Given streams that give nothing
        Phase.Target silent = new Phase.Target() {
            @Override
            public Phase.Stream stream(TokenTimes times) {
                return new Phase.Stream() {
                    @Override
                    public CompletableFuture<Void> failure() {
                        return new CompletableFuture<>();
                    }

                    @Override
                    public void close() {}
                };
            }

            @Override
            public CompletableFuture<Phase.Prompt> prompt() {
                return new CompletableFuture<>();
            }
        };
        // Then
        assertThatThrownBy(() -> Phase.run(silent, new Phase.Plan(1, 1, 1, 0, Duration.ofMillis(50)), List.of()))
                .isInstanceOf(LaunchException.class)
                .hasMessageContaining("--timeout");
    }
}
