package io.baton.cli.bench.goodput;

import io.baton.router.config.Disaggregation;
import io.baton.router.config.SchedulingPolicy;
import io.baton.router.schedule.Slo;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/**
 * What is compared: every policy in every mode at every rate, and all splits of the GPUs, with the same arrivals for all.
 *
 * @param gpus workers of a fleet, at least 2
 * @param prefills of them prefill workers where there are any
 * @param rates requests per second, rising
 * @param seeds one run each
 * @param requests of a run
 * @param costs what things take
 * @param slo the joint targets
 * @param localTokens most uncached prompt tokens that decode computes while prefill keeps the target for TTFT
 * @param admission whether the product's admission refuses what would miss the target for TTFT
 */
record Sweep(
        int gpus,
        int prefills,
        List<Double> rates,
        List<Long> seeds,
        int requests,
        Costs costs,
        Slo slo,
        int localTokens,
        boolean admission) {
    /** Copies the lists. */
    Sweep {
        rates = List.copyOf(rates);
        seeds = List.copyOf(seeds);
    }

    /** All policies in all modes, ours first. */
    List<Variant> compared() {
        List<Variant> variants = new ArrayList<>();
        for (SchedulingPolicy policy : List.of(
                SchedulingPolicy.AUTO,
                SchedulingPolicy.PREFIX,
                SchedulingPolicy.LEAST_LOADED,
                SchedulingPolicy.ROUND_ROBIN)) {
            for (Disaggregation mode : List.of(Disaggregation.AUTO, Disaggregation.ALWAYS, Disaggregation.NEVER)) {
                variants.add(variant(policy, mode, prefills));
            }
        }
        return variants;
    }

    /** All splits of the GPUs, under policy auto. */
    List<Variant> splits() {
        List<Variant> variants = new ArrayList<>();
        for (int p = 1; p < gpus; p++) {
            variants.add(variant(SchedulingPolicy.AUTO, Disaggregation.ALWAYS, p));
            variants.add(variant(SchedulingPolicy.AUTO, Disaggregation.AUTO, p));
        }
        return variants;
    }

    private Variant variant(SchedulingPolicy policy, Disaggregation mode, int p) {
        int prefill = mode == Disaggregation.NEVER ? 0 : p;
        return new Variant(policy, mode, prefill, gpus - prefill);
    }

    /** Runs everything. Figures of a variant are in the order of the rates. */
    Map<Variant, List<Figures>> run(List<TraceRequest> trace, Consumer<String> progress) {
        Map<Variant, List<Figures>> all = new LinkedHashMap<>();
        List<Variant> variants = new ArrayList<>(compared());
        splits().stream().filter(v -> !variants.contains(v)).forEach(variants::add);
        for (Variant variant : variants) {
            progress.accept(variant.label());
            List<Figures> figures = new ArrayList<>();
            for (double rate : rates) {
                List<Outcome> outcomes = new ArrayList<>();
                for (long seed : seeds) {
                    List<Job> jobs = Replay.jobs(trace, requests, rate, seed);
                    outcomes.add(
                            admission
                                    ? Simulation.runWithDeadlines(variant, costs, slo, jobs, localTokens)
                                    : Simulation.run(variant, costs, slo, jobs, localTokens));
                }
                figures.add(Figures.of(variant, rate, slo, outcomes));
            }
            all.put(variant, figures);
        }
        return all;
    }
}
