package io.baton.router.fleet;

import static java.util.Objects.requireNonNull;

import io.baton.kv.v1.KvLayout;
import io.baton.worker.v1.WorkerIdentity;

/**
 * What must be equal on both sides of a hand-over.
 *
 * @param model name of the model
 * @param blockSize tokens per block
 * @param layout layout of the rows
 */
public record KvKind(String model, int blockSize, KvLayout layout) {
    /** Refuses absent parts. */
    public KvKind {
        requireNonNull(model);
        requireNonNull(layout);
    }

    /** That of a worker. */
    static KvKind of(WorkerIdentity worker) {
        return new KvKind(worker.getModel(), worker.getBlockSize(), worker.getLayout());
    }
}
