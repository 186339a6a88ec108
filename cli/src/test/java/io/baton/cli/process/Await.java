package io.baton.cli.process;

import java.time.Duration;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Supplier;

/** Waits for something that another process will make true. */
final class Await {
    /** Far above what anything here takes on a busy machine; reaching it means that it never happens. */
    static final Duration LONG = Duration.ofSeconds(60);

    private static final Duration POLL = Duration.ofMillis(50);

    private Await() {}

    /** Asks until the answer is empty; fails with the last answer, which says what is missing. */
    static void untilEmpty(Supplier<String> missing) {
        long start = System.nanoTime();
        String last = missing.get();
        while (!last.isEmpty()) {
            if (System.nanoTime() - start > LONG.toNanos()) {
                throw new AssertionError("after " + LONG.toSeconds() + " s still: " + last);
            }
            LockSupport.parkNanos(POLL.toNanos());
            last = missing.get();
        }
    }
}
