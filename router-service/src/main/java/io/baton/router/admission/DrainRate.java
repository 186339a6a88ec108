package io.baton.router.admission;

/**
 * How many tokens a queue loses per second while requests wait in it; what is long ago counts less.
 *
 * <p><em>Thread-safety:</em> none.
 */
final class DrainRate {
    private static final double NANOS = 1e9;
    /** Seconds of waiting after which a measurement counts for a third. */
    private static final double MEMORY = 30;
    /** Seconds of waiting before there is a measurement. */
    private static final double LEAST = 2;

    private double tokens;
    private double seconds;
    private long at;
    private boolean waiting;

    /** The time, and whether requests wait from now on. */
    void at(long now, boolean requestsWait) {
        if (waiting && now > at) {
            double fade = Math.exp(-(now - at) / NANOS / MEMORY);
            tokens *= fade;
            seconds = seconds * fade + MEMORY * (1 - fade);
        }
        at = now;
        waiting = requestsWait;
    }

    /** A request that had waited was admitted. */
    void admitted(long cost) {
        tokens += cost;
    }

    /** Tokens per second; 0 if not known. */
    double perSecond() {
        return seconds < LEAST ? 0 : tokens / seconds;
    }
}
