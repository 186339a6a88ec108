package io.baton.engine;

import java.util.function.LongSupplier;

/**
 * How long an engine thread has been in its present turn, so that others can see that it hangs.
 *
 * <p><em>Thread-safety:</em> the engine thread begins and ends turns; any thread may ask.
 */
public final class Turn {
    private static final long NONE = Long.MIN_VALUE;

    private final LongSupplier clock;
    private volatile long begun = NONE;

    /** Without a turn; {@code clock} gives nanoseconds. */
    public Turn(LongSupplier clock) {
        this.clock = clock;
    }

    /** A turn begins, and the one before it is over. */
    public void begin() {
        long now = clock.getAsLong();
        begun = now == NONE ? NONE + 1 : now;
    }

    /** There is nothing to do. */
    public void end() {
        begun = NONE;
    }

    /** Time since the present turn began; 0 without one. */
    public long nanos() {
        long since = begun;
        return since == NONE ? 0 : Math.max(0, clock.getAsLong() - since);
    }
}
