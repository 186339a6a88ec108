package io.baton.cli.bench.goodput;

import io.baton.cli.bench.RandomPrompts;
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
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.LockSupport;

/** Asks real services, with prompts of random tokens, and takes the time of every token. Thread-safe. */
final class RealFleet implements AutoCloseable, Calibration.Service {
    private static final long PATIENCE_SECONDS = 300;

    private final ManagedChannel channel;
    private final RandomPrompts prompts;

    RealFleet(String grpcAddress, RandomPrompts prompts) {
        // Callbacks only take the time, so they may run on the connection's own thread.
        this.channel = NettyChannelBuilder.forTarget(grpcAddress)
                .usePlaintext()
                .directExecutor()
                .build();
        this.prompts = prompts;
    }

    /**
     * An answer.
     *
     * @param due when the request was to be sent, on {@link System#nanoTime}
     * @param sent when it was sent, likewise
     * @param tokens when its tokens came, likewise
     */
    record Seen(long due, long sent, List<Long> tokens) {
        double ttft() {
            return (tokens.getFirst() - due) / 1e9;
        }

        /** Seconds by which it was sent too late. */
        double late() {
            return (sent - due) / 1e9;
        }

        /** Seconds between tokens. */
        List<Double> gaps() {
            List<Double> gaps = new ArrayList<>();
            for (int i = 1; i < tokens.size(); i++) {
                gaps.add((tokens.get(i) - tokens.get(i - 1)) / 1e9);
            }
            return gaps;
        }
    }

    /** Asks for exactly so many tokens. */
    @Override
    public CompletableFuture<Seen> ask(int promptTokens, int outputTokens, long due) {
        CompletableFuture<Seen> done = new CompletableFuture<>();
        GenerateRequest request = GenerateRequest.newBuilder()
                .setPrompt(Prompt.newBuilder().setTokenIds(TokenIds.encode(prompts.next(promptTokens))))
                .setSampling(SamplingParams.newBuilder().setTemperature(0))
                .setStop(StopParams.newBuilder().setMaxTokens(outputTokens).setIgnoreEos(true))
                .build();
        InferenceServiceGrpc.newStub(channel).generate(request, new Observer(outputTokens, due, done));
        return done;
    }

    /** Waits for one answer. */
    static Seen await(CompletableFuture<Seen> answer) throws InterruptedException {
        try {
            return answer.get(PATIENCE_SECONDS, TimeUnit.SECONDS);
        } catch (ExecutionException e) {
            throw new LaunchException("a request to the fleet failed: " + e.getCause(), e);
        } catch (TimeoutException e) {
            throw new LaunchException("a request was not answered within " + PATIENCE_SECONDS + " s", e);
        }
    }

    /** Sends each when its time has come, whether or not those before it were answered. */
    List<Seen> replay(List<Job> jobs) throws InterruptedException {
        long start = System.nanoTime();
        List<CompletableFuture<Seen>> answers = new ArrayList<>();
        for (Job job : jobs) {
            long due = start + (long) (job.arrival() * 1e9);
            for (long wait = due - System.nanoTime(); wait > 0; wait = due - System.nanoTime()) {
                LockSupport.parkNanos(wait);
            }
            answers.add(ask(job.request().promptTokens(), job.request().outputTokens(), due));
        }
        List<Seen> seen = new ArrayList<>();
        for (CompletableFuture<Seen> answer : answers) {
            seen.add(await(answer));
        }
        return seen;
    }

    @Override
    public void close() {
        channel.shutdownNow();
    }

    private static final class Observer implements StreamObserver<GenerateResponse> {
        private final int wanted;
        private final long due;
        private final long sent = System.nanoTime();
        private final CompletableFuture<Seen> done;
        private final List<Long> tokens = new ArrayList<>();

        Observer(int wanted, long due, CompletableFuture<Seen> done) {
            this.wanted = wanted;
            this.due = due;
            this.done = done;
        }

        @Override
        public void onNext(GenerateResponse event) {
            if (event.hasOutput() && !event.getOutput().getTokenIds().isEmpty()) {
                tokens.add(System.nanoTime());
            }
        }

        @Override
        public void onError(Throwable t) {
            done.completeExceptionally(t);
        }

        @Override
        public void onCompleted() {
            if (tokens.size() == wanted) {
                done.complete(new Seen(due, sent, List.copyOf(tokens)));
            } else {
                done.completeExceptionally(
                        new IllegalStateException(tokens.size() + " tokens came instead of " + wanted));
            }
        }
    }
}
