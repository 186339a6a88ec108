package io.baton.kv.transfer;

import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.kv.lease.LeaseTable;
import io.baton.kv.v1.AcknowledgeRequest;
import io.baton.kv.v1.AcknowledgeResponse;
import io.baton.kv.v1.KvTransferServiceGrpc;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallExecutorSupplier;
import io.grpc.ServerServiceDefinition;
import io.grpc.ServiceDescriptor;
import io.grpc.netty.InternalProtocolNegotiators;
import io.grpc.netty.NettyServerBuilder;
import io.grpc.stub.ServerCalls;
import io.grpc.stub.StreamObserver;
import io.netty.channel.ChannelOption;
import io.netty.channel.WriteBufferWaterMark;
import java.util.Optional;
import java.util.concurrent.Executor;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The holder's side of {@code KvTransferService}: streams leased blocks to their receivers and takes them back.
 *
 * <p>Rows are sent from the store itself, without a copy before the operating system's. At most
 * {@link SenderConfig#readyBytes} and one frame per pull are the network's at a time, and a block stays pinned until the
 * last of them has left, whatever happens to its lease.
 *
 * <p><em>Thread-safety:</em> safe. Closing stops the supervision of stalled pulls and of leases; the gRPC server is its owner's.
 */
public final class KvTransferServer implements AutoCloseable {
    private final LeaseTable leases;
    private final SenderConfig config;
    private final Supplier<Optional<String>> peer;
    private final ScheduledExecutorService timer;

    final RowFrameSender frames = new RowFrameSender();
    final AtomicInteger openPulls = new AtomicInteger();
    final LongAdder sentFrames = new LongAdder();
    final LongAdder sentBytes = new LongAdder();
    final LongAdder sentBlocks = new LongAdder();
    final LongAdder cancelledPulls = new LongAdder();
    final LongAdder acknowledgedBlocks = new LongAdder();
    final ErrorCounts refused = new ErrorCounts();

    /** A sender of the blocks leased in {@code leases}, to peers that are not authenticated. */
    public KvTransferServer(LeaseTable leases, SenderConfig config) {
        this(leases, config, Optional::empty);
    }

    /**
     * A sender.
     *
     * @param peer id of the authenticated peer of the current call, asked on the thread that handles it; empty where peers are
     *     not authenticated
     */
    public KvTransferServer(LeaseTable leases, SenderConfig config, Supplier<Optional<String>> peer) {
        this.leases = leases;
        this.config = config;
        this.peer = peer;
        this.timer = Executors.newSingleThreadScheduledExecutor(
                Thread.ofPlatform().daemon().name("baton-kv-sender-timer").factory());
        // Late by a tenth of a lease at most; and no busy loop where a test has short ones.
        long period = Math.max(1, leases.leaseTime().toMillis() / 10);
        var _ = timer.scheduleWithFixedDelay(leases::expire, period, period, TimeUnit.MILLISECONDS);
    }

    /**
     * Adds this service to a server, and what it needs there: its calls run on the network threads (calls of other
     * services keep the server's executor), rows are sent from where they lie ({@link RowFrameSender}), and the server's
     * connections may have {@link SenderConfig#writeBufferBytes} waiting.
     */
    public void addTo(NettyServerBuilder builder) {
        int high = config.writeBufferBytes();
        builder.addService(service())
                .callExecutor(callExecutor())
                .protocolNegotiator(new AddedHandler(InternalProtocolNegotiators.serverPlaintext(), _ -> frames))
                .withChildOption(ChannelOption.WRITE_BUFFER_WATER_MARK, new WriteBufferWaterMark(high / 2, high));
    }

    private static ServerCallExecutorSupplier callExecutor() {
        return new ServerCallExecutorSupplier() {
            @Override
            public <ReqT, RespT> @Nullable Executor getExecutor(ServerCall<ReqT, RespT> call, Metadata metadata) {
                boolean ours = KvTransferServiceGrpc.SERVICE_NAME.equals(
                        call.getMethodDescriptor().getServiceName());
                return ours ? Runnable::run : null;
            }
        };
    }

    private ServerServiceDefinition service() {
        var service = ServiceDescriptor.newBuilder(KvTransferServiceGrpc.SERVICE_NAME)
                .setSchemaDescriptor(
                        KvTransferServiceGrpc.getServiceDescriptor().getSchemaDescriptor())
                .addMethod(RowFrames.METHOD)
                .addMethod(KvTransferServiceGrpc.getAcknowledgeMethod())
                .addMethod(KvTransferServiceGrpc.getRenewMethod())
                .build();
        return ServerServiceDefinition.builder(service)
                .addMethod(RowFrames.METHOD, (call, _) -> new PullServerCall(this, leases, config, timer, call))
                .addMethod(KvTransferServiceGrpc.getAcknowledgeMethod(), ServerCalls.asyncUnaryCall(this::acknowledge))
                .addMethod(
                        KvTransferServiceGrpc.getRenewMethod(),
                        ServerCalls.asyncBidiStreamingCall(responses -> new RenewServerCall(this, leases, responses)))
                .build();
    }

    private void acknowledge(AcknowledgeRequest request, StreamObserver<AcknowledgeResponse> response) {
        int released;
        try {
            checkPeer(request.getReceiver());
            released = leases.acknowledge(request);
        } catch (BatonException e) {
            refused.add(e.code());
            response.onError(e.toStatus());
            return;
        }
        acknowledgedBlocks.add(released);
        response.onNext(
                AcknowledgeResponse.newBuilder().setReleasedBlocks(released).build());
        response.onCompleted();
    }

    /** Refuses what an authenticated peer does in another worker's name. */
    void checkPeer(String receiver) {
        peer.get().filter(id -> !id.equals(receiver)).ifPresent(id -> {
            throw new BatonException(
                    ErrorCode.RECEIVER_MISMATCH,
                    "the peer is authenticated as '" + id + "' and cannot act as receiver '" + receiver + "'");
        });
    }

    /** Counts a pull in; refuses one too many. */
    void admit() {
        if (openPulls.incrementAndGet() > config.maxConcurrentPulls()) {
            openPulls.decrementAndGet();
            throw new BatonException(
                    ErrorCode.QUEUE_FULL,
                    config.maxConcurrentPulls()
                            + " KV pulls are being served, as many as max-concurrent-pulls allows; retry later");
        }
    }

    /** A snapshot of counters and gauges. */
    public SenderStats stats() {
        return new SenderStats(
                openPulls.get(),
                sentFrames.sum(),
                sentBytes.sum(),
                sentBlocks.sum(),
                cancelledPulls.sum(),
                acknowledgedBlocks.sum(),
                refused.snapshot());
    }

    /** Stops the supervision of stalled pulls. Idempotent. */
    @Override
    public void close() {
        timer.shutdownNow();
    }
}
