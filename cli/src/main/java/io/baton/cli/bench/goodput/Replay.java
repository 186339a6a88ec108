package io.baton.cli.bench.goodput;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;

/**
 * Takes a piece of a trace and scales its times to a rate. A seed chooses the piece and where requests lie within the
 * trace's coarse time stamps; the same seed gives the same requests in the same order at every rate.
 */
final class Replay {
    /** What Mooncake's time stamps were rounded to, in seconds. */
    private static final double GRAIN = 3;

    private static final double WARM_UP = 0.2;
    private static final double TAIL = 0.1;

    private Replay() {}

    /**
     * The requests of a run, in order of arrival.
     *
     * @param count how many, at least 10; all there are if the trace has fewer
     * @param rate their mean rate, per second, over 0
     */
    static List<Job> jobs(List<TraceRequest> trace, int count, double rate, long seed) {
        if (count < 10 || trace.size() < 10 || !(rate > 0)) {
            throw new IllegalArgumentException("a replay of " + count + " of " + trace.size() + " requests at " + rate
                    + "/s; it takes 10 requests and a rate over 0");
        }
        RandomGenerator random = RandomGeneratorFactory.of("L64X128MixRandom").create(seed);
        int n = Math.min(count, trace.size());
        int first = random.nextInt(trace.size() - n + 1);
        record Timed(double time, TraceRequest request) {}
        List<Timed> piece = new ArrayList<>(n);
        for (TraceRequest request : trace.subList(first, first + n)) {
            piece.add(new Timed(request.seconds() + random.nextDouble() * GRAIN, request));
        }
        piece.sort(Comparator.comparingDouble(Timed::time));
        double begin = piece.getFirst().time;
        double scale = (n - 1) / rate / (piece.getLast().time - begin);
        List<Job> jobs = new ArrayList<>(n);
        for (int i = 0; i < n; i++) {
            Timed t = piece.get(i);
            boolean counted = i >= n * WARM_UP && i < n * (1 - TAIL);
            jobs.add(new Job((t.time - begin) * scale, t.request, counted));
        }
        return jobs;
    }
}
