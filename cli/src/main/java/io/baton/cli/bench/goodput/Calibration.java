package io.baton.cli.bench.goodput;

import io.baton.cli.bench.goodput.RealFleet.Seen;
import io.baton.cli.bench.goodput.Samples.Step;
import io.baton.cli.launch.LaunchException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;

/**
 * What prompts, steps and hand-overs take on real services: first prompts one after the other, then streams, then both at once.
 * Nothing queues, nothing is drawn from a trace.
 *
 * @param promptLengths lengths of prompts, in tokens
 * @param streams the most streams at once; every number up to it is measured
 * @param shortPrompt tokens of a stream's prompt
 * @param longPrompt tokens of a stream's prompt where attention is measured
 * @param streamTokens tokens of a stream
 * @param besideStreams numbers of streams beside which prompts come
 * @param besideTokens tokens of a stream beside which prompts come
 * @param besideLengths lengths of those prompts
 * @param rounds how often
 */
record Calibration(
        List<Integer> promptLengths,
        int streams,
        int shortPrompt,
        int longPrompt,
        int streamTokens,
        List<Integer> besideStreams,
        int besideTokens,
        List<Integer> besideLengths,
        int rounds) {
    /** How often that is tried before it is given up. */
    private static final int ATTEMPTS = 4;

    Calibration {
        promptLengths = List.copyOf(promptLengths);
        besideStreams = List.copyOf(besideStreams);
        besideLengths = List.copyOf(besideLengths);
    }

    /** Whoever answers requests. */
    @FunctionalInterface
    interface Service {
        /** Asks for so many tokens; {@code due} is now, on {@link System#nanoTime}. */
        CompletableFuture<Seen> ask(int promptTokens, int outputTokens, long due);
    }

    /**
     * Measures all of it.
     *
     * @throws LaunchException if a request fails, or if prompts and streams do not meet often enough
     */
    Samples measure(Service service, Consumer<String> progress) throws InterruptedException {
        Samples samples = new Samples();
        progress.accept("calibrating: prompts");
        for (int round = 0; round <= rounds; round++) {
            prompts(service, samples);
        }
        progress.accept("calibrating: streams");
        for (int round = 0; round < rounds; round++) {
            for (int batch = 1; batch <= streams; batch++) {
                streams(service, batch, shortPrompt, samples);
            }
            for (int batch = 1; batch <= streams; batch *= 2) {
                streams(service, batch, longPrompt, samples);
            }
        }
        progress.accept("calibrating: prompts beside streams");
        for (int count : besideStreams) {
            for (int i = 0; i < rounds || (i < ATTEMPTS && !samples.hasMet(count)); i++) {
                beside(service, count, samples);
            }
            if (!samples.hasMet(count)) {
                throw new LaunchException("the calibration saw too few prompts beside " + count
                        + " streams, which were over too soon in each of " + ATTEMPTS
                        + " attempts. Run it again when the machine is quieter");
            }
        }
        return samples;
    }

    /** One of each length, alone. */
    void prompts(Service service, Samples samples) throws InterruptedException {
        for (int length : promptLengths) {
            samples.prompt(length, RealFleet.await(service.ask(length, 2, System.nanoTime())));
        }
    }

    private void streams(Service service, int batch, int prompt, Samples samples) throws InterruptedException {
        for (int i = 0; i < ATTEMPTS; i++) {
            List<Seen> all = new ArrayList<>();
            for (CompletableFuture<Seen> stream : ask(service, batch, prompt, streamTokens)) {
                all.add(RealFleet.await(stream));
            }
            List<Step> seen = together(all, prompt, Long.MIN_VALUE, Long.MAX_VALUE);
            if (seen.size() >= Samples.LEAST) {
                samples.steps(new Step(
                        batch, Math.round(Samples.median(seen, Step::cells)), Samples.median(seen, Step::seconds)));
                return;
            }
        }
        throw new LaunchException("the calibration saw too few steps of " + batch
                + " streams, the first of which was over before the last had begun in each of " + ATTEMPTS
                + " attempts. Run it again when the machine is quieter");
    }

    /** Prompts one after the other until the first stream is over. */
    private void beside(Service service, int count, Samples samples) throws InterruptedException {
        List<CompletableFuture<Seen>> asked = ask(service, count, shortPrompt, besideTokens);
        List<Seen> prompts = new ArrayList<>();
        List<Integer> lengths = new ArrayList<>();
        for (int i = 0; asked.stream().noneMatch(CompletableFuture::isDone); i++) {
            int length = besideLengths.get(i % besideLengths.size());
            Seen seen = RealFleet.await(service.ask(length, 2, System.nanoTime()));
            prompts.add(seen);
            lengths.add(length);
        }
        List<Seen> all = new ArrayList<>();
        for (CompletableFuture<Seen> stream : asked) {
            all.add(RealFleet.await(stream));
        }
        long from = allRun(all);
        long to = firstOver(all);
        for (int i = 0; i < prompts.size(); i++) {
            Seen prompt = prompts.get(i);
            // Those before waited for the prompts of the streams; after them fewer streams ran.
            if (prompt.due() >= from && prompt.tokens().getLast() <= to) {
                long at = prompt.tokens().getFirst();
                long cells = all.stream()
                        .mapToLong(s -> shortPrompt
                                + s.tokens().stream().filter(t -> t <= at).count())
                        .sum();
                samples.promptBeside(lengths.get(i), count, cells, prompt);
            }
        }
        for (Seen prompt : prompts) {
            together(all, shortPrompt, prompt.due(), prompt.tokens().getFirst()).forEach(samples::stepBeside);
        }
    }

    private static List<CompletableFuture<Seen>> ask(Service service, int count, int prompt, int tokens) {
        List<CompletableFuture<Seen>> asked = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            asked.add(service.ask(prompt, tokens, System.nanoTime()));
        }
        return asked;
    }

    /** Gaps while all of the streams run, between two times. */
    private static List<Step> together(List<Seen> all, int prompt, long earliest, long latest) {
        long from = Math.max(earliest, allRun(all));
        long to = Math.min(latest, firstOver(all));
        List<Step> steps = new ArrayList<>();
        for (Seen seen : all) {
            for (int i = 1; i < seen.tokens().size(); i++) {
                long begin = seen.tokens().get(i - 1);
                long end = seen.tokens().get(i);
                if (begin >= from && end <= to) {
                    // All streams have about as many tokens.
                    steps.add(new Step(all.size(), (long) all.size() * (prompt + i), (end - begin) / 1e9));
                }
            }
        }
        return steps;
    }

    /** When the last stream had its second token: its first one comes from the prefill worker. */
    private static long allRun(List<Seen> all) {
        return all.stream().mapToLong(s -> s.tokens().get(1)).max().orElseThrow();
    }

    private static long firstOver(List<Seen> all) {
        return all.stream().mapToLong(s -> s.tokens().getLast()).min().orElseThrow();
    }
}
