package io.baton.router.fleet;

import static java.util.Objects.requireNonNull;

import io.baton.kv.v1.KvLayout;

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
}
