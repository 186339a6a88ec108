package io.baton.router.schedule;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class RoundRobinPickerTest {
    private final RoundRobinPicker picker = new RoundRobinPicker();

    @Test
    void shouldTakeOnlyWhatCostsLeast() {
        double[] costs = {3, 1, Double.NaN, 1, 9};
        assertThat(new int[] {pick(costs, 0), pick(costs, 0), pick(costs, 0)}).containsExactly(1, 3, 1);
    }

    @Test
    void shouldCountCostsWithinTheToleranceAsEqual() {
        double[] costs = {100, 101, 103};
        assertThat(new int[] {pick(costs, 0.02), pick(costs, 0.02), pick(costs, 0.02)})
                .containsExactly(0, 1, 0);
    }

    @Test
    void shouldFindNothingAmongWorkersThatCannot() {
        assertThat(pick(new double[] {Double.NaN, Double.NaN}, 0)).isEqualTo(-1);
        assertThat(pick(new double[0], 0)).isEqualTo(-1);
    }

    private int pick(double[] costs, double tolerance) {
        return picker.pick(costs, costs.length, tolerance);
    }
}
