package io.baton.cli.bench;

import io.baton.engine.text.TokenIds;
import io.baton.inference.v1.GenerateFinished;
import io.baton.inference.v1.GenerateRequest;
import io.baton.inference.v1.GenerateResponse;
import io.baton.inference.v1.InferenceServiceGrpc;
import io.baton.inference.v1.Prompt;
import io.baton.inference.v1.SamplingParams;
import io.baton.inference.v1.StopParams;
import io.baton.inference.v1.Timing;
import io.grpc.ManagedChannel;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.ClientCallStreamObserver;
import io.grpc.stub.ClientResponseObserver;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Prefill and decode behind a router, as a gRPC client sees them.
 *
 * <p><em>Thread-safety:</em> thread-safe.
 */
final class FleetTarget implements Phase.Target, AutoCloseable {
    private final ManagedChannel channel;
    private final RandomPrompts prompts;
    private final Workload load;

    FleetTarget(String address, RandomPrompts prompts, Workload load) {
        // Callbacks only take the time, so they may run on the connection's own thread.
        this.channel = NettyChannelBuilder.forTarget(address)
                .usePlaintext()
                .directExecutor()
                .build();
        this.prompts = prompts;
        this.load = load;
    }

    private GenerateRequest request(int promptTokens, int maxTokens) {
        return GenerateRequest.newBuilder()
                .setPrompt(Prompt.newBuilder().setTokenIds(TokenIds.encode(prompts.next(promptTokens))))
                .setSampling(SamplingParams.newBuilder().setTemperature(0))
                .setStop(StopParams.newBuilder().setMaxTokens(maxTokens).setIgnoreEos(true))
                .build();
    }

    @Override
    public Phase.Stream stream(TokenTimes times) {
        GrpcStream stream = new GrpcStream(times);
        stream.start();
        return stream;
    }

    @Override
    public CompletableFuture<Phase.Prompt> prompt() {
        CompletableFuture<Phase.Prompt> done = new CompletableFuture<>();
        // Two tokens: the second comes from decode, after the hand-over.
        Call call = new Call(
                event -> {
                    if (event.hasFinished()) {
                        done.complete(measured(event.getFinished()));
                    }
                },
                error -> done.completeExceptionally(
                        error == null ? new IllegalStateException("a stream ended without GenerateFinished") : error));
        InferenceServiceGrpc.newStub(channel).generate(request(load.promptTokens(), 2), call);
        return done;
    }

    private static Phase.Prompt measured(GenerateFinished finished) {
        Timing t = finished.getTiming();
        return new Phase.Prompt(
                t.getPrefillComputedTokens(),
                TimeUnit.MICROSECONDS.toNanos(t.getPrefillUs()),
                TimeUnit.MICROSECONDS.toNanos(t.getSecondTokenUs() - t.getFirstTokenUs()));
    }

    @Override
    public void close() {
        channel.shutdownNow();
    }

    /** A stream that starts again when its tokens are used up. */
    private final class GrpcStream implements Phase.Stream {
        private final TokenTimes times;
        private final CompletableFuture<Void> failure = new CompletableFuture<>();
        private volatile boolean closed;
        private volatile @Nullable Call call;

        GrpcStream(TokenTimes times) {
            this.times = times;
        }

        void start() {
            times.restarted();
            Call next = new Call(
                    event -> {
                        if (event.hasOutput()
                                && !event.getOutput().getTokenIds().isEmpty()) {
                            times.token();
                        }
                    },
                    error -> {
                        if (closed) {
                            return;
                        }
                        if (error != null) {
                            failure.completeExceptionally(error);
                        } else {
                            start();
                        }
                    });
            call = next;
            InferenceServiceGrpc.newStub(channel)
                    .generate(request(load.streamPromptTokens(), load.streamTokens()), next);
        }

        @Override
        public CompletableFuture<Void> failure() {
            return failure;
        }

        @Override
        public void close() {
            closed = true;
            Call running = call;
            if (running != null) {
                running.cancel();
            }
        }
    }

    /** One call; {@code onEnd} gets the error, or null where it ended well. */
    private static final class Call implements ClientResponseObserver<GenerateRequest, GenerateResponse> {
        private final Consumer<GenerateResponse> onEvent;
        private final Consumer<@Nullable Throwable> onEnd;
        private volatile @Nullable ClientCallStreamObserver<GenerateRequest> stream;

        Call(Consumer<GenerateResponse> onEvent, Consumer<@Nullable Throwable> onEnd) {
            this.onEvent = onEvent;
            this.onEnd = onEnd;
        }

        void cancel() {
            ClientCallStreamObserver<GenerateRequest> s = stream;
            if (s != null) {
                s.cancel("the measurement has what it wants", null);
            }
        }

        @Override
        public void beforeStart(ClientCallStreamObserver<GenerateRequest> requestStream) {
            stream = requestStream;
        }

        @Override
        public void onNext(GenerateResponse event) {
            onEvent.accept(event);
        }

        @Override
        public void onError(Throwable t) {
            onEnd.accept(t);
        }

        @Override
        public void onCompleted() {
            onEnd.accept(null);
        }
    }
}
