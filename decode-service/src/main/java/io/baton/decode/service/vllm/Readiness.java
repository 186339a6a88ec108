package io.baton.decode.service.vllm;

import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;

/**
 * Lets the thread that reads from vLLM wait for a router that is slow to read, so that nothing gathers in between: vLLM's
 * connection fills up, and vLLM merges the tokens that wait there.
 *
 * <p><em>Thread-safety:</em> every method may be called from any thread.
 */
final class Readiness {
    private final BooleanSupplier ready;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();

    Readiness(BooleanSupplier ready) {
        this.ready = ready;
    }

    /** The call may be ready. */
    void changed() {
        lock.lock();
        try {
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /** Blocks until the call is ready; the end of a leg interrupts its thread. */
    void await() throws InterruptedException {
        lock.lockInterruptibly();
        try {
            while (!ready.getAsBoolean()) {
                changed.await();
            }
        } finally {
            lock.unlock();
        }
    }
}
