package io.baton.decode.service;

import io.baton.decode.service.leg.DecodeLegs;
import io.baton.kv.transfer.KvPuller;
import io.baton.kv.transfer.PullerConfig;
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
 * The decode worker's start and end.
 *
 * <p><em>Thread-safety:</em> started and stopped once, by Quarkus; may be asked from any thread.
 */
@Singleton
public class DecodeWorker {
    private volatile @Nullable WorkerRuntime runtime;
    private volatile @Nullable KvPuller puller;
    private volatile @Nullable DecodeLegs legs;

    void start(
            @Observes StartupEvent event,
            SharedSettings.Engine engine,
            SharedSettings.Kv kv,
            SharedSettings.Worker worker,
            SharedSettings.Grpc grpc,
            DecodeSettings decode,
            @ConfigProperty(name = "quarkus.grpc.server.host") String host,
            @ConfigProperty(name = "quarkus.grpc.server.port") int port,
            MeterRegistry registry) {
        decode.validate();
        WorkerSetup setup = new WorkerSetup(engine, kv, worker, grpc, host, port);
        WorkerRuntime r =
                new WorkerRuntime(WorkerRole.WORKER_ROLE_DECODE, setup, EngineFactory.create(engine), registry);
        runtime = r;
        PullerConfig config = new PullerConfig(
                kv.maxConcurrentPulls(),
                0,
                kv.noProgressTimeout(),
                kv.pullDeadline(),
                grpc.flowControlWindow().intBytes(),
                kv.http2FrameSize().intBytes(),
                PullerConfig.DEFAULT_MAX_FRAME_BYTES,
                kv.maxHolders(),
                PullerConfig.DEFAULT_IDLE_TIMEOUT);
        KvPuller p = new KvPuller(config, r.identity().workerId(), r.engine().kvLayout());
        puller = p;
        DecodeLegs l = new DecodeLegs(r, p, new DecodeLegs.Limits(decode.outboxTokens(), decode.keepGenerated()));
        legs = l;
        r.serve(List.of(l.definition()), _ -> {});
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
        KvPuller p = puller;
        if (p != null) {
            p.close();
        }
        DecodeLegs l = legs;
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
