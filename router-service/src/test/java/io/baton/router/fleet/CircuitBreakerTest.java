package io.baton.router.fleet;

import static org.assertj.core.api.Assertions.assertThat;

import io.baton.router.fleet.CircuitBreaker.State;
import java.time.Duration;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class CircuitBreakerTest {
    private static final int FAILURES = 3;
    private static final long MIN = 1000;
    private static final long MAX = 5000;

    private final AtomicLong clock = new AtomicLong(Long.MAX_VALUE - 2000);
    private final CircuitBreaker breaker = breaker(FAILURES);

    private CircuitBreaker breaker(int failures) {
        return new CircuitBreaker(
                failures, new Backoff(Duration.ofNanos(MIN), Duration.ofNanos(MAX), new Random(1)), clock::get);
    }

    private void fail(int times) {
        for (int i = 0; i < times; i++) {
            breaker.failed();
        }
    }

    /** Opens it, waits until it is half open, and returns how long that took. */
    private long awaitHalfOpen() {
        long open = breaker.openNanos();
        clock.addAndGet(open - 1);
        assertThat(breaker.state()).isEqualTo(State.OPEN);
        clock.addAndGet(1);
        assertThat(breaker.state()).isEqualTo(State.HALF_OPEN);
        return open;
    }

    @Test
    void shouldOpenAfterSoManyFailuresInARow() {
        assertThat(breaker.failed()).isFalse();
        assertThat(breaker.failed()).isFalse();
        assertThat(breaker.takesWork()).isTrue();
        assertThat(breaker.failed()).isTrue();
        assertThat(breaker.state()).isEqualTo(State.OPEN);
        assertThat(breaker.takesWork()).isFalse();
        assertThat(breaker.opened()).isEqualTo(1);
    }

    @Test
    void shouldCountAnewAfterASuccess() {
        fail(FAILURES - 1);
        assertThat(breaker.succeeded()).isFalse();
        fail(FAILURES - 1);
        assertThat(breaker.state()).isEqualTo(State.CLOSED);
    }

    @Test
    void shouldTryOneLegWhenItsTimeIsOver() {
        // Given
        fail(FAILURES);
        awaitHalfOpen();
        // When / Then
        assertThat(breaker.takesWork()).isTrue();
        assertThat(breaker.taken()).isTrue();
        assertThat(breaker.state()).isEqualTo(State.PROBING);
        assertThat(breaker.takesWork()).isFalse();
        assertThat(breaker.taken()).isFalse();
    }

    @Test
    void shouldCloseWhenThatLegMakesProgress() {
        fail(FAILURES);
        awaitHalfOpen();
        breaker.taken();

        assertThat(breaker.succeeded()).isTrue();
        assertThat(breaker.ended()).isFalse();

        assertThat(breaker.state()).isEqualTo(State.CLOSED);
        fail(FAILURES - 1);
        assertThat(breaker.takesWork()).as("it counts from the beginning").isTrue();
    }

    @Test
    void shouldStayOpenForLongerEachTimeThatLegFails() {
        fail(FAILURES);
        long full = MIN;
        for (int i = 0; i < 5; i++) {
            assertThat(awaitHalfOpen()).isBetween(full / 2, full);
            breaker.taken();
            assertThat(breaker.failed()).isTrue();
            breaker.ended();
            assertThat(breaker.state()).isEqualTo(State.OPEN);
            full = Math.min(MAX, full * 2);
        }
        assertThat(breaker.opened()).isEqualTo(6);

        // And from the beginning after a success
        awaitHalfOpen();
        breaker.succeeded();
        fail(FAILURES);
        assertThat(breaker.openNanos()).isBetween(MIN / 2, MIN);
    }

    @Test
    void shouldTryAnotherLegWhenOneSaidNothingOfWorth() {
        fail(FAILURES);
        awaitHalfOpen();
        breaker.taken();

        assertThat(breaker.ended()).isTrue();

        assertThat(breaker.state()).isEqualTo(State.HALF_OPEN);
        assertThat(breaker.taken()).isTrue();
    }

    @Test
    void shouldNotStayOpenForLongerBecauseOlderLegsFail() {
        fail(FAILURES);
        long open = breaker.openNanos();

        assertThat(breaker.failed()).isFalse();

        assertThat(breaker.openNanos()).isEqualTo(open);
        assertThat(breaker.opened()).isEqualTo(1);
    }

    @Test
    void shouldCloseWhenItWasTriedForWantOfAnotherAndWorks() {
        fail(FAILURES);

        assertThat(breaker.taken()).as("no probe: nobody else was there").isFalse();
        assertThat(breaker.succeeded()).isTrue();

        assertThat(breaker.state()).isEqualTo(State.CLOSED);
    }

    @Test
    void shouldForgetWhatAnotherProcessDid() {
        fail(FAILURES);

        assertThat(breaker.reset()).isTrue();

        assertThat(breaker.state()).isEqualTo(State.CLOSED);
        assertThat(breaker.openNanos()).isZero();
    }

    @Test
    void shouldNeverOpenWithoutALimit() {
        CircuitBreaker never = breaker(0);
        for (int i = 0; i < 100; i++) {
            assertThat(never.failed()).isFalse();
        }
        assertThat(never.takesWork()).isTrue();
    }
}
