package io.baton.kv.transfer;

import com.google.protobuf.ByteString;
import io.baton.engine.KvLayout;
import io.baton.kv.block.Checksums;
import io.baton.kv.block.Descriptors;
import io.baton.kv.v1.DescriptorKind;
import io.baton.kv.v1.KvDescriptor;
import io.baton.kv.v1.KvTransferServiceGrpc.KvTransferServiceImplBase;
import io.baton.kv.v1.PullRequest;
import io.baton.kv.v1.PullResponse;
import io.grpc.Server;
import io.grpc.netty.NettyServerBuilder;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.concurrent.atomic.AtomicInteger;

/** A holder of plain generated messages that sends whatever a test wants. */
final class FakeHolder extends KvTransferServiceImplBase implements AutoCloseable {
    /** What it does with a pull. */
    interface Behaviour {
        void send(byte[] rows, ServerCallStreamObserver<PullResponse> out);
    }

    final KvLayout layout;
    final AtomicInteger pulls = new AtomicInteger();
    private final Behaviour behaviour;
    private final Server server;

    FakeHolder(KvLayout layout, Behaviour behaviour) {
        this.layout = layout;
        this.behaviour = behaviour;
        try {
            this.server = NettyServerBuilder.forAddress(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0))
                    .addService(this)
                    .build()
                    .start();
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    static PullResponse frame(byte[] rows, int from, int to) {
        return PullResponse.newBuilder()
                .setRows(ByteString.copyFrom(rows, from, to - from))
                .build();
    }

    @Override
    public void pull(PullRequest request, StreamObserver<PullResponse> out) {
        pulls.incrementAndGet();
        behaviour.send(rows(request.getBlock()), (ServerCallStreamObserver<PullResponse>) out);
    }

    private static byte[] rows(KvDescriptor d) {
        return Holder.rows(d).toArray(ValueLayout.JAVA_BYTE);
    }

    /** A good descriptor of the {@code index}-th block of 256 tokens. */
    KvDescriptor describe(int index) {
        KvDescriptor d = KvDescriptor.newBuilder()
                .setKind(DescriptorKind.DESCRIPTOR_KIND_BATON)
                .setBlockIndex(index)
                .setTokenBegin(index * 256)
                .setTokenEnd((index + 1) * 256)
                .setLayout(Descriptors.toProto(layout))
                .setSizeBytes(layout.bytes(256))
                .setHolderAddress("127.0.0.1:" + server.getPort())
                .setRequestId("r1")
                .setAttempt(1)
                .setReceiver(Holder.RECEIVER)
                .build();
        MemorySegment rows = Holder.rows(d);
        return d.toBuilder().setCrc32C(Checksums.crc32c(rows)).build();
    }

    void kill() {
        server.shutdownNow();
    }

    @Override
    public void close() {
        server.shutdownNow();
        Await.until("the server ends", server::isTerminated);
    }
}
