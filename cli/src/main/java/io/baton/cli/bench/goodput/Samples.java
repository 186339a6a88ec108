package io.baton.cli.bench.goodput;

import io.baton.cli.bench.goodput.RealFleet.Seen;
import io.baton.cli.launch.LaunchException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.ToDoubleFunction;

/**
 * What a calibration saw, and the costs that follow from it.
 *
 * <p><em>Thread-safety:</em> none.
 */
final class Samples {
    /** A curve with attention's square takes one more length than its degree. */
    private static final int LEAST_LENGTHS = 3;
    /** Fewer say nothing of a median. */
    static final int LEAST = 3;

    private final Map<Integer, List<Double>> alone = new TreeMap<>();
    private final List<HandOver> handOvers = new ArrayList<>();
    private final Map<Integer, List<Step>> steps = new TreeMap<>();
    private final Map<Integer, List<Double>> beside = new TreeMap<>();
    private final Map<Integer, List<Step>> stepsBeside = new TreeMap<>();
    private final List<HandOver> handOversBeside = new ArrayList<>();

    /**
     * A step, or the median of some.
     *
     * @param streams sequences in it
     * @param cells tokens in their caches together
     * @param seconds what it took
     */
    record Step(int streams, long cells, double seconds) {}

    /**
     * First to second token of a prompt.
     *
     * @param streams others that ran
     * @param cells tokens in the caches of all, its own included
     * @param seconds what it took
     */
    record HandOver(int streams, long cells, double seconds) {}

    /** A prompt for which nothing else ran; two tokens of it were asked for. */
    void prompt(int tokens, Seen seen) {
        alone.computeIfAbsent(tokens, _ -> new ArrayList<>()).add(seen.ttft());
        handOvers.add(new HandOver(0, tokens, seen.gaps().getFirst()));
    }

    /** The median of steps of so many streams, without a prompt beside them. */
    void steps(Step median) {
        steps.computeIfAbsent(median.streams(), _ -> new ArrayList<>()).add(median);
    }

    /** A prompt that came while streams ran, likewise. */
    void promptBeside(int tokens, int streams, long cells, Seen seen) {
        beside.computeIfAbsent(tokens, _ -> new ArrayList<>()).add(seen.ttft());
        handOversBeside.add(new HandOver(streams, cells + tokens, seen.gaps().getFirst()));
    }

    /** One step while a prompt was computed. */
    void stepBeside(Step step) {
        stepsBeside.computeIfAbsent(step.streams(), _ -> new ArrayList<>()).add(step);
    }

    /** Whether prompts and so many streams met often enough. */
    boolean hasMet(int streams) {
        return stepsBeside.getOrDefault(streams, List.of()).size() >= LEAST
                && handOversBeside.stream().filter(h -> h.streams() == streams).count() >= LEAST;
    }

    /**
     * The costs; whatever was not measured is as given.
     *
     * @throws LaunchException if there is too little of something
     */
    Costs costs(Costs otherwise) {
        check();
        Curve prompt = prompts();
        double cell = stepCell();
        List<Double> table = table(cell);
        Curve step = Curve.through(numbered(table), 1);
        Costs known = with(otherwise, prompt, step, 0, new Costs.Detail(prompt.of(2), table, cell, 0, List.of(), 0));
        double handOver = Math.max(0, median(handOvers, h -> h.seconds() - known.step(1, h.cells())));
        double prompts = median(
                beside.entrySet().stream()
                        .flatMap(e -> e.getValue().stream().map(t -> t / prompt.at(e.getKey())))
                        .toList(),
                r -> r);
        // On average half of a step has still to run when a block comes.
        double imported = median(
                handOversBeside,
                h -> (h.seconds() - handOver - known.step(h.streams() + 1, h.cells()))
                                / known.step(h.streams(), h.cells())
                        - 0.5);
        return with(
                otherwise,
                prompt,
                step,
                handOver,
                new Costs.Detail(
                        prompt.of(2), table, cell, Math.max(0, prompts - 1), stepBeside(known), Math.max(0, imported)));
    }

    /** For every batch; those that were not measured are as the next smaller one that was. */
    private List<Double> stepBeside(Costs known) {
        List<Double> all = new ArrayList<>();
        for (int batch = 1; batch <= Collections.max(stepsBeside.keySet()); batch++) {
            List<Step> here = stepsBeside.get(batch);
            if (here == null) {
                all.add(all.isEmpty() ? 0 : all.getLast());
            } else {
                all.add(Math.max(0, median(here, s -> s.seconds() / known.step(s.streams(), s.cells())) - 1));
            }
        }
        return all;
    }

    /** What a prompt takes alone, by its length. */
    Curve prompts() {
        if (alone.size() < LEAST_LENGTHS) {
            throw new LaunchException("the calibration saw prompts of " + alone.size() + " lengths alone; it takes "
                    + LEAST_LENGTHS + " to tell what a token costs");
        }
        Map<Integer, Double> medians = new TreeMap<>();
        alone.forEach((length, times) -> medians.put(length, median(times, t -> t)));
        return Curve.through(medians, 2);
    }

    /** What prompts alone took in a later calibration ÷ here, minus 1. */
    double drift(Samples later) {
        List<Double> ratios = new ArrayList<>();
        later.alone.forEach((length, times) -> {
            List<Double> here = alone.get(length);
            if (here != null) {
                ratios.add(median(times, t -> t) / median(here, t -> t));
            }
        });
        if (ratios.isEmpty()) {
            throw new LaunchException("the calibrations have no length of prompts in common");
        }
        return median(ratios, r -> r) - 1;
    }

    private void check() {
        for (int batch = 1; batch <= Math.max(2, steps.size()); batch++) {
            if (!steps.containsKey(batch)) {
                throw new LaunchException("the calibration saw no steps of " + batch
                        + " streams, which were over before all of them ran; the machine may be too busy");
            }
        }
        if (stepsBeside.isEmpty()
                || beside.isEmpty()
                || !stepsBeside.keySet().stream().allMatch(this::hasMet)) {
            throw new LaunchException(
                    "the calibration saw only "
                            + beside.values().stream().mapToInt(List::size).sum() + " prompts and "
                            + stepsBeside.values().stream().mapToInt(List::size).sum()
                            + " steps beside each other and takes "
                            + LEAST
                            + " of each for every number of streams: the streams were over too soon. Run it again when the machine is quieter");
        }
    }

    /** By what a step grows with its caches, from batches that ran with short and with long ones. */
    private double stepCell() {
        List<Double> slopes = new ArrayList<>();
        for (List<Step> same : steps.values()) {
            long shortest = same.stream().mapToLong(Step::cells).min().orElseThrow();
            long longest = same.stream().mapToLong(Step::cells).max().orElseThrow();
            if (longest >= 2 * shortest) {
                double middle = (shortest + longest) / 2.0;
                List<Step> few = same.stream().filter(s -> s.cells() < middle).toList();
                List<Step> many = same.stream().filter(s -> s.cells() >= middle).toList();
                slopes.add((median(many, Step::seconds) - median(few, Step::seconds))
                        / (median(many, Step::cells) - median(few, Step::cells)));
            }
        }
        return slopes.isEmpty() ? 0 : Math.max(0, median(slopes, s -> s));
    }

    private List<Double> table(double cell) {
        List<Double> table = new ArrayList<>();
        for (List<Step> same : steps.values()) {
            // A step takes time, whatever is thought of its attention.
            table.add(median(same, s -> Math.max(s.seconds() / 10, s.seconds() - cell * s.cells())));
        }
        return table;
    }

    private static Map<Integer, Double> numbered(List<Double> values) {
        Map<Integer, Double> numbered = new TreeMap<>();
        for (int i = 0; i < values.size(); i++) {
            numbered.put(i + 1, values.get(i));
        }
        return numbered;
    }

    private static Costs with(Costs otherwise, Curve prompt, Curve step, double handOver, Costs.Detail detail) {
        return new Costs(
                prompt.of(0),
                prompt.of(1),
                step.of(0),
                step.of(1),
                handOver,
                // The bytes are in the time of the hand-over already.
                Double.MAX_VALUE,
                otherwise.kvTokenBytes(),
                otherwise.chunk(),
                otherwise.cells(),
                0,
                otherwise.reportSeconds(),
                detail);
    }

    static <T> double median(List<T> values, ToDoubleFunction<T> of) {
        double[] sorted = values.stream().mapToDouble(of).sorted().toArray();
        return (sorted[(sorted.length - 1) / 2] + sorted[sorted.length / 2]) / 2;
    }
}
