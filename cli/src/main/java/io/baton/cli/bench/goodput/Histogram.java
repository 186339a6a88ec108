package io.baton.cli.bench.goodput;

/**
 * Counts of durations in buckets that are 1 % wide, so that a percentile is at most 1 % too high.
 *
 * <p><em>Thread-safety:</em> none.
 */
final class Histogram {
    private static final double LEAST = 1e-6;
    private static final double WIDTH = Math.log(1.01);

    private final long[] counts = new long[2600];
    private long total;

    /** A duration in seconds. */
    void add(double seconds) {
        int bucket = seconds <= LEAST ? 0 : (int) Math.ceil(Math.log(seconds / LEAST) / WIDTH);
        counts[Math.min(bucket, counts.length - 1)]++;
        total++;
    }

    /** The same as adding all of the other's. */
    void add(Histogram other) {
        for (int i = 0; i < counts.length; i++) {
            counts[i] += other.counts[i];
        }
        total += other.total;
    }

    /** By nearest rank, in seconds; 0 if there is nothing. */
    double percentile(double percent) {
        long rank = Math.max(1, (long) Math.ceil(total * percent / 100));
        long seen = 0;
        for (int i = 0; i < counts.length; i++) {
            seen += counts[i];
            if (seen >= rank) {
                return LEAST * Math.exp(i * WIDTH);
            }
        }
        return 0;
    }

    long total() {
        return total;
    }
}
