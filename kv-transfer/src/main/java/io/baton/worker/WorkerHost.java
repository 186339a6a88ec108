package io.baton.worker;

import io.baton.error.ErrorCode;
import io.baton.tls.MutualTls;
import io.baton.tls.ServiceTls;
import io.baton.worker.v1.WorkerCapacity;
import io.baton.worker.v1.WorkerLoad;
import io.baton.worker.v1.WorkerState;
import io.grpc.ServerServiceDefinition;
import io.grpc.netty.NettyServerBuilder;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * What carries the legs of a worker, whatever computes: life cycle, attempts, errors, timer, Watch stream and gRPC server.
 * A subclass adds what computes, and closes it between {@link #closeServer} and {@link #closeTimer}.
 *
 * <p><em>Thread-safety:</em> every method may be called from any thread; {@link #serve} once.
 */
public abstract class WorkerHost implements AutoCloseable {
    private static final Logger LOG = Logger.getLogger(WorkerHost.class);

    private final WorkerSettings settings;
    private final GrpcSettings grpc;
    private final ServiceTls tls;
    private final String host;
    private final int port;
    private final WorkerLifecycle lifecycle;
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
     * @param tls how the server's connections begin; stays the caller's
     * @param failure why nothing can be computed; null while it can
     */
    protected WorkerHost(
            WorkerSettings settings,
            GrpcSettings grpc,
            ServiceTls tls,
            String host,
            int port,
            Supplier<@Nullable Throwable> failure) {
        this.settings = settings;
        this.grpc = grpc;
        this.tls = tls;
        this.host = host;
        this.port = port;
        this.lifecycle = new WorkerLifecycle(settings.maxLegs(), settings.maxWaiting(), failure);
        this.errors = new WorkerErrors(this::countFailure);
        this.timer = new ScheduledThreadPoolExecutor(
                1, Thread.ofPlatform().name("baton-timer").daemon().factory());
        timer.setRemoveOnCancelPolicy(true);
    }

    /** A leg ended with this error. */
    protected abstract void countFailure(ErrorCode code);

    /** What the worker holds now. */
    protected abstract WorkerLoad load();

    /** Which pieces of prompts are in its prefix cache; null if that is not told. */
    protected @Nullable CachedPieces cachedPieces() {
        return null;
    }

    /**
     * Starts the gRPC server.
     *
     * @param legs services whose calls are the worker's open streams
     * @param more adds further services
     */
    protected final void serve(
            io.baton.worker.v1.WorkerIdentity identity,
            WorkerCapacity capacity,
            List<ServerServiceDefinition> legs,
            Consumer<NettyServerBuilder> more) {
        checkName(identity.getWorkerId());
        WatchService w = new WatchService(
                identity,
                capacity,
                settings.maxWatchers(),
                () -> new WatchService.Snapshot(load(), lifecycle.state()),
                cachedPieces(),
                timer);
        watch = w;
        WorkerGrpcServer s = new WorkerGrpcServer(host, port, grpc, tls, legs, builder -> {
            more.accept(builder);
            builder.addService(w);
        });
        server = s;
        var _ = timer.scheduleWithFixedDelay(() -> tellHealth(s), 1, 1, TimeUnit.SECONDS);
    }

    /** What a worker says it is must be what it can prove: holders compare them. */
    private void checkName(String id) {
        String proved = tls instanceof MutualTls m ? m.own().name() : null;
        SettingException.check(
                proved == null || proved.equals(id),
                "baton.worker.id",
                id,
                "must be the name in the worker's certificate, '" + proved + "'");
    }

    private void tellHealth(WorkerGrpcServer s) {
        s.serving(ready());
        s.alive(alive());
    }

    /** Whether it makes sense to go on: false where only a restart of this process helps. */
    protected boolean alive() {
        return true;
    }

    /** Calls of legs that are open. */
    protected final long openStreams() {
        WorkerGrpcServer s = server;
        return s == null ? 0 : s.openCalls();
    }

    /** Whether the worker serves and takes new legs. */
    public final boolean ready() {
        return server != null && lifecycle.state() == WorkerState.WORKER_STATE_READY;
    }

    /** Takes no new legs and gives the open ones baton.worker.drain-grace, counted from the first call, to end. */
    public final void drain() throws InterruptedException {
        long now = System.nanoTime();
        drainDeadline.compareAndSet(0, now + settings.drainGrace().toNanos());
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

    /** Takes no new legs and ends the open ones. */
    protected final void closeServer() {
        lifecycle.drain();
        WatchService w = watch;
        if (w != null) {
            w.close();
        }
        WorkerGrpcServer s = server;
        if (s != null) {
            s.close();
        }
    }

    /** Runs no task any more. */
    protected final void closeTimer() {
        timer.shutdownNow();
    }

    /** Ends what is open, then everything else. Idempotent. */
    @Override
    public abstract void close();

    /** Whether the worker takes legs. */
    public final WorkerLifecycle lifecycle() {
        return lifecycle;
    }

    /** Which attempt of each request runs. */
    final Attempts attempts() {
        return attempts;
    }

    /** Requests of which an attempt runs. */
    public final int runningAttempts() {
        return attempts.running();
    }

    /** Where failures become statuses. */
    public final WorkerErrors errors() {
        return errors;
    }

    /** Runs short tasks later; its one thread must not be blocked. */
    public final ScheduledThreadPoolExecutor timer() {
        return timer;
    }

    /** Prompt tokens that are accepted and not computed yet. */
    public final AtomicLong queuedTokens() {
        return queuedTokens;
    }
}
