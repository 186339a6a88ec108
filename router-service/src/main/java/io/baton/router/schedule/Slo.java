package io.baton.router.schedule;

/**
 * What a request is to keep, in seconds.
 *
 * @param ttft time to first token, over 0
 * @param itl mean time between tokens, over 0
 */
public record Slo(double ttft, double itl) {
    /** Refuses targets out of range. */
    public Slo {
        if (!(ttft > 0) || !(itl > 0)) {
            throw new IllegalArgumentException("targets must be over zero, not " + ttft + " and " + itl);
        }
    }
}
