package io.baton.worker;

import io.baton.kv.lease.LeaseLimits;
import io.baton.kv.lease.LeaseTable;
import io.baton.kv.transfer.KvTransferServer;
import io.baton.kv.transfer.SenderConfig;
import io.baton.tls.ServiceTls;
import io.grpc.netty.NettyServerBuilder;
import io.micrometer.core.instrument.MeterRegistry;
import java.util.concurrent.TimeUnit;

/**
 * What a worker needs to hand out KV blocks: leases that run out, the service that serves their pulls, and the metrics of
 * both.
 *
 * <p><em>Thread-safety:</em> every method may be called from any thread.
 */
public final class KvHolder implements AutoCloseable {
    private final LeaseTable leases;
    private final KvTransferServer sender;
    private final ServiceTls tls;

    /** Blocks of {@code worker}, whose timer ends the leases that nobody renewed. */
    public KvHolder(WorkerRuntime worker, MeterRegistry registry) {
        var setup = worker.setup();
        var kv = setup.kv();
        tls = setup.tls();
        leases = new LeaseTable(
                () -> worker.identity().address(),
                worker.identity().epoch(),
                new LeaseLimits(
                        setup.worker().maxLegs(), LeaseLimits.DEFAULT_MAX_BLOCKS, kv.leaseTime(), kv.maxEndedLeases()),
                worker.signer(),
                System::nanoTime);
        long tick = Math.max(1, kv.leaseTime().toMillis() / 10);
        var _ = worker.timer().scheduleWithFixedDelay(leases::expire, tick, tick, TimeUnit.MILLISECONDS);
        sender = new KvTransferServer(
                leases,
                SenderConfig.defaults()
                        .withFrameBytes(kv.frameSize().intBytes())
                        .withWriteBufferBytes(kv.writeBuffer().intBytes())
                        .withPulls(kv.maxServedPulls(), kv.stallTimeout()));
        worker.metrics().bind(registry, sender);
        worker.metrics().bind(registry, leases);
    }

    /** The leases under which blocks are handed out. */
    public LeaseTable leases() {
        return leases;
    }

    /** Serves pulls on a server that is being built. */
    public void addTo(NettyServerBuilder builder) {
        sender.addTo(builder, tls);
    }

    /** Ends the pulls; after the server has ended. */
    @Override
    public void close() {
        sender.close();
    }
}
