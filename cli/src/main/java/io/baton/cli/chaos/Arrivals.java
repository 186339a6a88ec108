package io.baton.cli.chaos;

import java.util.List;
import java.util.Random;

/**
 * When requests come, as gaps between them whose mean is one.
 *
 * <p><em>Thread-safety:</em> none.
 */
interface Arrivals {
    /** Part of the arrivals that come in a burst, and how much faster they come there. */
    double IN_BURSTS = 0.5;

    double BURST_SPEED = 6;

    /** The gap before the next one. */
    double next();

    /** Bursts, as in traces of conversations: exponential gaps of one of two rates. */
    static Arrivals bursts(Random random) {
        return () -> {
            double scale = random.nextDouble() < IN_BURSTS ? 1 / BURST_SPEED : 2 - 1 / BURST_SPEED;
            return -Math.log(1 - random.nextDouble()) * scale;
        };
    }

    /** Those of a trace, again and again. */
    static Arrivals of(Trace trace) {
        List<Trace.Line> lines = trace.lines();
        double mean = Math.max(1, lines.getLast().millis() - lines.getFirst().millis()) / (double) lines.size();
        return new Arrivals() {
            private int at;

            @Override
            public double next() {
                // The one after the last comes as late as the mean, so that the mean of all is one.
                long gap = at + 1 < lines.size()
                        ? lines.get(at + 1).millis() - lines.get(at).millis()
                        : Math.round(mean);
                at = (at + 1) % lines.size();
                return gap / mean;
            }
        };
    }
}
