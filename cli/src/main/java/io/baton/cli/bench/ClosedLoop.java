package io.baton.cli.bench;

import io.baton.cli.launch.LaunchException;
import io.baton.engine.text.TokenIds;
import io.baton.inference.v1.GenerateRequest;
import io.baton.inference.v1.GenerateResponse;
import io.baton.inference.v1.InferenceServiceGrpc;
import io.baton.inference.v1.Prompt;
import io.baton.inference.v1.SamplingParams;
import io.baton.inference.v1.StopParams;
import io.grpc.ManagedChannel;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.StreamObserver;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;

/**
 * A fixed number of requests, a fixed number of them at once: the next one begins when one ends.
 *
 * @param tokens tokens that came in all
 * @param wall from the first request to the end of the last, in ns
 * @param gaps gaps between tokens of one request, in ns
 */
record ClosedLoop(long tokens, long wall, List<Long> gaps) {
    private static final Duration TIMEOUT = Duration.ofMinutes(2);

    /** Copies the list. */
    ClosedLoop {
        gaps = List.copyOf(gaps);
    }

    /**
     * The load.
     *
     * @param requests requests in all
     * @param atOnce requests at once
     * @param promptTokens tokens of each prompt
     * @param outputTokens tokens of each answer
     */
    record Load(int requests, int atOnce, int promptTokens, int outputTokens) {}

    double tokensPerSecond() {
        return tokens * 1e9 / wall;
    }

    /**
     * Runs the load.
     *
     * @throws LaunchException if a request fails or takes minutes
     */
    static ClosedLoop run(String address, RandomPrompts prompts, Load load) {
        // Callbacks only take the time, so they may run on the connection's own thread.
        ManagedChannel channel = NettyChannelBuilder.forTarget(address)
                .usePlaintext()
                .directExecutor()
                .build();
        try {
            Semaphore free = new Semaphore(load.atOnce());
            List<TokenTimes> times = new ArrayList<>();
            ConcurrentLinkedQueue<Throwable> failures = new ConcurrentLinkedQueue<>();
            LongAdder tokens = new LongAdder();
            long from = System.nanoTime();
            for (int i = 0; i < load.requests(); i++) {
                acquire(free, 1);
                TokenTimes t = new TokenTimes();
                times.add(t);
                InferenceServiceGrpc.newStub(channel)
                        .generate(
                                request(prompts.next(load.promptTokens()), load.outputTokens()),
                                new Answer(t, tokens, free, failures));
            }
            acquire(free, load.atOnce());
            long to = System.nanoTime();
            Throwable failure = failures.peek();
            if (failure != null) {
                throw new LaunchException(
                        failures.size() + " requests failed, the first with: " + failure.getMessage());
            }
            List<Long> gaps = new ArrayList<>();
            times.forEach(t -> gaps.addAll(t.gaps(from, to)));
            return new ClosedLoop(tokens.sum(), to - from, gaps);
        } finally {
            channel.shutdownNow();
        }
    }

    private static GenerateRequest request(int[] prompt, int outputTokens) {
        return GenerateRequest.newBuilder()
                .setPrompt(Prompt.newBuilder().setTokenIds(TokenIds.encode(prompt)))
                .setSampling(SamplingParams.newBuilder().setTemperature(0))
                .setStop(StopParams.newBuilder().setMaxTokens(outputTokens).setIgnoreEos(true))
                .build();
    }

    private static void acquire(Semaphore free, int permits) {
        try {
            if (!free.tryAcquire(permits, TIMEOUT.toSeconds(), TimeUnit.SECONDS)) {
                throw new LaunchException("no request ended within " + TIMEOUT.toSeconds() + " s");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new LaunchException("interrupted while measuring", e);
        }
    }

    private record Answer(TokenTimes times, LongAdder tokens, Semaphore free, ConcurrentLinkedQueue<Throwable> failures)
            implements StreamObserver<GenerateResponse> {
        @Override
        public void onNext(GenerateResponse event) {
            if (event.hasOutput() && !event.getOutput().getTokenIds().isEmpty()) {
                times.token();
                tokens.add(event.getOutput().getTokenIds().size() / Integer.BYTES);
            }
        }

        @Override
        public void onError(Throwable t) {
            failures.add(t);
            free.release();
        }

        @Override
        public void onCompleted() {
            free.release();
        }
    }
}
