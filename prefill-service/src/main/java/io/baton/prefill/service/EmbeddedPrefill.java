package io.baton.prefill.service;

import io.baton.kv.lease.LeaseLimits;
import io.baton.kv.lease.LeaseTable;
import io.baton.kv.transfer.KvTransferServer;
import io.baton.kv.transfer.SenderConfig;
import io.baton.prefill.service.leg.PrefillLegs;
import io.baton.worker.EngineFactory;
import io.baton.worker.RunningWorker;
import io.baton.worker.WorkerRuntime;
import io.baton.worker.WorkerSetup;
import io.baton.worker.v1.WorkerRole;
import io.micrometer.core.instrument.MeterRegistry;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A prefill worker with an engine in its own process.
 *
 * <p><em>Thread-safety:</em> every method may be called from any thread.
 */
final class EmbeddedPrefill implements RunningWorker {
    private final WorkerRuntime runtime;
    private final KvTransferServer sender;
    private final PrefillLegs legs;

    /** Loads the engine, which may take long, and serves. */
    EmbeddedPrefill(WorkerSetup setup, MeterRegistry registry) {
        runtime = new WorkerRuntime(
                WorkerRole.WORKER_ROLE_PREFILL, setup, EngineFactory.create(setup.engine()), registry);
        LeaseTable leases = new LeaseTable(
                () -> runtime.identity().address(),
                runtime.identity().epoch(),
                new LeaseLimits(
                        setup.worker().maxLegs(),
                        LeaseLimits.DEFAULT_MAX_BLOCKS,
                        setup.kv().leaseTime(),
                        setup.kv().maxEndedLeases()),
                runtime.signer(),
                System::nanoTime);
        var kv = setup.kv();
        long tick = Math.max(1, kv.leaseTime().toMillis() / 10);
        var _ = runtime.timer().scheduleWithFixedDelay(leases::expire, tick, tick, TimeUnit.MILLISECONDS);
        sender = new KvTransferServer(
                leases,
                SenderConfig.defaults()
                        .withFrameBytes(kv.frameSize().intBytes())
                        .withWriteBufferBytes(kv.writeBuffer().intBytes())
                        .withPulls(kv.maxServedPulls(), kv.stallTimeout()));
        runtime.metrics().bind(registry, sender);
        runtime.metrics().bind(registry, leases);
        legs = new PrefillLegs(runtime, leases);
        runtime.serve(List.of(legs.definition()), sender::addTo);
    }

    @Override
    public boolean ready() {
        return runtime.ready();
    }

    @Override
    public @Nullable Throwable failure() {
        return runtime.engine().failure();
    }

    @Override
    public void drain() throws InterruptedException {
        runtime.drain();
    }

    @Override
    public void close() {
        runtime.close();
        sender.close();
        legs.close();
    }
}
