package io.baton.cli.bench;

import io.baton.inference.v1.GenerateRequest;
import io.baton.inference.v1.GenerateResponse;
import io.baton.inference.v1.InferenceServiceGrpc;
import io.baton.inference.v1.Prompt;
import io.baton.inference.v1.StopParams;
import io.grpc.ManagedChannel;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.StreamObserver;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAdder;

/** Asks a router over gRPC, with text, over some connections in turn. */
final class GrpcRouterClient implements RouterClient {
    /** Fewer calls on a connection than any server's limit. */
    private static final int CONNECTIONS = 16;

    private final List<ManagedChannel> channels = new ArrayList<>();
    private final AtomicInteger next = new AtomicInteger();
    private final LongAdder tokens = new LongAdder();
    private final TextPrompts prompts;

    GrpcRouterClient(String address, TextPrompts prompts) {
        this.prompts = prompts;
        for (int i = 0; i < CONNECTIONS; i++) {
            channels.add(NettyChannelBuilder.forTarget(address)
                    .usePlaintext()
                    .directExecutor()
                    .flowControlWindow(1 << 20)
                    .build());
        }
    }

    @Override
    public CompletableFuture<Answer> ask(int promptTokens, int outputTokens) {
        CompletableFuture<Answer> done = new CompletableFuture<>();
        GenerateRequest request = GenerateRequest.newBuilder()
                .setPrompt(Prompt.newBuilder().setText(prompts.next(promptTokens)))
                .setStop(StopParams.newBuilder().setMaxTokens(outputTokens).setIgnoreEos(true))
                .build();
        InferenceServiceGrpc.newStub(channels.get(Math.floorMod(next.getAndIncrement(), CONNECTIONS)))
                .generate(request, new Observer(done, tokens));
        return done;
    }

    @Override
    public long tokens() {
        return tokens.sum();
    }

    @Override
    public void close() {
        channels.forEach(ManagedChannel::shutdownNow);
    }

    private static final class Observer implements StreamObserver<GenerateResponse> {
        private final CompletableFuture<Answer> done;
        private final LongAdder all;
        private long first;
        private int tokens;

        Observer(CompletableFuture<Answer> done, LongAdder all) {
            this.done = done;
            this.all = all;
        }

        @Override
        public void onNext(GenerateResponse event) {
            if (event.hasOutput() && !event.getOutput().getTokenIds().isEmpty()) {
                if (tokens == 0) {
                    first = System.nanoTime();
                }
                tokens++;
                all.increment();
            }
        }

        @Override
        public void onError(Throwable t) {
            done.completeExceptionally(t);
        }

        @Override
        public void onCompleted() {
            done.complete(new Answer(first, tokens));
        }
    }
}
