package io.baton.cli.bench.goodput;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.baton.router.config.Disaggregation;
import io.baton.router.config.SchedulingPolicy;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.ToDoubleFunction;

/**
 * The figures of a sweep, as tables, as JSON and as plots.
 *
 * @param sweep what was compared
 * @param source where the arrivals are from
 * @param all figures by variant, in the order of the rates
 */
record GoodputReport(Sweep sweep, String source, Map<Variant, List<Figures>> all) {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final double KNEE = 0.9;
    private static final double MARGIN = 0.02;

    private List<Figures> ours() {
        return all.getOrDefault(sweep.compared().getFirst(), List.of());
    }

    /** The highest rate at which any variant lets 90 % of the requests keep both targets; the lowest if there is none. */
    double knee() {
        return all.values().stream()
                .flatMap(List::stream)
                .filter(f -> f.attainment() >= KNEE)
                .mapToDouble(Figures::rate)
                .max()
                .orElse(sweep.rates().getFirst());
    }

    /** Where auto is worse than another variant of the same split by more than 2 % and the 95 % interval, as sentences. */
    List<String> beaten() {
        List<String> sentences = new ArrayList<>();
        for (int i = 0; i < sweep.rates().size(); i++) {
            double rate = sweep.rates().get(i);
            if (rate < knee() / 2) {
                continue;
            }
            Figures own = ours().get(i);
            for (Variant variant : sweep.compared()) {
                Figures other = all.getOrDefault(variant, List.of()).get(i);
                double behind = other.better(own);
                if (behind > Math.max(MARGIN * other.meanGoodput(), own.interval(other))) {
                    sentences.add(String.format(
                            Locale.ROOT,
                            "at %.4g/s %s is better: %.2f against %.2f requests/s",
                            rate,
                            variant.label(),
                            other.meanGoodput(),
                            own.meanGoodput()));
                }
            }
        }
        return sentences;
    }

    void print(PrintWriter out) {
        out.printf(
                Locale.ROOT,
                "%s; %d requests per run, %d seeds, %d GPUs; targets: TTFT %.4g s, mean ITL %.4g ms%n%n",
                source,
                sweep.requests(),
                sweep.seeds().size(),
                sweep.gpus(),
                sweep.slo().ttft(),
                sweep.slo().itl() * 1000);
        table(out, "goodput, requests/s that keep both targets", sweep.compared(), Figures::meanGoodput);
        table(out, "policy auto by split, goodput", sweep.splits(), Figures::meanGoodput);
        table(out, "prompt tokens cached, %", sweep.compared(), f -> 100 * f.hitRate());
        table(out, "prompts computed by decode, %", modes(), f -> 100 * f.localShare());
        for (double p : new double[] {50, 90, 99}) {
            String name = String.format(Locale.ROOT, "p%.0f", p);
            table(out, "TTFT " + name + ", s", sweep.compared(), f -> f.ttft().percentile(p));
            table(
                    out,
                    "ITL " + name + ", ms",
                    sweep.compared(),
                    f -> 1000 * f.itl().percentile(p));
        }
        out.printf(
                Locale.ROOT,
                "knee: %.4g/s, the highest rate at which some variant keeps both targets of 90 %%%n",
                knee());
        List<String> beaten = beaten();
        if (beaten.isEmpty()) {
            out.println("past half of it, policy auto in mode auto is behind none of this split or aggregated GPUs");
            out.println("by more than 2 % and the 95 % interval; other splits are in the table above");
        } else {
            out.println("past half of it, policy auto in mode auto is NOT the best everywhere:");
            beaten.forEach(line -> out.println("  " + line));
        }
        out.flush();
    }

    private void table(PrintWriter out, String name, List<Variant> variants, ToDoubleFunction<Figures> value) {
        out.printf("%-44s", name);
        sweep.rates().forEach(rate -> out.printf(Locale.ROOT, " %8s", String.format(Locale.ROOT, "%.4g/s", rate)));
        out.println();
        for (Variant variant : variants) {
            out.printf("  %-42s", variant.label());
            all.getOrDefault(variant, List.of())
                    .forEach(f -> out.printf(Locale.ROOT, " %8.2f", value.applyAsDouble(f)));
            out.println();
        }
        out.println();
    }

    private List<Variant> modes() {
        return sweep.compared().stream()
                .filter(v -> v.policy() == SchedulingPolicy.AUTO)
                .toList();
    }

    /** Goodput by rate: of the policies in mode disaggregated beside ours, of the modes under policy auto, and of the splits. */
    String svg() {
        Variant own = sweep.compared().getFirst();
        List<Variant> policies = new ArrayList<>(List.of(own));
        sweep.compared().stream().filter(v -> v.mode() == Disaggregation.ALWAYS).forEach(policies::add);
        List<Variant> splits = sweep.splits().stream()
                .filter(v -> v.mode() == Disaggregation.ALWAYS)
                .toList();
        SvgPlot plot = new SvgPlot("requests/s offered", "requests/s within both targets");
        plot.panel("Policies", lines(policies));
        plot.panel("Modes, policy auto", lines(modes()));
        plot.panel("Splits, policy auto, disaggregated", lines(splits));
        return plot.toSvg();
    }

    private List<SvgPlot.Line> lines(List<Variant> variants) {
        return variants.stream()
                .map(v -> new SvgPlot.Line(
                        v.label(),
                        all.getOrDefault(v, List.of()).stream()
                                .map(f -> new SvgPlot.Point(f.rate(), f.meanGoodput()))
                                .toList()))
                .toList();
    }

    /** Everything, with the goodput of each seed. */
    ObjectNode json() {
        ObjectNode json = JSON.createObjectNode();
        json.put("benchmark", "goodput").put("arrivals", source);
        json.set("sweep", JSON.valueToTree(sweep));
        json.put("knee", knee());
        ArrayNode beaten = json.putArray("beaten");
        beaten().forEach(beaten::add);
        ArrayNode figures = json.putArray("figures");
        all.values().stream()
                .flatMap(List::stream)
                .sorted(Comparator.comparingDouble(Figures::rate))
                .forEach(f -> figures.add(json(f)));
        return json;
    }

    private static ObjectNode json(Figures f) {
        ObjectNode json = JSON.createObjectNode();
        json.put("policy", f.variant().policyName()).put("mode", f.variant().modeName());
        json.put("prefills", f.variant().prefills()).put("decodes", f.variant().decodes());
        json.put("rate", f.rate()).put("goodput", f.meanGoodput());
        ArrayNode seeds = json.putArray("goodput_by_seed");
        f.goodput().forEach(seeds::add);
        json.put("hit_rate", f.hitRate()).put("local_share", f.localShare());
        percentiles(json.putObject("ttft_seconds"), f.ttft());
        percentiles(json.putObject("itl_seconds"), f.itl());
        return json;
    }

    private static void percentiles(ObjectNode json, Histogram h) {
        json.put("count", h.total());
        json.put("p50", h.percentile(50)).put("p90", h.percentile(90)).put("p99", h.percentile(99));
    }
}
