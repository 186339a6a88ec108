package io.baton.router.schedule;

import java.util.concurrent.atomic.AtomicInteger;

/**
 * Takes the workers that cost least in turn, so that routers that see the same do not all choose the same.
 *
 * <p><em>Thread-safety:</em> safe.
 */
final class RoundRobinPicker {
    private final AtomicInteger turn = new AtomicInteger();

    /**
     * Index of the chosen worker; −1 if there is none.
     *
     * @param costs cost by worker; NaN for one that cannot take the leg
     * @param count how many there are
     * @param tolerance fraction of the least cost by which costs may exceed it and yet count as equal
     */
    int pick(double[] costs, int count, double tolerance) {
        double least = Double.POSITIVE_INFINITY;
        for (int i = 0; i < count; i++) {
            // Not with Math.min: NaN must lose.
            if (costs[i] < least) {
                least = costs[i];
            }
        }
        if (least == Double.POSITIVE_INFINITY) {
            return -1;
        }
        double limit = least + Math.abs(least) * tolerance;
        int equals = 0;
        for (int i = 0; i < count; i++) {
            if (costs[i] <= limit) {
                equals++;
            }
        }
        int left = Math.floorMod(turn.getAndIncrement(), equals);
        for (int i = 0; i < count; i++) {
            if (costs[i] <= limit && left-- == 0) {
                return i;
            }
        }
        throw new IllegalStateException("the costs changed while they were looked at");
    }
}
