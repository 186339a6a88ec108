package io.baton.router.run;

import static org.assertj.core.api.Assertions.assertThat;

import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.router.fake.Await;
import io.baton.router.fake.FakePrefill;
import io.baton.router.fake.Samples;
import io.baton.router.fleet.CircuitBreaker;
import io.baton.router.fleet.Worker;
import java.util.Objects;
import org.junit.jupiter.api.Test;

/** A worker that says that it is well and fails whatever it is given. */
class BreakerTest {
    private static final int FAILURES = 3;

    private static Harness harness(int prefills) {
        return new Harness(prefills, 1, Harness.Settings.usual().withBreaker(FAILURES));
    }

    private static FakePrefill.Script failing() {
        return new FakePrefill.Script().refusing(new BatonException(ErrorCode.WORKER_LOST, "what it needs is gone"));
    }

    private static Worker first(Harness harness) {
        return Objects.requireNonNull(
                harness.fleet.worker(harness.prefills.getFirst().address()));
    }

    @Test
    void shouldGiveNoWorkToAWorkerWhoseLegsFail() {
        try (Harness harness = harness(2)) {
            // Given
            FakePrefill sick = harness.prefills.getFirst();
            sick.script(failing());
            // When
            ask(harness, 2 * FAILURES);
            // Then
            assertThat(first(harness).breaker()).isEqualTo(CircuitBreaker.State.OPEN);
            Await.until(() -> "it gets work", () -> !first(harness).view().healthy());
            assertThat(first(harness).view().problem()).contains("one after the other");
            int legs = sick.legs().size();
            assertThat(legs).isGreaterThanOrEqualTo(FAILURES);
            ask(harness, 10);
            assertThat(sick.legs()).hasSize(legs);
            assertThat(harness.fleet.canServe()).isTrue();
            assertThat(harness.settle()).isEmpty();
        }
    }

    private static void ask(Harness harness, int times) {
        for (int i = 0; i < times; i++) {
            assertThat(harness.start(Samples.request("hello", 3)).finished()).isNotNull();
        }
    }

    @Test
    void shouldTryAWorkerForWantOfAnother() {
        try (Harness harness = harness(1)) {
            // Given
            harness.prefill().script(failing());
            for (int i = 0; i < FAILURES + 2; i++) {
                assertThat(harness.start(Samples.request("hello", 3)).error().code())
                        .isEqualTo(ErrorCode.WORKER_LOST);
            }
            assertThat(first(harness).breaker()).isEqualTo(CircuitBreaker.State.OPEN);
            // When
            harness.prefill().script(new FakePrefill.Script());
            // Then
            assertThat(harness.start(Samples.request("hello", 3)).finished()).isNotNull();
            assertThat(first(harness).breaker()).isEqualTo(CircuitBreaker.State.CLOSED);
            assertThat(harness.settle()).isEmpty();
        }
    }

    @Test
    void shouldTakeTheWorkerOfARestartedProcessAtOnce() {
        try (Harness harness = harness(2)) {
            // Given
            FakePrefill sick = harness.prefills.getFirst();
            sick.script(failing());
            ask(harness, 2 * FAILURES);
            assertThat(first(harness).breaker()).isEqualTo(CircuitBreaker.State.OPEN);
            // When
            sick.script(new FakePrefill.Script());
            sick.crash();
            Await.until(() -> "it is gone", () -> !first(harness).view().connected());
            sick.restart();
            // Then
            Await.until(
                    () -> "its breaker is " + first(harness).breaker(),
                    () -> first(harness).breaker() == CircuitBreaker.State.CLOSED);
            harness.awaitHealthy(3);
        }
    }
}
