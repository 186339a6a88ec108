package io.baton.cli.bench.goodput;

import io.baton.router.schedule.Slo;
import java.util.List;
import java.util.function.ToDoubleFunction;

/**
 * One variant at one rate, over all seeds.
 *
 * @param variant the fleet and its router
 * @param rate offered requests per second
 * @param goodput requests per second that kept both targets, for each seed
 * @param hitRate fraction of prompt tokens found in the cache of the worker that computed the prompt
 * @param localShare fraction of prompts that decode workers computed
 * @param ttft times to first token of all seeds, seconds
 * @param itl times between tokens of all seeds, seconds
 */
record Figures(
        Variant variant,
        double rate,
        List<Double> goodput,
        double hitRate,
        double localShare,
        Histogram ttft,
        Histogram itl) {
    /** Two-sided 95 % quantile of Student's t by degrees of freedom, from 1. */
    private static final double[] STUDENT = {12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262};

    /** Copies the list. */
    Figures {
        goodput = List.copyOf(goodput);
    }

    /** Of a run for each seed, at least one. */
    static Figures of(Variant variant, double rate, Slo slo, List<Outcome> outcomes) {
        Histogram ttft = new Histogram();
        Histogram itl = new Histogram();
        for (Outcome outcome : outcomes) {
            ttft.add(outcome.ttft());
            itl.add(outcome.gaps());
        }
        return new Figures(
                variant,
                rate,
                outcomes.stream().map(o -> rate * o.attainment(slo)).toList(),
                mean(outcomes, Outcome::hitRate),
                mean(outcomes, Outcome::localShare),
                ttft,
                itl);
    }

    private static double mean(List<Outcome> outcomes, ToDoubleFunction<Outcome> value) {
        return outcomes.stream().mapToDouble(value).average().orElse(0);
    }

    double meanGoodput() {
        return mean(goodput);
    }

    /** Fraction of requests that kept both targets. */
    double attainment() {
        return meanGoodput() / rate;
    }

    /** Goodput of this less that of another with the same seeds, mean. */
    double better(Figures other) {
        return meanGoodput() - other.meanGoodput();
    }

    /** Half of the 95 % interval of {@link #better}; the seeds are pairs. 0 for a single seed. */
    double interval(Figures other) {
        int n = goodput.size();
        if (n < 2) {
            return 0;
        }
        double mean = better(other);
        double squares = 0;
        for (int i = 0; i < n; i++) {
            double off = goodput.get(i) - other.goodput.get(i) - mean;
            squares += off * off;
        }
        double t = n - 2 < STUDENT.length ? STUDENT[n - 2] : 1.96;
        return t * Math.sqrt(squares / (n - 1) / n);
    }

    private static double mean(List<Double> values) {
        return values.stream().mapToDouble(Double::doubleValue).average().orElse(0);
    }
}
