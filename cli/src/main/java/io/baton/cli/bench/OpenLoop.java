package io.baton.cli.bench;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/** Requests that arrive when they arrive, whether or not those before them were answered. */
final class OpenLoop {
    private OpenLoop() {}

    /**
     * One request.
     *
     * @param nanos when it comes, from the start
     * @param promptTokens tokens of its prompt
     * @param outputTokens tokens that it asks for
     */
    record Arrival(long nanos, int promptTokens, int outputTokens) {}

    /**
     * What came of them.
     *
     * @param requests requests that were answered with as many tokens as they asked for
     * @param tokens tokens of all answers
     * @param failures the others
     * @param failure what the first of those failed with
     * @param firstTokens from the moment when each should have been sent to its first token, in ns
     */
    record Result(
            int requests,
            long tokens,
            int failures,
            @Nullable String failure,
            List<Long> firstTokens) {
        Result {
            firstTokens = List.copyOf(firstTokens);
        }
    }

    /** Arrivals of a Poisson process: gaps are independent and exponentially distributed. */
    static List<Arrival> poisson(double perSecond, Duration time, int promptTokens, int outputTokens, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        List<Arrival> arrivals = new ArrayList<>();
        double at = 0;
        while (true) {
            at += -Math.log(1 - random.nextDouble()) / perSecond;
            long nanos = (long) (at * 1e9);
            if (nanos >= time.toNanos()) {
                return arrivals;
            }
            arrivals.add(new Arrival(nanos, promptTokens, outputTokens));
        }
    }

    /** So many at once. */
    static List<Arrival> burst(int requests, int promptTokens, int outputTokens) {
        return java.util.Collections.nCopies(requests, new Arrival(0, promptTokens, outputTokens));
    }

    /** Sends each when its time has come, and waits for all answers, at most as long as said after the last one was sent. */
    static Result run(RouterClient client, List<Arrival> arrivals, Duration patience) throws InterruptedException {
        long start = System.nanoTime();
        List<CompletableFuture<RouterClient.Answer>> answers = new ArrayList<>();
        for (Arrival arrival : arrivals) {
            for (long wait = wait(start, arrival); wait > 0; wait = wait(start, arrival)) {
                LockSupport.parkNanos(wait);
            }
            answers.add(client.ask(arrival.promptTokens(), arrival.outputTokens()));
        }
        long deadline = System.nanoTime() + patience.toNanos();
        int requests = 0;
        long tokens = 0;
        int failures = 0;
        String failure = null;
        List<Long> firstTokens = new ArrayList<>();
        for (int i = 0; i < arrivals.size(); i++) {
            Arrival arrival = arrivals.get(i);
            String wrong;
            try {
                RouterClient.Answer answer =
                        answers.get(i).get(Math.max(1, deadline - System.nanoTime()), TimeUnit.NANOSECONDS);
                tokens += answer.tokens();
                wrong = answer.tokens() == arrival.outputTokens()
                        ? null
                        : answer.tokens() + " tokens instead of " + arrival.outputTokens();
                if (wrong == null) {
                    requests++;
                    firstTokens.add(answer.firstTokenNanos() - start - arrival.nanos());
                }
            } catch (ExecutionException e) {
                wrong = String.valueOf(e.getCause());
            } catch (TimeoutException e) {
                wrong = "no answer within " + patience.toSeconds() + " s after the last request";
            }
            if (wrong != null) {
                failures++;
                failure = failure == null ? wrong : failure;
            }
        }
        return new Result(requests, tokens, failures, failure, firstTokens);
    }

    private static long wait(long start, Arrival arrival) {
        return start + arrival.nanos() - System.nanoTime();
    }
}
