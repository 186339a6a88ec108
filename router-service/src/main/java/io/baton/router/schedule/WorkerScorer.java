package io.baton.router.schedule;

import io.baton.router.fleet.WorkerView;

/** Says how good a choice a worker is. */
@FunctionalInterface
public interface WorkerScorer {
    /** The score, in [0, 1]; more is better. */
    double score(WorkerView worker, Need need);
}
