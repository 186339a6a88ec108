package io.baton.router.schedule;

import io.baton.router.fleet.WorkerView;
import java.util.List;

/** Chooses among the workers with the best score. */
@FunctionalInterface
public interface WorkerPicker {
    /** One of the workers; there is at least one, in the order of the settings. */
    WorkerView pick(List<WorkerView> best);
}
