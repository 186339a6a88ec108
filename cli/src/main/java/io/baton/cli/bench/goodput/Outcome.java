package io.baton.cli.bench.goodput;

import io.baton.router.schedule.Slo;
import java.util.List;
import java.util.function.ToDoubleFunction;

/**
 * What became of a run's requests.
 *
 * @param flights all requests, in order of arrival
 * @param gaps times between tokens of the counted ones
 * @param nodes the workers at the end
 */
record Outcome(List<Flight> flights, Histogram gaps, List<Node> nodes) {
    List<Flight> counted() {
        return flights.stream().filter(f -> f.job.counted()).toList();
    }

    /** Fraction of the counted requests that kept both targets; ITL is the mean over a request, as in the product's target. */
    double attainment(Slo slo) {
        return mean(f -> f.ttft() <= slo.ttft() && f.meanItl() <= slo.itl() ? 1 : 0);
    }

    /** Fraction of prompt tokens that came from the cache of the worker that computed the prompt. */
    double hitRate() {
        double hits = mean(f -> f.local ? f.decodeCached : f.prefillCached);
        return hits / mean(f -> f.request().promptTokens());
    }

    /** Fraction of requests whose prompt a decode worker computed. */
    double localShare() {
        return mean(f -> f.local ? 1 : 0);
    }

    Histogram ttft() {
        Histogram all = new Histogram();
        counted().stream().filter(f -> !f.refused).forEach(f -> all.add(f.ttft()));
        return all;
    }

    private double mean(ToDoubleFunction<Flight> value) {
        return counted().stream().mapToDouble(value).average().orElse(0);
    }
}
