package io.baton.router.schedule;

import io.baton.router.fleet.KvKind;
import io.baton.router.fleet.WorkerView;
import io.baton.worker.v1.WorkerRole;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Chooses the worker of a leg: filters, then the sum of the scores, then the picker among the best.
 *
 * <p><em>Thread-safety:</em> safe if the parts are.
 */
public final class Scheduler {
    private final List<WorkerFilter> filters;
    private final List<WorkerScorer> scorers;
    private final WorkerPicker prefillPicker;
    private final WorkerPicker decodePicker;

    /** A scheduler of the given parts; each role has a picker of its own, so that their turns do not interfere. */
    public Scheduler(
            List<WorkerFilter> filters,
            List<WorkerScorer> scorers,
            WorkerPicker prefillPicker,
            WorkerPicker decodePicker) {
        this.filters = List.copyOf(filters);
        this.scorers = List.copyOf(scorers);
        this.prefillPicker = prefillPicker;
        this.decodePicker = decodePicker;
    }

    /** Round robin over the healthy compatible workers. */
    public static Scheduler roundRobin() {
        return new Scheduler(
                List.of(WorkerFilter.AVAILABLE, WorkerFilter.SUITABLE, WorkerFilter.COMPATIBLE),
                List.of(),
                new RoundRobinPicker(),
                new RoundRobinPicker());
    }

    /** A prefill worker for which a compatible decode worker takes work; empty if there is none. */
    public Optional<WorkerView> prefill(List<WorkerView> fleet, String model, Set<String> excluded) {
        Set<KvKind> kinds = new HashSet<>();
        for (WorkerView worker : fleet) {
            KvKind kind = worker.kind();
            if (worker.healthy()
                    && worker.role() == WorkerRole.WORKER_ROLE_DECODE
                    && kind != null
                    && !excluded.contains(worker.address())) {
                kinds.add(kind);
            }
        }
        return pick(fleet, new Need(WorkerRole.WORKER_ROLE_PREFILL, model, kinds, excluded), prefillPicker);
    }

    /** A decode worker for blocks of the given kind; empty if there is none. */
    public Optional<WorkerView> decode(List<WorkerView> fleet, KvKind kind, Set<String> excluded) {
        return pick(fleet, new Need(WorkerRole.WORKER_ROLE_DECODE, kind.model(), Set.of(kind), excluded), decodePicker);
    }

    private Optional<WorkerView> pick(List<WorkerView> fleet, Need need, WorkerPicker picker) {
        List<WorkerView> best = new ArrayList<>();
        double bestScore = Double.NEGATIVE_INFINITY;
        for (WorkerView worker : fleet) {
            if (!accepted(worker, need)) {
                continue;
            }
            double score = 0;
            for (WorkerScorer scorer : scorers) {
                score += scorer.score(worker, need);
            }
            if (score > bestScore) {
                best.clear();
                bestScore = score;
            }
            if (score == bestScore) {
                best.add(worker);
            }
        }
        return best.isEmpty() ? Optional.empty() : Optional.of(picker.pick(best));
    }

    private boolean accepted(WorkerView worker, Need need) {
        for (WorkerFilter filter : filters) {
            if (!filter.accepts(worker, need)) {
                return false;
            }
        }
        return true;
    }
}
