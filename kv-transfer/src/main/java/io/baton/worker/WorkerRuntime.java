package io.baton.worker;

import io.baton.engine.Engine;
import io.baton.kv.store.BlockStore;
import io.baton.worker.v1.WorkerCapacity;
import io.baton.worker.v1.WorkerLoad;
import io.baton.worker.v1.WorkerRole;
import io.grpc.ServerServiceDefinition;
import io.grpc.netty.NettyServerBuilder;
import io.micrometer.core.instrument.MeterRegistry;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * What a running worker is made of, whatever its role: engine, block store, identity, life cycle, metrics, timer and gRPC
 * server. Owns all of them and closes them in the order that lets none use another after its end.
 *
 * <p><em>Thread-safety:</em> every method may be called from any thread; {@link #serve} once.
 */
public final class WorkerRuntime implements AutoCloseable {
    private static final Logger LOG = Logger.getLogger(WorkerRuntime.class);

    private final WorkerSetup setup;
    private final Engine engine;
    private final WorkerIdentity identity;
    private final BlockStore store;
    private final WorkerLifecycle lifecycle;
    private final WorkerMetrics metrics;
    private final WorkerErrors errors;
    private final ScheduledThreadPoolExecutor timer;
    private final Attempts attempts = new Attempts();
    private final AtomicLong queuedTokens = new AtomicLong();
    private final AtomicLong drainDeadline = new AtomicLong();
    private volatile @Nullable WorkerGrpcServer server;
    private volatile @Nullable WatchService watch;

    /**
     * A worker that does not serve yet.
     *
     * @param engine loaded; owned by the worker from now on
     * @throws SettingException if the block store cannot hold two blocks of this model
     */
    public WorkerRuntime(WorkerRole role, WorkerSetup setup, Engine engine, MeterRegistry registry) {
        this.setup = setup;
        this.engine = engine;
        long blockBytes = engine.kvLayout().bytes(setup.kv().blockSize());
        SettingException.check(
                setup.kv().storeSize().bytes() >= 2 * blockBytes,
                "baton.kv.store-size",
                setup.kv().storeSize(),
                "must hold at least two KV blocks of this model, which take " + 2 * blockBytes + " bytes");
        this.store = BlockStore.forBlocks(setup.kv().storeSize().bytes(), blockBytes);
        this.identity = WorkerIdentity.create(
                role, setup.worker(), setup.boundAddress(), setup.kv().blockSize(), engine);
        this.lifecycle =
                new WorkerLifecycle(setup.worker().maxLegs(), setup.worker().maxWaiting(), engine::failure);
        this.metrics = new WorkerMetrics(
                registry,
                new WorkerMetrics.Sources(
                        engine,
                        lifecycle,
                        this::openStreams,
                        () -> store.stats().pinnedBytes(),
                        () -> store.stats().usedBytes(),
                        () -> store.stats().capacityBytes()));
        this.errors = new WorkerErrors(metrics);
        this.timer = new ScheduledThreadPoolExecutor(
                1, Thread.ofPlatform().name("baton-timer").daemon().factory());
        timer.setRemoveOnCancelPolicy(true);
    }

    /**
     * Starts the gRPC server.
     *
     * @param legs services whose calls are the worker's open streams
     * @param more adds further services
     */
    public void serve(List<ServerServiceDefinition> legs, Consumer<NettyServerBuilder> more) {
        WatchService w = new WatchService(identity, capacity(), setup.worker().maxWatchers(), this::snapshot, timer);
        watch = w;
        WorkerGrpcServer s = new WorkerGrpcServer(setup.host(), setup.port(), setup.grpc(), legs, builder -> {
            more.accept(builder);
            builder.addService(w);
        });
        server = s;
        var _ = timer.scheduleWithFixedDelay(() -> tellHealth(s), 1, 1, TimeUnit.SECONDS);
        LOG.infof(
                "%s worker %s: engine %s, model %s, %d cells, at most %d tokens per request, blocks of %d tokens, %s"
                        + " block store, %s; gRPC on %s:%d, reached at %s",
                role(),
                identity.workerId(),
                identity.engine(),
                identity.model(),
                engine.limits().cells(),
                engine.limits().maxRequestTokens(),
                identity.blockSize(),
                setup.kv().storeSize(),
                identity.layout(),
                setup.host(),
                setup.port(),
                identity.address());
    }

    private void tellHealth(WorkerGrpcServer s) {
        s.serving(ready());
        s.alive(engine.failure() == null);
    }

    private String role() {
        return identity.role() == WorkerRole.WORKER_ROLE_PREFILL ? "prefill" : "decode";
    }

    private WorkerCapacity capacity() {
        return WorkerCapacity.newBuilder()
                .setMaxRequestTokens(engine.limits().maxRequestTokens())
                .setCells(engine.limits().cells())
                .setSequences(engine.limits().sequences())
                .setStoreBytes(store.stats().capacityBytes())
                .build();
    }

    private WatchService.Snapshot snapshot() {
        var stats = engine.stats();
        return new WatchService.Snapshot(
                WorkerLoad.newBuilder()
                        .setRunning(stats.running())
                        .setWaiting(lifecycle.waiting())
                        .setReservedCells(stats.reservedCells())
                        .setPinnedBytes(store.stats().pinnedBytes())
                        .setQueuedTokens(queuedTokens.get())
                        .build(),
                lifecycle.state());
    }

    private long openStreams() {
        WorkerGrpcServer s = server;
        return s == null ? 0 : s.openCalls();
    }

    /** Whether the worker serves and takes new legs. */
    public boolean ready() {
        return server != null && lifecycle.state() == io.baton.worker.v1.WorkerState.WORKER_STATE_READY;
    }

    /** Takes no new legs and gives the open ones baton.worker.drain-grace, counted from the first call, to end. */
    public void drain() throws InterruptedException {
        long now = System.nanoTime();
        drainDeadline.compareAndSet(0, now + setup.worker().drainGrace().toNanos());
        lifecycle.drain();
        WorkerGrpcServer s = server;
        if (s != null) {
            s.serving(false);
        }
        int open = lifecycle.open();
        Duration left = Duration.ofNanos(drainDeadline.get() - now);
        if (open > 0 && left.isPositive()) {
            LOG.infof("draining: %d open requests have %s to finish", open, left);
        }
        if (!lifecycle.awaitIdle(left)) {
            LOG.warnf("%d requests did not finish in time and are broken off", lifecycle.open());
        }
    }

    /** Ends what is open, then everything else. Idempotent. */
    @Override
    public void close() {
        lifecycle.drain();
        WatchService w = watch;
        if (w != null) {
            w.close();
        }
        WorkerGrpcServer s = server;
        if (s != null) {
            s.close();
        }
        engine.close();
        timer.shutdownNow();
    }

    /** The settings. */
    public WorkerSetup setup() {
        return setup;
    }

    /** The engine. */
    public Engine engine() {
        return engine;
    }

    /** Who the worker is. */
    public WorkerIdentity identity() {
        return identity;
    }

    /** The prefix cache, and the memory of blocks on their way. */
    public BlockStore store() {
        return store;
    }

    /** Whether the worker takes legs. */
    public WorkerLifecycle lifecycle() {
        return lifecycle;
    }

    /** Which attempt of each request runs. */
    Attempts attempts() {
        return attempts;
    }

    /** Requests of which an attempt runs. */
    public int runningAttempts() {
        return attempts.running();
    }

    /** The metrics. */
    public WorkerMetrics metrics() {
        return metrics;
    }

    /** Where failures become statuses. */
    public WorkerErrors errors() {
        return errors;
    }

    /** Runs short tasks later; its one thread must not be blocked. */
    public ScheduledThreadPoolExecutor timer() {
        return timer;
    }

    /** Prompt tokens that are accepted and not computed yet. */
    public AtomicLong queuedTokens() {
        return queuedTokens;
    }
}
