package io.baton.cli.bench;

import io.baton.cli.launch.LaunchException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/**
 * One phase of a measurement: streams that generate, alone or while prompts arrive one after the other without a pause.
 *
 * @param gaps gaps between tokens, in ns
 * @param prompts the prompts that finished in the phase
 * @param wall length of the phase, in ns
 * @param cpu processor time that each watched process spent in the phase, in ns, in the order of the suppliers
 */
record Phase(List<Long> gaps, List<Prompt> prompts, long wall, List<Long> cpu) {
    private static final long POLL_MILLIS = 20;

    /** Copies the lists. */
    Phase {
        gaps = List.copyOf(gaps);
        prompts = List.copyOf(prompts);
        cpu = List.copyOf(cpu);
    }

    /**
     * A prompt that was computed.
     *
     * @param computedTokens tokens that were computed
     * @param prefillNanos from its first chunk to its first token
     * @param secondTokenNanos from its first to its second token
     */
    record Prompt(int computedTokens, long prefillNanos, long secondTokenNanos) {
        double tokensPerSecond() {
            return computedTokens * 1e9 / prefillNanos;
        }
    }

    /** What is measured. */
    interface Target {
        /** Starts an endless stream; closing it stops it. */
        Stream stream(TokenTimes times);

        /** Computes a prompt that nobody has computed before, and two tokens. */
        CompletableFuture<Prompt> prompt();
    }

    /** A stream. */
    interface Stream extends AutoCloseable {
        /** What ended it; not done while it goes on. */
        CompletableFuture<Void> failure();

        @Override
        void close();
    }

    /**
     * How long a phase is.
     *
     * @param streams streams
     * @param warmUp tokens that each stream gives before the phase begins
     * @param gaps gaps of all streams together, at least
     * @param prompts prompts that finish, at least; 0 for a phase without prompts
     * @param timeout after which the measurement is given up
     */
    record Plan(int streams, int warmUp, int gaps, int prompts, Duration timeout) {
        Plan withPrompts(int n) {
            return new Plan(streams, warmUp, gaps, n, timeout);
        }

        /**
         * As long as another phase. A step gets slower as its streams get longer, so phases compare only if their streams go
         * through the same lengths.
         */
        Plan asLongAs(Phase other) {
            return new Plan(streams, warmUp, other.gaps().size(), prompts, timeout);
        }
    }

    /** Runs a phase. */
    static Phase run(Target target, Plan plan, List<Supplier<Duration>> cpu) {
        List<TokenTimes> times = new ArrayList<>();
        List<Stream> streams = new ArrayList<>();
        try {
            for (int i = 0; i < plan.streams(); i++) {
                TokenTimes t = new TokenTimes();
                times.add(t);
                streams.add(target.stream(t));
            }
            long deadline = System.nanoTime() + plan.timeout().toNanos();
            await(streams, deadline, () -> times.stream().allMatch(t -> t.count() >= plan.warmUp()));
            List<Long> before = cpu.stream().map(c -> c.get().toNanos()).toList();
            long from = System.nanoTime();
            List<Prompt> prompts = new ArrayList<>();
            List<CompletableFuture<Prompt>> running = new ArrayList<>();
            await(streams, deadline, () -> {
                running.removeIf(r -> r.isDone() && prompts.add(r.join()));
                long now = System.nanoTime();
                boolean enough = prompts.size() >= plan.prompts()
                        && times.stream()
                                        .mapToInt(t -> t.gaps(from, now).size())
                                        .sum()
                                >= plan.gaps();
                if (!enough && running.isEmpty() && plan.prompts() > 0) {
                    running.add(target.prompt());
                }
                return enough;
            });
            long to = System.nanoTime();
            List<Long> spent = new ArrayList<>();
            for (int i = 0; i < cpu.size(); i++) {
                spent.add(cpu.get(i).get().toNanos() - before.get(i));
            }
            // A prompt that is under way must not run into the next phase.
            await(streams, deadline, () -> running.stream().allMatch(CompletableFuture::isDone));
            List<Long> gaps = new ArrayList<>();
            times.forEach(t -> gaps.addAll(t.gaps(from, to)));
            return new Phase(gaps, prompts, to - from, spent);
        } finally {
            streams.forEach(Stream::close);
        }
    }

    /** Computes prompts one after the other, with nothing beside them. */
    static List<Prompt> alone(Target target, int prompts) {
        List<Prompt> done = new ArrayList<>();
        for (int i = 0; i < prompts; i++) {
            done.add(target.prompt().join());
        }
        return done;
    }

    private static void await(List<Stream> streams, long deadline, Supplier<Boolean> done) {
        while (!done.get()) {
            for (Stream stream : streams) {
                if (stream.failure().isDone()) {
                    stream.failure().join();
                }
            }
            if (System.nanoTime() - deadline > 0) {
                throw new LaunchException(
                        "the measurement takes too long on this machine; try --quick, or allow more with --timeout MINUTES");
            }
            try {
                TimeUnit.MILLISECONDS.sleep(POLL_MILLIS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new LaunchException("interrupted while measuring", e);
            }
        }
    }
}
