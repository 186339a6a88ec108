package io.baton.worker;

import io.baton.kv.lease.LeaseLimits;
import io.baton.kv.lease.LeaseTable;
import io.baton.kv.transfer.KvTransferServer;
import io.baton.kv.transfer.SenderConfig;
import io.grpc.netty.NettyServerBuilder;
import io.micrometer.core.instrument.MeterRegistry;

/**
 * What makes a worker a holder of blocks for others: its leases and the service that hands them out.
 *
 * <p><em>Thread-safety:</em> every method may be called from any thread.
 */
public final class BlockHolder implements AutoCloseable {
    private final LeaseTable leases;
    private final KvTransferServer sender;

    /** A holder of what {@code worker}'s legs offer, with the worker's settings, keys and metrics. */
    public BlockHolder(WorkerRuntime worker, MeterRegistry registry) {
        KvSettings kv = worker.setup().kv();
        leases = new LeaseTable(
                () -> worker.identity().address(),
                worker.identity().epoch(),
                new LeaseLimits(worker.setup().worker().maxLegs(), LeaseLimits.DEFAULT_MAX_BLOCKS, kv.leaseTime()),
                worker.keys(),
                System::nanoTime);
        sender = new KvTransferServer(
                leases,
                SenderConfig.defaults()
                        .withFrameBytes(kv.frameSize().intBytes())
                        .withWriteBufferBytes(kv.writeBuffer().intBytes())
                        .withPulls(kv.maxServedPulls(), kv.stallTimeout()),
                PeerIdentity::workerId);
        worker.metrics().bind(registry, sender, leases);
    }

    /** The leases. */
    public LeaseTable leases() {
        return leases;
    }

    /** Adds the service to the worker's gRPC server; see {@link KvTransferServer#addTo}. */
    public void addTo(NettyServerBuilder builder) {
        sender.addTo(builder);
    }

    /** Hands nothing out any more; after the gRPC server has ended. */
    @Override
    public void close() {
        sender.close();
    }
}
