package io.baton.router.schedule;

import io.baton.router.fleet.WorkerView;

/** Says which workers can take a leg at all. */
@FunctionalInterface
public interface WorkerFilter {
    /** Whether the worker can take the leg. */
    boolean accepts(WorkerView worker, Need need);

    /** Takes work, and has not failed this request before. */
    WorkerFilter AVAILABLE =
            (worker, need) -> worker.healthy() && !need.excluded().contains(worker.address());

    /** Does what is needed, for the model that is needed. */
    WorkerFilter SUITABLE =
            (worker, need) -> worker.role() == need.role() && worker.model().equals(need.model());

    /** Can exchange blocks with the other side. */
    WorkerFilter COMPATIBLE =
            (worker, need) -> worker.kind() != null && need.kinds().contains(worker.kind());
}
