package io.baton.cli.bench;

import io.baton.inference.v1.Prompt;
import io.baton.inference.v1.StopParams;
import io.baton.prefill.v1.PrefillGo;
import io.baton.prefill.v1.PrefillRequest;
import io.baton.prefill.v1.PrefillResponse;
import io.baton.prefill.v1.PrefillServiceGrpc;
import io.baton.prefill.v1.PrefillStart;
import io.grpc.ManagedChannel;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.ClientCallStreamObserver;
import io.grpc.stub.ClientResponseObserver;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * Asks prefill workers without a router: opens a leg, says Go as soon as it is accepted, and is done with the first token.
 * It does not reserve at decode, so a router that does has one exchange more.
 */
final class DirectClient implements RouterClient {
    private final List<ManagedChannel> channels = new ArrayList<>();
    private final AtomicInteger next = new AtomicInteger();
    private final TextPrompts prompts;

    DirectClient(List<String> workers, TextPrompts prompts) {
        this.prompts = prompts;
        for (String worker : workers) {
            channels.add(NettyChannelBuilder.forTarget(worker)
                    .usePlaintext()
                    .directExecutor()
                    .maxInboundMessageSize(SimulatedFleet.MAX_MESSAGE)
                    .flowControlWindow(1 << 20)
                    .build());
        }
    }

    @Override
    public CompletableFuture<Answer> ask(int promptTokens, int outputTokens) {
        int number = next.getAndIncrement();
        Leg leg = new Leg();
        PrefillServiceGrpc.newStub(channels.get(Math.floorMod(number, channels.size())))
                .prefill(leg);
        leg.send(PrefillRequest.newBuilder()
                .setStart(PrefillStart.newBuilder()
                        .setRequestId("direct-" + number)
                        .setAttempt(1)
                        .setModel(SimulatedFleet.MODEL)
                        .setPrompt(Prompt.newBuilder().setText(prompts.next(promptTokens)))
                        .setStop(StopParams.newBuilder().setMaxTokens(outputTokens)))
                .build());
        return leg.done;
    }

    @Override
    public long tokens() {
        return next.get();
    }

    @Override
    public void close() {
        channels.forEach(ManagedChannel::shutdownNow);
    }

    private static final class Leg implements ClientResponseObserver<PrefillRequest, PrefillResponse> {
        private final CompletableFuture<Answer> done = new CompletableFuture<>();
        private @Nullable ClientCallStreamObserver<PrefillRequest> call;
        private long first;

        @Override
        public void beforeStart(ClientCallStreamObserver<PrefillRequest> requestStream) {
            call = requestStream;
        }

        void send(PrefillRequest message) {
            if (call != null) {
                call.onNext(message);
            }
        }

        @Override
        public void onNext(PrefillResponse message) {
            switch (message.getMessageCase()) {
                case ACCEPTED ->
                    send(PrefillRequest.newBuilder()
                            .setGo(PrefillGo.newBuilder().setReceiver("direct"))
                            .build());
                case FIRST_TOKEN -> first = System.nanoTime();
                case FINISHED -> {
                    if (call != null) {
                        call.onCompleted();
                    }
                }
                case BLOCKS_READY, MESSAGE_NOT_SET -> {
                    // Nobody pulls the blocks.
                }
            }
        }

        @Override
        public void onError(Throwable t) {
            done.completeExceptionally(t);
        }

        @Override
        public void onCompleted() {
            done.complete(new Answer(first, 1));
        }
    }
}
