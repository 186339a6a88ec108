package io.baton.cli.bench.goodput;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.baton.cli.bench.goodput.RealFleet.Seen;
import io.baton.cli.bench.goodput.Samples.Step;
import io.baton.cli.launch.LaunchException;
import java.util.List;
import org.junit.jupiter.api.Test;

class SamplesTest {
    private static final List<Double> STEPS = List.of(0.007, 0.014, 0.015);
    private static final double CELL = 1e-5;
    private static final double HAND_OVER = 0.02;
    private static final Costs OTHERWISE = Costs.example();

    private final Samples samples = new Samples();

    private static double prompt(int tokens) {
        return 0.01 + 0.002 * tokens + 1e-6 * tokens * tokens;
    }

    private static double step(int streams, long cells) {
        return STEPS.get(streams - 1) + CELL * cells;
    }

    private static Seen seen(double first, double second) {
        return new Seen(0, 0, List.of((long) (first * 1e9), (long) ((first + second) * 1e9)));
    }

    private void promptsAlone(int... lengths) {
        for (int n : lengths) {
            samples.prompt(n, seen(prompt(n), HAND_OVER + step(1, n)));
        }
    }

    private void steps(int... streams) {
        for (int n : streams) {
            samples.steps(new Step(n, 100L * n, step(n, 100L * n)));
            samples.steps(new Step(n, 1000L * n, step(n, 1000L * n)));
        }
    }

    /** With two streams; everything takes a tenth longer, and a hand-over waits for 0.75 steps more than the rest of one. */
    private void met(int times) {
        for (int i = 0; i < times; i++) {
            samples.promptBeside(128, 2, 400, seen(1.1 * prompt(128), HAND_OVER + step(3, 528) + 1.25 * step(2, 528)));
            samples.stepBeside(new Step(2, 400, 1.1 * step(2, 400)));
        }
    }

    @Test
    void shouldFindTheCostsOfWhatWasSeen() {
        // Given
        promptsAlone(16, 128, 512, 1024);
        steps(1, 2, 3);
        met(3);

        // When
        Costs costs = samples.costs(OTHERWISE);

        // Then
        assertThat(costs.prefillBase()).isCloseTo(0.01, within(1e-6));
        assertThat(costs.prefillToken()).isCloseTo(0.002, within(1e-8));
        assertThat(costs.chunk(100, 50)).isCloseTo(prompt(150) - prompt(100), within(1e-6));
        assertThat(costs.handOver()).isCloseTo(HAND_OVER, within(1e-6));
        for (int n = 1; n <= 3; n++) {
            assertThat(costs.step(n, 300)).isCloseTo(step(n, 300), within(1e-6));
        }
        assertThat(costs.detail().prefillBeside()).isCloseTo(0.1, within(1e-6));
        assertThat(costs.besidePrompts(2)).isCloseTo(1.1, within(1e-6));
        assertThat(costs.besidePrompts(5)).isCloseTo(1.1, within(1e-6));
        assertThat(costs.detail().importSteps()).isCloseTo(0.75, within(1e-6));
        assertThat(costs.chunk()).isEqualTo(OTHERWISE.chunk());
    }

    @Test
    void shouldSayThatPromptsAndStreamsDidNotMeet() {
        promptsAlone(16, 128, 512);
        steps(1, 2, 3);
        met(2);
        assertThatThrownBy(() -> samples.costs(OTHERWISE))
                .isInstanceOf(LaunchException.class)
                .hasMessageContaining("only 2 prompts and 2 steps beside each other");
    }

    @Test
    void shouldSayWhichNumberOfStreamsIsMissing() {
        promptsAlone(16, 128, 512);
        steps(1, 3);
        met(3);
        assertThatThrownBy(() -> samples.costs(OTHERWISE))
                .isInstanceOf(LaunchException.class)
                .hasMessageContaining("no steps of 2 streams");
    }

    @Test
    void shouldSayThatTooFewLengthsWereSeen() {
        promptsAlone(16, 128);
        steps(1, 2, 3);
        met(3);
        assertThatThrownBy(() -> samples.costs(OTHERWISE))
                .isInstanceOf(LaunchException.class)
                .hasMessageContaining("prompts of 2 lengths");
    }

    @Test
    void shouldTellByHowMuchTheMachineHasChanged() {
        promptsAlone(16, 128, 512);
        Samples later = new Samples();
        for (int n : new int[] {16, 128, 512}) {
            later.prompt(n, seen(1.25 * prompt(n), HAND_OVER));
        }
        assertThat(samples.drift(later)).isCloseTo(0.25, within(1e-6));
        assertThatThrownBy(() -> samples.drift(new Samples())).isInstanceOf(LaunchException.class);
    }
}
