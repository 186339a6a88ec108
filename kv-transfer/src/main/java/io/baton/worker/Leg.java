package io.baton.worker;

import io.baton.engine.Sequence;
import io.baton.error.BatonException;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * One worker's part in a request, whatever the role: its lock, its place among the open legs, its cells, and its end. A
 * role's own class says what messages mean and what else is held.
 *
 * <p><em>Thread-safety:</em> everything happens under the leg's own lock, which no other leg needs and under which nothing
 * blocks. What the leg holds is released once, however it ends, and store memory only when the engine has let go of it.
 *
 * @param <Q> what the router says
 * @param <R> what the router is told
 */
public abstract class Leg<Q, R> implements StreamObserver<Q> {
    private final WorkerHost worker;
    private final ServerCallStreamObserver<R> out;
    private final ReentrantLock lock = new ReentrantLock();

    private String requestId = "(not named yet)";
    private boolean opening;
    private boolean ended;
    private Attempts.@Nullable Attempt attempt;
    private WorkerLifecycle.@Nullable Admission admission;
    private @Nullable Sequence cells;

    /** A leg of which nothing is known yet. */
    protected Leg(WorkerHost worker, ServerCallStreamObserver<R> out) {
        this.worker = worker;
        this.out = out;
    }

    // ---- what a role adds; all of it runs under the lock

    /** The router said something. */
    protected abstract void heard(Q message);

    /** The router has nothing more to say. */
    protected abstract void heardAll();

    /** The leg has ended: moves the state on, and lets go of what the engine does not use. Once. */
    protected abstract void onEnd();

    /** Gives up the store memory that the engine may have used; after {@link #onEnd}, on any thread. */
    protected abstract void closeBlocks();

    // ---- the call

    @Override
    public final void onNext(Q message) {
        guarded(() -> heard(message));
    }

    @Override
    public final void onCompleted() {
        guarded(this::heardAll);
    }

    @Override
    public final void onError(Throwable t) {
        cancelled();
    }

    /** The call is gone. */
    public final void cancelled() {
        lock.lock();
        try {
            if (!ended) {
                worker.errors().cancelled(requestId);
                end(CompletableFuture.completedFuture(null));
            }
        } finally {
            lock.unlock();
        }
    }

    /** Tells the router. */
    protected final void tell(R message) {
        out.onNext(message);
    }

    // ---- steps

    /** Runs a step under the lock; what it throws ends the leg. */
    protected final void guarded(Runnable step) {
        lock.lock();
        try {
            step.run();
        } catch (RuntimeException e) {
            fail(e);
        } finally {
            lock.unlock();
        }
    }

    /** Answers a question under the lock. */
    protected final <T extends @Nullable Object> T locked(Supplier<T> question) {
        lock.lock();
        try {
            return question.get();
        } finally {
            lock.unlock();
        }
    }

    /** Says whose leg it is, as far as errors tell of it. */
    protected final void name(String request) {
        requestId = request;
    }

    /**
     * Takes a place among the worker's legs, and the place of an older attempt of the same request.
     *
     * @throws BatonException {@code PROTOCOL_VIOLATION} if the same or a newer attempt runs, or what
     *     {@link WorkerLifecycle#admit} throws
     */
    protected final void admit(String tenant, int number) {
        // An older attempt is ended on another thread, for it has a lock of its own. That it is ended comes before
        // admission: a worker that is full of stale attempts must not keep them.
        attempt = worker.attempts()
                .begin(tenant, requestId, number, newer -> worker.timer().execute(() -> fail(newer)));
        admission = worker.lifecycle().admit();
    }

    /** The leg waits for the engine no longer. */
    protected final void running() {
        if (admission != null) {
            admission.running();
        }
    }

    /**
     * Waits for cells. An end that comes meanwhile releases nothing before they are there or refused.
     *
     * @param hold keeps what was opened, whether the leg has ended or not
     * @param next goes on with it, unless the leg has ended
     */
    protected final <T> void opening(CompletableFuture<T> opened, Consumer<T> hold, Consumer<T> next) {
        opening = true;
        var _ = opened.whenComplete((what, failure) -> guarded(() -> {
            opening = false;
            if (failure == null) {
                hold.accept(what);
            }
            if (ended) {
                release(CompletableFuture.completedFuture(null));
            } else if (failure == null) {
                next.accept(what);
            } else {
                throw BatonException.from(failure);
            }
        }));
    }

    /** The leg holds these cells from now on. */
    protected final void holdCells(Sequence sequence) {
        cells = sequence;
    }

    /** The leg's cells. */
    protected final Sequence cells() {
        Sequence s = cells;
        if (s == null) {
            throw new IllegalStateException("the leg has no cells yet");
        }
        return s;
    }

    // ---- the end

    /** Ends the call well, and the leg; the cells are released when {@code unused} is complete. */
    protected final void complete(CompletableFuture<Void> unused) {
        out.onCompleted();
        end(unused);
    }

    /** Ends the leg with an error; does nothing after the end. */
    protected final void fail(Throwable cause) {
        lock.lock();
        try {
            if (!ended) {
                out.onError(worker.errors().status(cause, requestId));
                end(CompletableFuture.completedFuture(null));
            }
        } finally {
            lock.unlock();
        }
    }

    private void end(CompletableFuture<Void> unused) {
        ended = true;
        if (attempt != null) {
            attempt.close();
        }
        onEnd();
        if (!opening) {
            release(unused);
        }
    }

    /** Gives everything back when {@code unused} is complete; after the end, once. */
    private void release(CompletableFuture<Void> unused) {
        Sequence s = cells;
        WorkerLifecycle.Admission a = admission;
        var _ = unused.thenCompose(_ -> s == null ? CompletableFuture.completedFuture(null) : s.release())
                .whenComplete((_, _) -> {
                    closeBlocks();
                    if (a != null) {
                        a.close();
                    }
                });
    }
}
