package io.baton.router.admission;

/**
 * A token bucket. What needs more than it holds may come when it is full, and is paid off afterwards.
 *
 * <p><em>Thread-safety:</em> none.
 */
final class Bucket {
    private static final double NANOS = 1e9;

    private final double perSecond;
    private final double most;
    private double level;
    private long filledAt;

    /** A full bucket. */
    Bucket(double perSecond, double burstSeconds, long now) {
        this.perSecond = perSecond;
        // Whatever the rate, one must fit.
        this.most = Math.max(1, perSecond * burstSeconds);
        this.level = most;
        this.filledAt = now;
    }

    private void fill(long now) {
        if (now > filledAt) {
            level = Math.min(most, level + (now - filledAt) / NANOS * perSecond);
            filledAt = now;
        }
    }

    /** Seconds until so much may be taken; 0 if it may now. */
    double secondsUntil(long amount, long now) {
        fill(now);
        double missing = Math.min((double) amount, most) - level;
        // Rounding in fill must not keep anybody waiting.
        return missing <= 1e-9 * most ? 0 : missing / perSecond;
    }

    void take(long amount) {
        level -= amount;
    }

    /** Gives back what was taken and not used; takes more if the amount is below 0. */
    void giveBack(long amount) {
        level = Math.min(most, level + amount);
    }

    boolean isFull(long now) {
        fill(now);
        return level >= most;
    }
}
