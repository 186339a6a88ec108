package io.baton.decode.service.leg;

import java.util.concurrent.TimeUnit;

/**
 * When the router is told that blocks have landed: of the first at once, then when none that can land is under way, so that
 * of the last it is told at once too, and in between as often as it needs a sign of progress.
 *
 * <p><em>Thread-safety:</em> none; guarded by its leg.
 */
final class LandedPace {
    /** While blocks are under way, the least time between two messages, in nanoseconds: 100 ms; decode.proto says so too. */
    static final long PERIOD_NANOS = TimeUnit.MILLISECONDS.toNanos(100);

    private boolean told;
    private long toldNanos;

    /**
     * A block has landed; says whether the router is to be told now, and takes it for told.
     *
     * @param blocks with the block that has landed
     * @param now by {@link System#nanoTime}
     */
    boolean due(BlockTable blocks, long now) {
        boolean due = !told || !blocks.underWay() || now - toldNanos >= PERIOD_NANOS;
        if (due) {
            told = true;
            toldNanos = now;
        }
        return due;
    }
}
