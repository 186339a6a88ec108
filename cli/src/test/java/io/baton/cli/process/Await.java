package io.baton.cli.process;

import io.baton.cli.launch.LaunchException;
import java.time.Duration;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Supplier;

/** Waits for something that another process will make true. */
final class Await {
    /** Far above what anything here takes on a busy machine; reaching it means that it never happens. */
    static final Duration LONG = Duration.ofMinutes(3);

    private static final Duration POLL = Duration.ofMillis(50);

    private Await() {}

    /**
     * Asks until the answer is empty; fails with the last answer, which says what is missing. A service that does not answer
     * (yet) is one more thing to wait for.
     */
    static void untilEmpty(Supplier<String> question) {
        Supplier<String> missing = () -> {
            try {
                return question.get();
            } catch (LaunchException e) {
                return String.valueOf(e.getMessage());
            }
        };
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
