package io.baton.prefill.service;

import io.baton.kv.lease.LeaseLimits;
import io.baton.kv.lease.LeaseTable;
import io.baton.kv.transfer.KvTransferServer;
import io.baton.kv.transfer.SenderConfig;
import io.baton.prefill.service.leg.PrefillLegs;
import io.baton.worker.EngineFactory;
import io.baton.worker.WorkerRuntime;
import io.baton.worker.WorkerSetup;
import io.baton.worker.v1.WorkerRole;
import io.micrometer.core.instrument.MeterRegistry;
import io.quarkus.runtime.ShutdownDelayInitiatedEvent;
import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.runtime.StartupEvent;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Singleton;
import java.util.List;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.jspecify.annotations.Nullable;

/**
 * The prefill worker's start and end.
 *
 * <p><em>Thread-safety:</em> started and stopped once, by Quarkus; may be asked from any thread.
 */
@Singleton
public class PrefillWorker {
    private volatile @Nullable WorkerRuntime runtime;
    private volatile @Nullable KvTransferServer sender;
    private volatile @Nullable PrefillLegs legs;

    void start(
            @Observes StartupEvent event,
            SharedSettings.Engine engine,
            SharedSettings.Kv kv,
            SharedSettings.Worker worker,
            SharedSettings.Grpc grpc,
            @ConfigProperty(name = "quarkus.grpc.server.host") String host,
            @ConfigProperty(name = "quarkus.grpc.server.port") int port,
            MeterRegistry registry) {
        WorkerSetup setup = new WorkerSetup(engine, kv, worker, grpc, host, port);
        WorkerRuntime r =
                new WorkerRuntime(WorkerRole.WORKER_ROLE_PREFILL, setup, EngineFactory.create(engine), registry);
        runtime = r;
        LeaseTable leases = new LeaseTable(
                () -> r.identity().address(),
                r.identity().epoch(),
                new LeaseLimits(worker.maxLegs(), LeaseLimits.DEFAULT_MAX_BLOCKS));
        SenderConfig config = SenderConfig.defaults()
                .withFrameBytes(kv.frameSize().intBytes())
                .withWriteBufferBytes(kv.writeBuffer().intBytes())
                .withPulls(kv.maxServedPulls(), kv.stallTimeout());
        KvTransferServer s = new KvTransferServer(leases, config);
        sender = s;
        r.metrics().bind(registry, s);
        PrefillLegs l = new PrefillLegs(r, leases);
        legs = l;
        r.serve(List.of(l.definition()), s::addTo);
    }

    /** Comes while HTTP still answers: readiness is off, and the metrics show how the rest finishes. */
    void drain(@Observes ShutdownDelayInitiatedEvent event) throws InterruptedException {
        WorkerRuntime r = runtime;
        if (r != null) {
            r.drain();
        }
    }

    void stop(@Observes ShutdownEvent event) throws InterruptedException {
        WorkerRuntime r = runtime;
        if (r == null) {
            return;
        }
        r.drain();
        r.close();
        KvTransferServer s = sender;
        if (s != null) {
            s.close();
        }
        PrefillLegs l = legs;
        if (l != null) {
            l.close();
        }
    }

    /** Whether the worker serves and takes new requests. */
    public boolean ready() {
        WorkerRuntime r = runtime;
        return r != null && r.ready();
    }

    /** Why the engine can compute no more; null while it can. */
    public @Nullable Throwable failure() {
        WorkerRuntime r = runtime;
        return r == null ? null : r.engine().failure();
    }
}
