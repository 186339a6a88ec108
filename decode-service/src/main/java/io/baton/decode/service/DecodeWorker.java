package io.baton.decode.service;

import io.baton.decode.service.vllm.VllmDecodeLegs;
import io.baton.tls.ServiceRole;
import io.baton.tls.ServiceTls;
import io.baton.tls.service.RegistryTls;
import io.baton.worker.RunningWorker;
import io.baton.worker.StartFailure;
import io.baton.worker.WorkerSetup;
import io.baton.worker.v1.WorkerRole;
import io.baton.worker.vllm.VllmSetup;
import io.baton.worker.vllm.VllmWorker;
import io.micrometer.core.instrument.MeterRegistry;
import io.quarkus.runtime.ShutdownDelayInitiatedEvent;
import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.runtime.StartupEvent;
import io.quarkus.tls.TlsConfigurationRegistry;
import io.vertx.core.Vertx;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Singleton;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.jspecify.annotations.Nullable;

/**
 * The decode worker's start and end.
 *
 * <p><em>Thread-safety:</em> started and stopped once, by Quarkus; may be asked from any thread.
 */
@Singleton
public class DecodeWorker {
    private volatile @Nullable RunningWorker running;
    private volatile @Nullable ServiceTls peers;

    void start(
            @Observes StartupEvent event,
            SharedSettings.Engine engine,
            SharedSettings.Vllm vllm,
            SharedSettings.Kv kv,
            SharedSettings.Worker worker,
            SharedSettings.Grpc grpc,
            SharedSettings.Tls tls,
            TlsConfigurationRegistry certificates,
            Vertx vertx,
            DecodeSettings decode,
            @ConfigProperty(name = "quarkus.grpc.server.host") String host,
            @ConfigProperty(name = "quarkus.grpc.server.port") int port,
            MeterRegistry registry) {
        engine.validate();
        ServiceTls peers = RegistryTls.open(ServiceRole.DECODE, tls, certificates, vertx, registry);
        this.peers = peers;
        decode.validate();
        running = engine.kind().equals("vllm")
                ? new VllmWorker(
                        WorkerRole.WORKER_ROLE_DECODE,
                        new VllmSetup(vllm, kv, worker, grpc, peers, host, port),
                        registry,
                        VllmDecodeLegs::definition,
                        failure -> StartFailure.exit("baton decode", 1, failure))
                : new EmbeddedDecode(new WorkerSetup(engine, kv, worker, grpc, peers, host, port), decode, registry);
    }

    /** Comes while HTTP still answers: readiness is off, and the metrics show how the rest finishes. */
    void drain(@Observes ShutdownDelayInitiatedEvent event) throws InterruptedException {
        RunningWorker r = running;
        if (r != null) {
            r.drain();
        }
    }

    void stop(@Observes ShutdownEvent event) throws InterruptedException {
        RunningWorker r = running;
        if (r != null) {
            r.drain();
            r.close();
        }
        ServiceTls t = peers;
        if (t != null) {
            t.close();
        }
    }

    /** Whether the worker serves and takes new requests. */
    public boolean ready() {
        RunningWorker r = running;
        return r != null && r.ready();
    }

    /** Why the process can be of use no more; null while it can. */
    public @Nullable Throwable failure() {
        RunningWorker r = running;
        return r == null ? null : r.failure();
    }

    /** The worker if it stands beside a vLLM server; null if it has an engine of its own. */
    @Nullable
    VllmWorker vllm() {
        return running instanceof VllmWorker w ? w : null;
    }
}
