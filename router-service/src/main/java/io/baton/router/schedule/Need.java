package io.baton.router.schedule;

import io.baton.router.fleet.KvKind;
import io.baton.worker.v1.WorkerRole;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What a leg needs of a worker.
 *
 * @param role what the worker must do
 * @param model model that it must serve
 * @param kind kind of KV cache that it must have; null for any
 * @param local whether it must compute the prompt although it is a decode worker
 * @param excluded addresses of workers that must not be asked
 */
public record Need(WorkerRole role, String model, @Nullable KvKind kind, boolean local, Set<String> excluded) {}
