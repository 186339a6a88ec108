package io.baton.cli.bench;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.PrintWriter;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;

/**
 * The medians over runs, as a table and as JSON.
 *
 * @param setup what was measured
 * @param runs the runs, at least one
 */
record InterferenceReport(InterferenceRun.Setup setup, List<InterferenceRun> runs) {
    private static final ObjectMapper JSON = new ObjectMapper();

    /** Copies the list. */
    InterferenceReport {
        runs = List.copyOf(runs);
    }

    /**
     * A promise about a ratio.
     *
     * @param name what it is the ratio of
     * @param value its median
     * @param bound where it must be
     * @param most whether the bound is an upper one
     */
    record Bar(String name, double value, double bound, boolean most) {
        boolean met() {
            return most ? value <= bound : value >= bound;
        }
    }

    private double median(ToDoubleFunction<InterferenceRun> value) {
        return Percentiles.median(runs.stream().mapToDouble(value).toArray());
    }

    private Percentiles medians(Function<InterferenceRun, Percentiles> which) {
        return new Percentiles(
                (int) median(r -> which.apply(r).count()),
                median(r -> which.apply(r).p50()),
                median(r -> which.apply(r).p90()),
                median(r -> which.apply(r).p99()));
    }

    /** Ratios are taken within each run, so that a slower minute of the machine weighs on both sides. */
    List<Bar> bars() {
        return List.of(
                new Bar(
                        "pair, p99 under prompts / idle",
                        median(r -> r.pairLoaded().p99() / r.pairIdle().p99()),
                        1.5,
                        true),
                new Bar(
                        "pair idle p50 / the engine's own on one core",
                        median(r -> r.pairIdle().p50() / r.engine().p50()),
                        1.1,
                        true),
                new Bar(
                        "pair, prefill rate beside streams / alone",
                        median(r -> r.prefillLoaded() / r.prefillAlone()),
                        0.85,
                        false));
    }

    void print(PrintWriter out) {
        Workload load = setup.load();
        out.printf(
                "%s, %d streams, prompts of %d tokens, chunks of %d; medians of %d run%s%n%n",
                setup.shape().name(),
                load.streams(),
                load.promptTokens(),
                setup.chunk(),
                runs.size(),
                runs.size() == 1 ? "" : "s");
        out.printf("%-38s %28s   %28s   %7s%n", "inter-token latency, ms", "idle", "under prompts", "p99");
        out.printf(
                "%-38s %7s %6s %6s %6s   %7s %6s %6s %6s   %7s%n",
                "", "p50", "p90", "p99", "gaps", "p50", "p90", "p99", "gaps", "ratio");
        row(
                out,
                "prefill + decode, one core each",
                medians(InterferenceRun::pairIdle),
                medians(InterferenceRun::pairLoaded),
                median(r -> r.pairLoaded().p99() / r.pairIdle().p99()));
        row(
                out,
                "one worker, both cores",
                medians(InterferenceRun::aggregatedIdle),
                medians(InterferenceRun::aggregatedLoaded),
                median(r -> r.aggregatedLoaded().p99() / r.aggregatedIdle().p99()));
        Percentiles engine = medians(InterferenceRun::engine);
        out.println();
        line(
                out,
                "engine alone on one core",
                String.format(
                        Locale.ROOT,
                        "%.1f ms per token, %.1f tokens/s over %d streams",
                        engine.p50(),
                        load.streams() * 1000 / engine.p50(),
                        load.streams()));
        line(
                out,
                "pair, prefill",
                rates(median(InterferenceRun::prefillAlone), median(InterferenceRun::prefillLoaded)));
        line(
                out,
                "one worker, prefill",
                rates(
                        median(InterferenceRun::aggregatedPrefillAlone),
                        median(InterferenceRun::aggregatedPrefillLoaded)));
        line(
                out,
                "pair, first to second token",
                String.format(
                        Locale.ROOT,
                        "%.0f ms alone, %.0f ms beside streams",
                        median(InterferenceRun::secondTokenAlone),
                        median(InterferenceRun::secondTokenLoaded)));
        line(
                out,
                "CPU under prompts",
                String.format(
                        Locale.ROOT,
                        "router %.1f %%, client %.1f %% of one core",
                        100 * median(InterferenceRun::routerCpu),
                        100 * median(InterferenceRun::clientCpu)));
        out.println();
        for (Bar bar : bars()) {
            out.printf(
                    Locale.ROOT,
                    "%-46s %5.2f   %s %.2f   %s%n",
                    bar.name(),
                    bar.value(),
                    bar.most() ? "at most" : "at least",
                    bar.bound(),
                    bar.met() ? "met" : "NOT MET");
        }
        out.flush();
    }

    private static String rates(double alone, double beside) {
        return String.format(Locale.ROOT, "%.0f tokens/s alone, %.0f beside streams", alone, beside);
    }

    private static void line(PrintWriter out, String name, String value) {
        out.printf("%-38s %s%n", name, value);
    }

    private static void row(PrintWriter out, String name, Percentiles idle, Percentiles loaded, double ratio) {
        out.printf(
                Locale.ROOT,
                "%-38s %7.1f %6.1f %6.1f %6d   %7.1f %6.1f %6.1f %6d   %7.2f%n",
                name,
                idle.p50(),
                idle.p90(),
                idle.p99(),
                idle.count(),
                loaded.p50(),
                loaded.p90(),
                loaded.p99(),
                loaded.count(),
                ratio);
    }

    /** Everything that was measured, and the bars. */
    ObjectNode json() {
        ObjectNode json = JSON.createObjectNode();
        json.put("benchmark", "interference");
        json.put("model", setup.shape().name());
        json.put("processors", Runtime.getRuntime().availableProcessors());
        json.put("java", System.getProperty("java.version"));
        json.set("workload", JSON.valueToTree(setup.load()));
        json.put("chunk_tokens", setup.chunk());
        ArrayNode all = json.putArray("runs");
        runs.forEach(run -> all.add(JSON.<ObjectNode>valueToTree(run)));
        ArrayNode bars = json.putArray("bars");
        for (Bar bar : bars()) {
            bars.addObject()
                    .put("name", bar.name())
                    .put("value", bar.value())
                    .put(bar.most() ? "at_most" : "at_least", bar.bound())
                    .put("met", bar.met());
        }
        return json;
    }
}
