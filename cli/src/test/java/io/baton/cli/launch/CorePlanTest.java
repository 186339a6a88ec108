package io.baton.cli.launch;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class CorePlanTest {
    static List<List<Integer>> cores(int physical, int threadsPerCore) {
        return IntStream.range(0, physical)
                .mapToObj(core -> IntStream.range(0, threadsPerCore)
                        .mapToObj(thread -> core + thread * physical)
                        .toList())
                .toList();
    }

    @Test
    void shouldGiveEachWorkerOneCoreWhenThereAreAsManyCoresAsWorkers() {
        // When
        CorePlan plan = CorePlan.divide(2, cores(2, 1));

        // Then
        assertThat(plan.workers()).containsExactly(List.of(0), List.of(1));
        assertThat(plan.router()).isEmpty();
        assertThat(plan.threads()).isEqualTo(1);
        assertThat(plan.crowded()).isFalse();
    }

    @Test
    void shouldLeaveOneCoreAndTheRestOfTheDivisionToTheRouter() {
        // When
        CorePlan plan = CorePlan.divide(2, cores(8, 1));

        // Then
        assertThat(plan.workers()).containsExactly(List.of(0, 1, 2), List.of(3, 4, 5));
        assertThat(plan.router()).containsExactly(6, 7);
        assertThat(plan.threads()).isEqualTo(3);
    }

    @Test
    void shouldKeepTheHardwareThreadsOfACoreTogetherAndComputeWithOneEach() {
        // When
        CorePlan plan = CorePlan.divide(2, cores(3, 2));

        // Then
        assertThat(plan.workers()).containsExactly(List.of(0, 3), List.of(1, 4));
        assertThat(plan.router()).containsExactly(2, 5);
        assertThat(plan.threads()).isEqualTo(1);
    }

    @Test
    void shouldDivideHardwareThreadsWhenThereAreTooFewCores() {
        // When
        CorePlan plan = CorePlan.divide(2, cores(1, 2));

        // Then
        assertThat(plan.workers()).containsExactly(List.of(0), List.of(1));
        assertThat(plan.crowded()).isFalse();
    }

    @Test
    void shouldPinNobodyWhenThereAreFewerCoresThanWorkers() {
        // When
        CorePlan plan = CorePlan.divide(3, cores(2, 1));

        // Then
        assertThat(plan.workers()).containsExactly(List.of(), List.of(), List.of());
        assertThat(plan.router()).isEmpty();
        assertThat(plan.threads()).isEqualTo(1);
        assertThat(plan.crowded()).isTrue();
    }
}
