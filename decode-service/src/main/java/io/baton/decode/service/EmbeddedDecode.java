package io.baton.decode.service;

import io.baton.decode.service.leg.DecodeLegs;
import io.baton.kv.transfer.KvPuller;
import io.baton.kv.transfer.PullerConfig;
import io.baton.worker.EngineFactory;
import io.baton.worker.KvHolder;
import io.baton.worker.RunningWorker;
import io.baton.worker.WorkerRuntime;
import io.baton.worker.WorkerSetup;
import io.baton.worker.v1.WorkerRole;
import io.micrometer.core.instrument.MeterRegistry;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A decode worker with an engine in its own process.
 *
 * <p><em>Thread-safety:</em> every method may be called from any thread.
 */
final class EmbeddedDecode implements RunningWorker {
    private final WorkerRuntime runtime;
    private final KvPuller puller;
    private final KvHolder holder;
    private final DecodeLegs legs;

    /** Loads the engine, which may take long, and serves. */
    EmbeddedDecode(WorkerSetup setup, DecodeSettings decode, MeterRegistry registry) {
        runtime =
                new WorkerRuntime(WorkerRole.WORKER_ROLE_DECODE, setup, EngineFactory.create(setup.engine()), registry);
        var kv = setup.kv();
        PullerConfig config = new PullerConfig(
                kv.maxConcurrentPulls(),
                0,
                kv.noProgressTimeout(),
                kv.pullDeadline(),
                setup.grpc().flowControlWindow().intBytes(),
                kv.http2FrameSize().intBytes(),
                PullerConfig.DEFAULT_MAX_FRAME_BYTES,
                kv.maxHolders(),
                PullerConfig.DEFAULT_IDLE_TIMEOUT);
        puller = new KvPuller(
                config, runtime.identity().workerId(), runtime.engine().kvLayout(), setup.tls());
        holder = new KvHolder(runtime, registry);
        legs = new DecodeLegs(
                runtime,
                puller,
                holder.leases(),
                new DecodeLegs.Limits(decode.outboxTokens(), decode.keepGenerated(), decode.maxHandOvers()));
        runtime.serve(List.of(legs.definition()), holder::addTo);
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
        runtime.lifecycle().drain();
        legs.drain();
        runtime.drain();
    }

    @Override
    public void close() {
        runtime.close();
        holder.close();
        puller.close();
        legs.close();
    }
}
