package io.baton.worker;

import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.worker.v1.WorkerState;
import java.time.Duration;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Whether a worker takes legs, and how many it has. Every leg holds an {@link Admission} from its first message until
 * everything that it held has been released.
 *
 * <p><em>Thread-safety:</em> every method may be called from any thread.
 */
public final class WorkerLifecycle {
    private final int maxLegs;
    private final int maxWaiting;
    private final Supplier<@Nullable Throwable> engineFailure;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition idle = lock.newCondition();
    private int open;
    private int waiting;
    private boolean draining;

    /**
     * A worker that takes legs.
     *
     * @param maxLegs most open legs
     * @param maxWaiting most legs that have not begun to compute
     * @param engineFailure why the engine can compute no more; null while it can
     */
    public WorkerLifecycle(int maxLegs, int maxWaiting, Supplier<@Nullable Throwable> engineFailure) {
        this.maxLegs = maxLegs;
        this.maxWaiting = maxWaiting;
        this.engineFailure = engineFailure;
    }

    /**
     * Takes one leg.
     *
     * @throws BatonException {@code DRAINING}, {@code ENGINE_FAILED} or {@code QUEUE_FULL}
     */
    public Admission admit() {
        if (engineFailure.get() != null) {
            throw new BatonException(
                    ErrorCode.ENGINE_FAILED, "the engine of this worker has failed; it must be restarted");
        }
        lock.lock();
        try {
            if (draining) {
                throw new BatonException(ErrorCode.DRAINING, "the worker is shutting down; use another one");
            }
            if (open >= maxLegs) {
                throw new BatonException(
                        ErrorCode.QUEUE_FULL,
                        "the worker has " + open
                                + " requests open, as many as baton.worker.max-legs allows; retry later");
            }
            if (waiting >= maxWaiting) {
                throw new BatonException(
                        ErrorCode.QUEUE_FULL,
                        "the worker has " + waiting
                                + " requests waiting, as many as baton.worker.max-waiting allows; retry later");
            }
            open++;
            waiting++;
            return new Admission();
        } finally {
            lock.unlock();
        }
    }

    /** Takes no new legs from now on. */
    public void drain() {
        lock.lock();
        try {
            draining = true;
        } finally {
            lock.unlock();
        }
    }

    /** Waits until no leg is open; returns whether that came within {@code grace}. */
    public boolean awaitIdle(Duration grace) throws InterruptedException {
        long left = grace.toNanos();
        lock.lock();
        try {
            while (open > 0) {
                if (left <= 0) {
                    return false;
                }
                left = idle.awaitNanos(left);
            }
            return true;
        } finally {
            lock.unlock();
        }
    }

    /** Legs that are open. */
    public int open() {
        lock.lock();
        try {
            return open;
        } finally {
            lock.unlock();
        }
    }

    /** Open legs that have not begun to compute. */
    public int waiting() {
        lock.lock();
        try {
            return waiting;
        } finally {
            lock.unlock();
        }
    }

    /** Whether the worker takes work. */
    public WorkerState state() {
        if (engineFailure.get() != null) {
            return WorkerState.WORKER_STATE_FAILED;
        }
        lock.lock();
        try {
            return draining ? WorkerState.WORKER_STATE_DRAINING : WorkerState.WORKER_STATE_READY;
        } finally {
            lock.unlock();
        }
    }

    /** One leg's place. Idempotent in both methods. */
    public final class Admission implements AutoCloseable {
        private boolean counted = true;
        private boolean countedWaiting = true;

        private Admission() {}

        /** The leg computes now, or has stopped waiting otherwise. */
        public void running() {
            lock.lock();
            try {
                if (countedWaiting) {
                    countedWaiting = false;
                    waiting--;
                }
            } finally {
                lock.unlock();
            }
        }

        /** The leg holds nothing any more. */
        @Override
        public void close() {
            running();
            lock.lock();
            try {
                if (counted) {
                    counted = false;
                    open--;
                    if (open == 0) {
                        idle.signalAll();
                    }
                }
            } finally {
                lock.unlock();
            }
        }
    }
}
