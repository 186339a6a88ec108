package io.baton.kv.transfer;

import io.baton.engine.KvLayout;
import io.baton.kv.Layouts;
import io.baton.kv.block.Checksums;
import io.baton.kv.key.DescriptorSigner;
import io.baton.kv.lease.Lease;
import io.baton.kv.lease.LeaseLimits;
import io.baton.kv.lease.LeaseTable;
import io.baton.kv.store.BlockRef;
import io.baton.kv.store.BlockStore;
import io.baton.kv.v1.KvDescriptor;
import io.baton.tls.ServiceTls;
import io.baton.worker.WorkerGrpcServer;
import io.grpc.Server;
import io.grpc.netty.NettyServerBuilder;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.SplittableRandom;
import java.util.function.Consumer;
import java.util.function.LongSupplier;

/** A holder of blocks on a free port of the loopback interface, as a worker is one. */
final class Holder implements AutoCloseable {
    static final String RECEIVER = "decode-0";
    static final long EPOCH = 42;

    final KvLayout layout;
    final BlockStore store;
    final LeaseTable leases;
    final KvTransferServer service;
    final Server server;
    final Lease lease;

    Holder(KvLayout layout, long storeBytes, SenderConfig config, Consumer<NettyServerBuilder> more) {
        this(
                layout,
                storeBytes,
                config,
                more,
                LeaseLimits.DEFAULT_LEASE_TIME,
                System::nanoTime,
                DescriptorSigner.unsigned(),
                ServiceTls.plaintext());
    }

    private Holder(
            KvLayout layout,
            long storeBytes,
            SenderConfig config,
            Consumer<NettyServerBuilder> more,
            Duration leaseTime,
            LongSupplier clock,
            DescriptorSigner signer,
            ServiceTls tls) {
        this.layout = layout;
        this.store = new BlockStore(storeBytes, storeBytes, Arena.ofAuto());
        this.leases =
                new LeaseTable(this::address, EPOCH, LeaseLimits.defaults().withLeaseTime(leaseTime), signer, clock);
        this.service = new KvTransferServer(leases, config);
        try {
            var builder = NettyServerBuilder.forAddress(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
            WorkerGrpcServer.authenticate(builder, tls);
            service.addTo(builder, tls);
            more.accept(builder);
            this.server = builder.build().start();
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
        this.lease = leases.open("r1", 1, "", RECEIVER);
    }

    /** Blocks of 64 KiB (256 tokens), room for 256 of them, default settings. */
    static Holder small() {
        return new Holder(Layouts.of(256), 16 << 20, SenderConfig.defaults(), _ -> {});
    }

    /** The same with another lease time, by another clock. */
    static Holder small(Duration leaseTime, LongSupplier clock) {
        return new Holder(
                Layouts.of(256),
                16 << 20,
                SenderConfig.defaults(),
                _ -> {},
                leaseTime,
                clock,
                DescriptorSigner.unsigned(),
                ServiceTls.plaintext());
    }

    /** The same, signing what it hands out. */
    static Holder signing(
            DescriptorSigner signer, Duration leaseTime, LongSupplier clock, Consumer<NettyServerBuilder> more) {
        return new Holder(
                Layouts.of(256),
                16 << 20,
                SenderConfig.defaults(),
                more,
                leaseTime,
                clock,
                signer,
                ServiceTls.plaintext());
    }

    /** Blocks of {@code mib} MiB (256 tokens), room for four of them, over {@code tls}. */
    static Holder over(ServiceTls tls, DescriptorSigner signer, int mib) {
        return new Holder(
                Layouts.of(mib << 12),
                (4L * mib) << 20,
                SenderConfig.defaults(),
                _ -> {},
                LeaseLimits.DEFAULT_LEASE_TIME,
                System::nanoTime,
                signer,
                tls);
    }

    /** Blocks of {@code mib} MiB (256 tokens), room for {@code blocks} of them. */
    static Holder large(int mib, int blocks, SenderConfig config) {
        return large(mib, blocks, config, _ -> {});
    }

    /** The same, with more said to the server's builder. */
    static Holder large(int mib, int blocks, SenderConfig config, Consumer<NettyServerBuilder> more) {
        return new Holder(Layouts.of(mib << 12), ((long) mib * blocks) << 20, config, more);
    }

    String address() {
        return "127.0.0.1:" + server.getPort();
    }

    KvDescriptor offer(int index) {
        return offer(lease, index, 256);
    }

    /** Offers the {@code index}-th block, whose rows are those of {@link #rows}. */
    KvDescriptor offer(Lease to, int index, int tokens) {
        try (BlockRef ref = store.allocate(null, layout.bytes(tokens))) {
            fill(ref.rows(), index);
            ref.publish(Checksums.crc32c(ref.rows()));
            return to.offer(index, index * 256, index * 256 + tokens, ref, layout);
        }
    }

    /** Fills memory with what block {@code index} has; sizes are multiples of 8. */
    static void fill(MemorySegment rows, int index) {
        var random = new SplittableRandom(index);
        for (long at = 0; at < rows.byteSize(); at += 8) {
            rows.set(ValueLayout.JAVA_LONG, at, random.nextLong());
        }
    }

    /** What a receiver of block {@code index} must have. */
    static MemorySegment rows(KvDescriptor d) {
        MemorySegment rows = Arena.ofAuto().allocate(d.getSizeBytes(), 8);
        fill(rows, d.getBlockIndex());
        return rows;
    }

    /** Room for the rows of {@code d}. */
    static MemorySegment target(KvDescriptor d) {
        return Arena.ofAuto().allocate(d.getSizeBytes(), 8);
    }

    /** The defaults, but with more patience than a busy build machine needs. */
    static PullerConfig config() {
        return PullerConfig.defaults().withTimeouts(Duration.ofSeconds(30), Duration.ofSeconds(60));
    }

    KvPuller puller() {
        return new KvPuller(config(), RECEIVER, layout);
    }

    @Override
    public void close() {
        server.shutdownNow();
        Await.until("the server ends", server::isTerminated);
        service.close();
    }
}
