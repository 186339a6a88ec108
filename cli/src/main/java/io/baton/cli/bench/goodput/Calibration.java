package io.baton.cli.bench.goodput;

import io.baton.cli.bench.goodput.RealFleet.Seen;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;

/**
 * What prompts, steps and hand-overs take on real services: a given number of streams runs while prompts of given lengths come
 * one after the other. Nothing queues, nothing is drawn from a trace.
 *
 * @param promptLengths lengths of prompts, in tokens
 * @param batches numbers of streams
 * @param streamPrompt tokens of a stream's prompt
 * @param streamTokens tokens of a stream
 * @param rounds how often
 */
record Calibration(List<Integer> promptLengths, List<Integer> batches, int streamPrompt, int streamTokens, int rounds) {
    Calibration {
        promptLengths = List.copyOf(promptLengths);
        batches = List.copyOf(batches);
    }

    /** Costs as measured; whatever is not measured is as given. */
    Costs measure(RealFleet fleet, Costs otherwise, Consumer<String> progress) throws InterruptedException {
        Map<Integer, List<Double>> prompts = new LinkedHashMap<>();
        Map<Integer, List<Double>> steps = new LinkedHashMap<>();
        for (int round = 0; round < rounds; round++) {
            for (int batch : batches) {
                beside(fleet, batch, prompts, steps);
            }
        }
        Line prompt = Line.through(medians(prompts));
        Line step = Line.through(medians(steps));
        progress.accept(String.format(
                java.util.Locale.ROOT,
                "a prompt takes %.1f ms + %.3f ms per token, a step %.2f ms + %.2f ms per stream",
                1e3 * prompt.base(),
                1e3 * prompt.slope(),
                1e3 * step.base(),
                1e3 * step.slope()));
        List<Double> second = new ArrayList<>();
        for (int round = 0; round < 4 * rounds; round++) {
            for (int length : promptLengths) {
                second.add(RealFleet.await(fleet.ask(length, 2, System.nanoTime()))
                        .gaps()
                        .getFirst());
            }
        }
        double handOver = Math.max(0, median(second) - step.at(1));
        progress.accept(String.format(java.util.Locale.ROOT, "a hand-over takes %.2f ms", 1e3 * handOver));
        return new Costs(
                prompt.base(),
                prompt.slope(),
                step.base(),
                step.slope(),
                handOver,
                // The bytes are in the time of the hand-over already.
                Double.MAX_VALUE,
                otherwise.kvTokenBytes(),
                otherwise.chunk(),
                otherwise.cells(),
                0,
                otherwise.reportSeconds());
    }

    /** Prompts of which nothing but the first token is wanted, while so many streams run. */
    private void beside(
            RealFleet fleet, int batch, Map<Integer, List<Double>> prompts, Map<Integer, List<Double>> steps)
            throws InterruptedException {
        List<CompletableFuture<Seen>> streams = new ArrayList<>();
        for (int i = 0; i < batch; i++) {
            streams.add(fleet.ask(streamPrompt, streamTokens, System.nanoTime()));
        }
        boolean running = true;
        for (int i = 0; running; i++) {
            int length = promptLengths.get(i % promptLengths.size());
            Seen seen = RealFleet.await(fleet.ask(length, 1, System.nanoTime()));
            // The first ones wait for the prompts of the streams.
            running = streams.stream().noneMatch(CompletableFuture::isDone);
            if (running && i >= 2) {
                prompts.computeIfAbsent(length, n -> new ArrayList<>()).add(seen.ttft());
            }
        }
        List<Seen> all = new ArrayList<>();
        for (CompletableFuture<Seen> stream : streams) {
            all.add(RealFleet.await(stream));
        }
        // Only while all of them run.
        long from = all.stream().mapToLong(s -> s.tokens().get(1)).max().orElseThrow();
        long to = all.stream().mapToLong(s -> s.tokens().getLast()).min().orElseThrow();
        for (Seen seen : all) {
            for (int i = 1; i < seen.tokens().size(); i++) {
                if (seen.tokens().get(i - 1) >= from && seen.tokens().get(i) <= to) {
                    steps.computeIfAbsent(batch, n -> new ArrayList<>())
                            .add((seen.tokens().get(i) - seen.tokens().get(i - 1)) / 1e9);
                }
            }
        }
    }

    private static Map<Integer, Double> medians(Map<Integer, List<Double>> values) {
        Map<Integer, Double> medians = new LinkedHashMap<>();
        values.forEach((x, y) -> medians.put(x, median(y)));
        return medians;
    }

    private static double median(List<Double> values) {
        List<Double> sorted = values.stream().sorted().toList();
        return (sorted.get((sorted.size() - 1) / 2) + sorted.get(sorted.size() / 2)) / 2;
    }
}
