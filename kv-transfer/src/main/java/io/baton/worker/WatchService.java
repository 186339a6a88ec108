package io.baton.worker;

import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.worker.v1.CacheReport;
import io.baton.worker.v1.WatchRequest;
import io.baton.worker.v1.WatchResponse;
import io.baton.worker.v1.WorkerCapacity;
import io.baton.worker.v1.WorkerLoad;
import io.baton.worker.v1.WorkerServiceGrpc;
import io.baton.worker.v1.WorkerState;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Tells routers at once what the worker is, can hold and holds now; then what it holds, on a change at most ten times a
 * second, and at least twice a second. A watcher that does not read misses snapshots; none is ever queued for it.
 *
 * <p><em>Thread-safety:</em> calls come from any thread; snapshots are taken and sent on the timer's thread.
 */
public final class WatchService extends WorkerServiceGrpc.WorkerServiceImplBase implements AutoCloseable {
    private static final long TICK_MILLIS = 100;
    private static final long HEARTBEAT_TICKS = 5;

    /** What changes in a worker. */
    public record Snapshot(WorkerLoad load, WorkerState state) {}

    private final io.baton.worker.v1.WorkerIdentity identity;
    private final WorkerCapacity capacity;
    private final Supplier<Snapshot> snapshots;
    private final @Nullable CachedPieces pieces;
    private final int maxWatchers;
    private final Set<Watcher> watchers = ConcurrentHashMap.newKeySet();
    private final AtomicInteger open = new AtomicInteger();
    private final ScheduledExecutorService timer;
    private final ScheduledFuture<?> ticking;

    /**
     * Starts ticking on {@code timer}.
     *
     * @param pieces what is told of the prefix cache; null if nothing is
     */
    public WatchService(
            io.baton.worker.v1.WorkerIdentity identity,
            WorkerCapacity capacity,
            int maxWatchers,
            Supplier<Snapshot> snapshots,
            @Nullable CachedPieces pieces,
            ScheduledExecutorService timer) {
        this.identity = identity;
        this.capacity = capacity;
        this.maxWatchers = maxWatchers;
        this.snapshots = snapshots;
        this.pieces = pieces;
        this.timer = timer;
        this.ticking = timer.scheduleWithFixedDelay(this::tick, TICK_MILLIS, TICK_MILLIS, TimeUnit.MILLISECONDS);
    }

    /** Watch streams that are open. */
    public int watchers() {
        return open.get();
    }

    @Override
    public void watch(WatchRequest request, StreamObserver<WatchResponse> responses) {
        if (open.incrementAndGet() > maxWatchers) {
            open.decrementAndGet();
            responses.onError(new BatonException(
                            ErrorCode.QUEUE_FULL,
                            "the worker has " + maxWatchers
                                    + " watchers, as many as baton.worker.max-watchers allows; retry later")
                    .toStatus());
            return;
        }
        Watcher watcher = new Watcher((ServerCallStreamObserver<WatchResponse>) responses);
        watcher.out.setOnCancelHandler(() -> remove(watcher));
        watchers.add(watcher);
        timer.execute(() -> watcher.tell(snapshots.get()));
    }

    private void remove(Watcher watcher) {
        if (watchers.remove(watcher)) {
            open.decrementAndGet();
        }
    }

    private void tick() {
        if (watchers.isEmpty()) {
            return;
        }
        Snapshot snapshot = snapshots.get();
        for (Watcher w : watchers) {
            w.tick(snapshot);
        }
    }

    /** Ends every stream: the worker goes away. */
    @Override
    public void close() {
        ticking.cancel(false);
        for (Watcher w : watchers) {
            remove(w);
            timer.execute(w::end);
        }
    }

    /** One stream; touched on the timer's thread only. */
    private final class Watcher {
        private final ServerCallStreamObserver<WatchResponse> out;
        private @Nullable Snapshot last;
        private long sequence;
        private long ticksSinceLast;
        /** Number of the last change of the prefix cache that it was told; negative before the first. */
        private long told = -1;

        private Watcher(ServerCallStreamObserver<WatchResponse> out) {
            this.out = out;
        }

        private void tick(Snapshot now) {
            ticksSinceLast++;
            boolean moved = pieces != null && pieces.sequence() != told;
            if (moved || !now.equals(last) || ticksSinceLast >= HEARTBEAT_TICKS) {
                tell(now);
            }
        }

        private void tell(Snapshot now) {
            if (out.isCancelled() || (last != null && !out.isReady())) {
                return;
            }
            last = now;
            ticksSinceLast = 0;
            WatchResponse.Builder message = WatchResponse.newBuilder()
                    .setSequence(++sequence)
                    .setLoad(now.load())
                    .setState(now.state());
            if (sequence == 1) {
                message.setIdentity(identity).setCapacity(capacity);
            }
            CacheReport cache = pieces == null ? null : pieces.report(told);
            if (cache != null) {
                told = cache.getSequence();
                message.setCache(cache);
            }
            out.onNext(message.build());
        }

        private void end() {
            if (!out.isCancelled()) {
                out.onCompleted();
            }
        }
    }
}
