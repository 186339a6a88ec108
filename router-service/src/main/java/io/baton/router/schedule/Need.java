package io.baton.router.schedule;

import io.baton.router.fleet.KvKind;
import io.baton.worker.v1.WorkerRole;
import java.util.Set;

/**
 * What a leg needs of a worker.
 *
 * @param role what the worker must do
 * @param model model that it must serve
 * @param kinds kinds of KV cache, one of which it must have
 * @param excluded addresses of workers that must not be asked
 */
public record Need(WorkerRole role, String model, Set<KvKind> kinds, Set<String> excluded) {
    /** Copies the sets. */
    public Need {
        kinds = Set.copyOf(kinds);
        excluded = Set.copyOf(excluded);
    }
}
