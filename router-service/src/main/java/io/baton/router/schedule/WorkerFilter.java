package io.baton.router.schedule;

import io.baton.router.fleet.KvKind;
import java.util.List;

/** Says which workers can take a leg at all. */
@FunctionalInterface
public interface WorkerFilter {
    /** Whether the worker can take the leg. */
    boolean accepts(Candidate worker, Need need);

    /** Takes work, and has not failed this request before. */
    WorkerFilter AVAILABLE = (worker, need) ->
            worker.available() && (need.excluded().isEmpty() || !need.excluded().contains(worker.address()));

    /** Does what is needed, for the model that is needed. */
    WorkerFilter SUITABLE = (worker, need) -> {
        KvKind kind = worker.kind();
        return worker.role() == need.role()
                && kind != null
                && kind.model().equals(need.model())
                && (!need.local() || worker.computesPrompts());
    };

    /** Can exchange blocks with the other side. */
    WorkerFilter COMPATIBLE =
            (worker, need) -> need.kind() == null || need.kind().equals(worker.kind());

    /** What every leg goes through, cheapest first. */
    List<WorkerFilter> ALL = List.of(SUITABLE, AVAILABLE, COMPATIBLE);
}
