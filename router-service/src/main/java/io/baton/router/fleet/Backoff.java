package io.baton.router.fleet;

import java.time.Duration;
import java.util.random.RandomGenerator;

/**
 * Waits between reconnections: doubling from the least to the longest, each jittered over its upper half so that the
 * routers of a fleet do not reconnect in step.
 *
 * <p><em>Thread-safety:</em> none.
 */
final class Backoff {
    private final long minNanos;
    private final long maxNanos;
    private final RandomGenerator random;
    private long next;

    Backoff(Duration min, Duration max, RandomGenerator random) {
        this.minNanos = Math.max(1, min.toNanos());
        this.maxNanos = Math.max(minNanos, max.toNanos());
        this.random = random;
        this.next = minNanos;
    }

    /** The next wait in nanoseconds. */
    long nextNanos() {
        long full = next;
        next = Math.min(maxNanos, full * 2);
        return full - full / 2 + (full >= 2 ? random.nextLong(full / 2 + 1) : 0);
    }

    /** Starts over after a success. */
    void reset() {
        next = minNanos;
    }
}
