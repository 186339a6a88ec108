package io.baton.kv.transfer;

import io.baton.kv.v1.KvDescriptor;
import io.baton.kv.v1.KvTransferServiceGrpc;
import io.baton.kv.v1.PullRequest;
import io.baton.kv.v1.PullResponse;
import io.grpc.CallOptions;
import io.grpc.ClientCall;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.netty.NettyChannelBuilder;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** A receiver with plain generated messages that takes frames only when told to. */
final class RawPull implements AutoCloseable {
    static final int WINDOW = 64 << 10;

    final LinkedBlockingQueue<PullResponse> frames = new LinkedBlockingQueue<>();
    final CompletableFuture<Status> closed = new CompletableFuture<>();
    final CompletableFuture<Metadata> trailers = new CompletableFuture<>();
    private final ManagedChannel channel;
    private final ClientCall<PullRequest, PullResponse> call;

    RawPull(KvDescriptor d, String receiver) {
        channel = NettyChannelBuilder.forTarget(d.getHolderAddress())
                .usePlaintext()
                .flowControlWindow(WINDOW)
                .maxInboundMessageSize(32 << 20)
                .build();
        call = channel.newCall(KvTransferServiceGrpc.getPullMethod(), CallOptions.DEFAULT);
        call.start(
                new ClientCall.Listener<>() {
                    @Override
                    public void onMessage(PullResponse frame) {
                        frames.add(frame);
                    }

                    @Override
                    public void onClose(Status status, Metadata last) {
                        trailers.complete(last);
                        closed.complete(status);
                    }
                },
                new Metadata());
        call.sendMessage(
                PullRequest.newBuilder().setBlock(d).setReceiver(receiver).build());
        call.halfClose();
    }

    RawPull(KvDescriptor d) {
        this(d, d.getReceiver());
    }

    /** Takes the next frame. */
    PullResponse next() throws InterruptedException, TimeoutException {
        call.request(1);
        PullResponse frame = frames.poll(30, TimeUnit.SECONDS);
        if (frame == null) {
            throw new TimeoutException("no frame; the call is " + closed);
        }
        return frame;
    }

    /** Takes all that comes. */
    void takeAll() {
        call.request(Integer.MAX_VALUE);
    }

    void cancel() {
        call.cancel("test", null);
    }

    @Override
    public void close() {
        channel.shutdownNow();
    }
}
