package io.baton.prefill.service;

import io.baton.prefill.service.leg.PrefillLegs;
import io.baton.worker.BlockHolder;
import io.baton.worker.EngineFactory;
import io.baton.worker.RunningWorker;
import io.baton.worker.WorkerRuntime;
import io.baton.worker.WorkerSetup;
import io.baton.worker.v1.WorkerRole;
import io.micrometer.core.instrument.MeterRegistry;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A prefill worker with an engine in its own process.
 *
 * <p><em>Thread-safety:</em> every method may be called from any thread.
 */
final class EmbeddedPrefill implements RunningWorker {
    private final WorkerRuntime runtime;
    private final BlockHolder holder;
    private final PrefillLegs legs;

    /** Loads the engine, which may take long, and serves. */
    EmbeddedPrefill(WorkerSetup setup, MeterRegistry registry) {
        runtime = new WorkerRuntime(
                WorkerRole.WORKER_ROLE_PREFILL, setup, EngineFactory.create(setup.engine()), registry);
        holder = new BlockHolder(runtime, registry);
        legs = new PrefillLegs(runtime, holder.leases());
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
        runtime.drain();
    }

    @Override
    public void close() {
        runtime.close();
        holder.close();
        legs.close();
    }
}
