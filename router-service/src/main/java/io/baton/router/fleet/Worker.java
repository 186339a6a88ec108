package io.baton.router.fleet;

import io.baton.grpc.session.SessionChannel;
import io.baton.router.config.RouterConfig;
import io.baton.tls.TlsFailure;
import io.baton.worker.v1.WatchRequest;
import io.baton.worker.v1.WatchResponse;
import io.baton.worker.v1.WorkerRole;
import io.baton.worker.v1.WorkerServiceGrpc;
import io.grpc.Channel;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.SynchronizationContext;
import io.grpc.stub.ClientCallStreamObserver;
import io.grpc.stub.ClientResponseObserver;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.function.UnaryOperator;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * One worker: a channel, and a Watch stream that is opened again whenever it ends.
 *
 * <p><em>Thread-safety:</em> safe. The watch runs in a synchronisation context of its own; {@link #view} is a volatile read.
 */
public final class Worker implements AutoCloseable {
    private static final Logger LOG = Logger.getLogger(Worker.class);

    private static final String UNREACHABLE = "cannot be reached";
    private static final String NO_IDENTITY = "began its Watch stream without telling its identity";

    /** How often a worker that has left is looked at whether it carries legs still. */
    private static final Duration RETIREMENT_CHECK = Duration.ofSeconds(1);

    private final String address;
    private final WorkerRole role;
    private final ManagedChannel channel;
    private final SessionChannel legChannel;
    private final ScheduledExecutorService timers;
    private final UnaryOperator<KvKind> intern;
    private final Runnable onChange;
    private final long watchTimeoutNanos;
    private final long lostTimeoutNanos;
    private final long stepTimeoutSeconds;
    private final Backoff backoff;
    private final CircuitBreaker breaker;
    private final Set<LegHandle> legs = ConcurrentHashMap.newKeySet();
    private final InFlight inFlight = new InFlight();
    private final Reports reports;
    private final SynchronizationContext context = new SynchronizationContext(
            (_, e) -> LOG.error("the watch of a worker failed; its health is no longer known", e));

    private volatile WorkerView view;
    /** What is known without regard to the breaker. */
    private volatile WorkerView told;

    private volatile boolean suspended;
    private volatile boolean closed;
    // Only in the context.
    private @Nullable Watch watch;
    private long heardNanos;

    Worker(
            String address,
            WorkerRole role,
            ManagedChannel channel,
            RouterConfig.Workers settings,
            ScheduledExecutorService timers,
            UnaryOperator<KvKind> intern,
            Reports reports,
            Runnable onChange) {
        this.address = address;
        this.role = role;
        this.channel = channel;
        this.legChannel = new SessionChannel(
                channel, Math.toIntExact(settings.maxMessage().asLongValue()));
        this.timers = timers;
        this.intern = intern;
        this.reports = reports;
        this.onChange = onChange;
        this.watchTimeoutNanos = settings.watchTimeout().toNanos();
        this.lostTimeoutNanos =
                Math.max(watchTimeoutNanos, settings.lostTimeout().toNanos());
        this.stepTimeoutSeconds = settings.stepTimeout().toSeconds();
        this.backoff = new Backoff(
                settings.reconnectMin(),
                settings.reconnectMax(),
                () -> ThreadLocalRandom.current().nextLong());
        this.breaker = new CircuitBreaker(
                settings.breakerFailures(),
                new Backoff(
                        settings.breakerOpenMin(),
                        settings.breakerOpenMax(),
                        () -> ThreadLocalRandom.current().nextLong()),
                System::nanoTime);
        this.told = WorkerView.unheard(address, role);
        this.view = told;
    }

    /** What is known about it now. */
    public WorkerView view() {
        return view;
    }

    /** Its connection. */
    public ManagedChannel channel() {
        return channel;
    }

    /** Where legs are opened: all of them travel in one session on its connection, and run their callbacks on its event loop. */
    public Channel legChannel() {
        return legChannel;
    }

    /** What was sent to it and is in none of its reports. */
    public InFlight inFlight() {
        return inFlight;
    }

    /** host:port as the settings name it; its name in the router. */
    public String address() {
        return address;
    }

    WorkerRole role() {
        return role;
    }

    /** What is known about it now without regard to its breaker. */
    WorkerView told() {
        return told;
    }

    /** Registers a leg that is to be told when the worker is lost. */
    public void add(LegHandle leg) {
        legs.add(leg);
        breakerChanged(breaker.taken());
    }

    /** Forgets a leg that is closed. */
    public void remove(LegHandle leg) {
        legs.remove(leg);
        breakerChanged(breaker.ended());
    }

    /** A leg has made progress: the worker works. */
    public void succeeded() {
        breakerChanged(breaker.succeeded());
    }

    /** A leg failed, and the worker is to blame. To be called before {@link #remove}. */
    public void failed() {
        breakerChanged(breaker.failed());
    }

    /** What its breaker does with work. */
    public CircuitBreaker.State breaker() {
        return breaker.state();
    }

    /** How often its breaker has opened. */
    public long breakerOpened() {
        return breaker.opened();
    }

    /** Whether its breaker lets work through. */
    boolean takesWork() {
        return breaker.takesWork();
    }

    private void breakerChanged(boolean changed) {
        if (!changed || closed) {
            return;
        }
        onChange.run();
        awaitHalfOpen();
    }

    private void awaitHalfOpen() {
        long open = breaker.openNanos();
        if (open > 0) {
            var _ = context.schedule(
                    () -> {
                        if (breaker.openNanos() > 0) {
                            awaitHalfOpen();
                        } else {
                            onChange.run();
                        }
                    },
                    open,
                    TimeUnit.NANOSECONDS,
                    timers);
        }
    }

    /** Gives it no work, or work again; what it tells stays known. */
    void suspend(boolean now) {
        if (suspended != now) {
            suspended = now;
            context.execute(this::show);
        }
    }

    /** How many legs it carries. */
    public int openLegs() {
        return legs.size();
    }

    void start() {
        context.execute(this::connect);
    }

    private void connect() {
        if (closed) {
            return;
        }
        Watch w = new Watch();
        watch = w;
        heardNanos = System.nanoTime();
        // The channel has a back-off of its own, which this one replaces.
        channel.resetConnectBackoff();
        WorkerServiceGrpc.newStub(channel).watch(WatchRequest.getDefaultInstance(), w);
        guard(w, watchTimeoutNanos);
    }

    /** Looks after the silence of a watch; one timer per watch, armed again for what remains. */
    private void guard(Watch w, long delayNanos) {
        var _ = context.schedule(
                () -> {
                    if (watch != w || closed) {
                        return;
                    }
                    long silence = System.nanoTime() - heardNanos;
                    if (silence >= lostTimeoutNanos) {
                        lost(w);
                    } else if (silence >= watchTimeoutNanos) {
                        publish(told.lost(silence(watchTimeoutNanos)));
                        guard(w, lostTimeoutNanos - silence);
                    } else {
                        guard(w, watchTimeoutNanos - silence);
                    }
                },
                delayNanos,
                TimeUnit.NANOSECONDS,
                timers);
    }

    private static String silence(long nanos) {
        return "has been silent for " + TimeUnit.NANOSECONDS.toMillis(nanos) + " ms";
    }

    private void lost(Watch w) {
        String why = silence(lostTimeoutNanos);
        w.cancel(why);
        ended(w, why);
        for (LegHandle leg : legs) {
            leg.workerLost(why);
        }
    }

    private void heard(Watch w, WatchResponse message) {
        if (watch != w || closed) {
            return;
        }
        if (!w.identified && !message.hasIdentity()) {
            w.cancel(NO_IDENTITY);
            ended(w, NO_IDENTITY);
            return;
        }
        w.identified = true;
        heardNanos = System.nanoTime();
        backoff.reset();
        boolean anew = !told.connected();
        WorkerView now = message.hasIdentity()
                ? WorkerView.heard(address, role, intern.apply(KvKind.of(message.getIdentity())), message)
                : told.heardAgain(message);
        int step = message.getLoad().getStepSeconds();
        boolean hangs = stepTimeoutSeconds > 0 && step >= stepTimeoutSeconds;
        String why = "has an engine that has been in one step for " + step + " s";
        inFlight.reported();
        publish(hangs ? now.suspended(why) : now);
        if (anew) {
            // What failed was the connection, or another process.
            breakerChanged(breaker.reset());
        }
        if (hangs) {
            for (LegHandle leg : legs) {
                leg.workerLost(why);
            }
        }
        if (!reports.heard(this, message)) {
            LOG.debugf("a report of %s was missed; its Watch stream is opened anew", address);
            w.cancel("a report was missed");
            ended(w, "missed a report");
        }
    }

    private void ended(Watch w, String why) {
        if (watch != w || closed) {
            return;
        }
        watch = null;
        publish(told.lost(why));
        var _ = context.schedule(this::connect, backoff.nextNanos(), TimeUnit.NANOSECONDS, timers);
    }

    private void publish(WorkerView now) {
        told = now;
        show();
    }

    private void show() {
        WorkerView old = view;
        WorkerView now = told;
        if (suspended && now.healthy()) {
            now = now.suspended("its legs fail one after the other");
        }
        view = now;
        if (!old.problem().equals(now.problem())) {
            if (now.healthy()) {
                LOG.infof("%s worker %s is ready (model %s)", WorkerView.name(role), address, now.model());
            } else if (old.healthy() || now.connected() || !now.problem().startsWith(UNREACHABLE)) {
                LOG.warnf("%s worker %s takes no work: %s", WorkerView.name(role), address, now.problem());
            }
            onChange.run();
        }
    }

    /**
     * Goes on for the legs that it carries, and is closed once there are none.
     *
     * @param onClosed called after it was closed
     */
    void retire(Runnable onClosed) {
        var _ = context.schedule(
                () -> {
                    if (legs.isEmpty()) {
                        close();
                        onClosed.run();
                    } else {
                        retire(onClosed);
                    }
                },
                RETIREMENT_CHECK.toNanos(),
                TimeUnit.NANOSECONDS,
                timers);
    }

    @Override
    public void close() {
        closed = true;
        context.execute(() -> {
            Watch w = watch;
            if (w != null) {
                w.cancel("the router stops");
            }
        });
        channel.shutdownNow();
    }

    /** Is told every report of every worker, in the order of each. Must not block. */
    public interface Reports {
        /** A worker reported; false if a report before this one is missing, so that the stream must begin again. */
        boolean heard(Worker worker, WatchResponse report);
    }

    private static String why(Status status) {
        TlsFailure tls = TlsFailure.among(status.getCause());
        if (tls != null) {
            return "cannot be talked to over TLS: " + tls.sentence();
        }
        return switch (status.getCode()) {
            case UNIMPLEMENTED -> "is no worker of this protocol: its server has no WorkerService";
            case PERMISSION_DENIED -> "refuses this router: " + status.getDescription();
            default -> UNREACHABLE + " (" + status.getCode() + ")";
        };
    }

    /** The observer of one Watch call. */
    private final class Watch implements ClientResponseObserver<WatchRequest, WatchResponse> {
        private @Nullable ClientCallStreamObserver<WatchRequest> call;
        /** Whether the worker has told on it who it is. Only in the context. */
        private boolean identified;

        @Override
        public void beforeStart(ClientCallStreamObserver<WatchRequest> requestStream) {
            call = requestStream;
        }

        void cancel(String why) {
            ClientCallStreamObserver<WatchRequest> c = call;
            if (c != null) {
                c.cancel(why, null);
            }
        }

        @Override
        public void onNext(WatchResponse message) {
            context.execute(() -> heard(this, message));
        }

        @Override
        public void onError(Throwable t) {
            Status status = Status.fromThrowable(t);
            LOG.debugf(t, "the watch of %s ended", address);
            String why = why(status);
            context.execute(() -> ended(this, why));
        }

        @Override
        public void onCompleted() {
            context.execute(() -> ended(this, "ended its Watch stream"));
        }
    }
}
