package io.baton.kv.transfer;

import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.grpc.AddedHandler;
import io.baton.kv.lease.LeaseTable;
import io.baton.kv.v1.AcknowledgeRequest;
import io.baton.kv.v1.AcknowledgeResponse;
import io.baton.kv.v1.KvTransferServiceGrpc;
import io.baton.kv.v1.RenewRequest;
import io.baton.kv.v1.RenewResponse;
import io.baton.tls.ServiceTls;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallExecutorSupplier;
import io.grpc.ServerServiceDefinition;
import io.grpc.ServiceDescriptor;
import io.grpc.netty.NettyServerBuilder;
import io.grpc.stub.ServerCalls;
import io.grpc.stub.StreamObserver;
import io.netty.channel.ChannelOption;
import io.netty.channel.WriteBufferWaterMark;
import java.util.List;
import java.util.concurrent.Executor;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/**
 * The holder's side of {@code KvTransferService}: streams leased blocks to their receivers and takes them back.
 *
 * <p>Rows are sent from the store itself, without a copy before the operating system's. At most
 * {@link SenderConfig#readyBytes} and one frame per pull are the network's at a time, and a block stays pinned until the
 * last of them has left, whatever happens to its lease. A peer that is authenticated ({@link PeerIdentity}) acts for itself
 * only.
 *
 * <p><em>Thread-safety:</em> safe. Closing stops the supervision of stalled pulls; the gRPC server is its owner's.
 */
public final class KvTransferServer implements AutoCloseable {
    private final LeaseTable leases;
    private final SenderConfig config;
    private final ScheduledExecutorService timer;

    final RowFrameSender frames = new RowFrameSender();
    final AtomicInteger openPulls = new AtomicInteger();
    final LongAdder sentFrames = new LongAdder();
    final LongAdder sentBytes = new LongAdder();
    final LongAdder sentBlocks = new LongAdder();
    final LongAdder cancelledPulls = new LongAdder();
    final LongAdder acknowledgedBlocks = new LongAdder();
    final ErrorCounts refused = new ErrorCounts();

    /** A sender of the blocks leased in {@code leases}. */
    public KvTransferServer(LeaseTable leases, SenderConfig config) {
        this.leases = leases;
        this.config = config;
        this.timer = Executors.newSingleThreadScheduledExecutor(
                Thread.ofPlatform().daemon().name("baton-kv-sender-timer").factory());
    }

    /** Adds this service to a server whose connections have no TLS. */
    public void addTo(NettyServerBuilder builder) {
        addTo(builder, ServiceTls.plaintext());
    }

    /**
     * Adds this service to a server, and what it needs there: its calls run on the network threads (calls of other
     * services keep the server's executor), rows are sent from where they lie ({@link RowFrameSender}), and the server's
     * connections may have {@link SenderConfig#writeBufferBytes} waiting.
     *
     * @param tls how the server's connections begin
     */
    public void addTo(NettyServerBuilder builder, ServiceTls tls) {
        int high = config.writeBufferBytes();
        builder.addService(service())
                .callExecutor(callExecutor())
                .protocolNegotiator(new AddedHandler(tls.server(), _ -> frames))
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
                .addMethod(KvTransferServiceGrpc.getRenewMethod())
                .addMethod(KvTransferServiceGrpc.getAcknowledgeMethod())
                .build();
        return ServerServiceDefinition.builder(service)
                .addMethod(RowFrames.METHOD, (call, _) -> new PullServerCall(this, leases, config, timer, call))
                .addMethod(KvTransferServiceGrpc.getRenewMethod(), ServerCalls.asyncUnaryCall(this::renew))
                .addMethod(KvTransferServiceGrpc.getAcknowledgeMethod(), ServerCalls.asyncUnaryCall(this::acknowledge))
                .build();
    }

    private void acknowledge(AcknowledgeRequest request, StreamObserver<AcknowledgeResponse> response) {
        int released;
        try {
            PeerIdentity.check(request.getReceiver());
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

    private void renew(RenewRequest request, StreamObserver<RenewResponse> response) {
        List<Long> unknown;
        try {
            PeerIdentity.check(request.getReceiver());
            if (request.getLeaseIdsCount() > LeaseRenewer.MAX_PER_CALL) {
                throw new BatonException(
                        ErrorCode.PROTOCOL_VIOLATION,
                        "a call renews at most " + LeaseRenewer.MAX_PER_CALL + " leases, not "
                                + request.getLeaseIdsCount());
            }
            unknown = leases.renew(request.getHolderEpoch(), request.getReceiver(), request.getLeaseIdsList());
        } catch (BatonException e) {
            refused.add(e.code());
            response.onError(e.toStatus());
            return;
        }
        response.onNext(
                RenewResponse.newBuilder().addAllUnknownLeaseIds(unknown).build());
        response.onCompleted();
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
