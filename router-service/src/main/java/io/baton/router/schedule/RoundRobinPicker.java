package io.baton.router.schedule;

import io.baton.router.fleet.WorkerView;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Takes the workers in turn.
 *
 * <p><em>Thread-safety:</em> safe.
 */
public final class RoundRobinPicker implements WorkerPicker {
    private final AtomicInteger turn = new AtomicInteger();

    @Override
    public WorkerView pick(List<WorkerView> best) {
        return best.get(Math.floorMod(turn.getAndIncrement(), best.size()));
    }
}
