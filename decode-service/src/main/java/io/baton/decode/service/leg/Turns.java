package io.baton.decode.service.leg;

import java.util.ArrayDeque;
import java.util.concurrent.Executor;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Lets so many at a time do something, in the order in which they asked.
 *
 * <p><em>Thread-safety:</em> every method may be called from any thread, with locks held: tasks run on the executor.
 */
final class Turns {
    private final Executor executor;
    private final ReentrantLock lock = new ReentrantLock();
    private final ArrayDeque<Turn> waiting = new ArrayDeque<>();
    private int free;

    Turns(int atATime, Executor executor) {
        this.free = atATime;
        this.executor = executor;
    }

    /** Runs {@code begin} when it is its turn, which lasts until what is returned is closed. */
    Turn ask(Runnable begin) {
        Turn turn = new Turn(begin);
        lock.lock();
        try {
            waiting.add(turn);
            next();
        } finally {
            lock.unlock();
        }
        return turn;
    }

    private void next() {
        while (free > 0 && !waiting.isEmpty()) {
            free--;
            Turn turn = waiting.remove();
            turn.begun = true;
            executor.execute(turn.begin);
        }
    }

    /** One turn. */
    final class Turn implements AutoCloseable {
        private final Runnable begin;
        private boolean begun;
        private boolean closed;

        private Turn(Runnable begin) {
            this.begin = begin;
        }

        /** The turn is over, or not wanted any more. Idempotent. */
        @Override
        public void close() {
            lock.lock();
            try {
                if (!closed) {
                    closed = true;
                    if (begun) {
                        free++;
                        next();
                    } else {
                        waiting.remove(this);
                    }
                }
            } finally {
                lock.unlock();
            }
        }
    }
}
