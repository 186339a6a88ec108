package io.baton.cli.bench;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * Percentiles by nearest rank: the smallest value that at least p % of all values do not exceed.
 *
 * @param count number of values
 * @param p50 median, in ms
 * @param p90 90th percentile, in ms
 * @param p99 99th percentile, in ms
 */
record Percentiles(int count, double p50, double p90, double p99) {
    /** Of durations in ns; at least one. */
    static Percentiles ofNanos(List<Long> nanos) {
        long[] sorted = nanos.stream().mapToLong(Long::longValue).sorted().toArray();
        return new Percentiles(sorted.length, at(sorted, 50), at(sorted, 90), at(sorted, 99));
    }

    private static double at(long[] sorted, int percent) {
        if (sorted.length == 0) {
            throw new IllegalArgumentException("no values");
        }
        int rank = (int) ((long) sorted.length * percent + 99) / 100;
        return sorted[Math.max(rank, 1) - 1] / 1e6;
    }

    @Override
    public String toString() {
        return String.format(Locale.ROOT, "p50 %.1f ms, p90 %.1f ms, p99 %.1f ms of %d gaps", p50, p90, p99, count);
    }

    /** The median of some values; of an even number, the mean of the two in the middle. */
    static double median(double... values) {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        int middle = sorted.length / 2;
        return sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }
}
