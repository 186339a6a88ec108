package io.baton.engine;

import java.util.concurrent.CompletableFuture;

/**
 * An inference engine with one model and one KV cache of cells.
 *
 * <p>All computing happens on one thread that the engine owns; everything reaches it as a command in a bounded queue,
 * and callbacks come from it: they must not block.
 *
 * <p><em>Thread-safety:</em> every method may be called from any thread.
 */
public interface Engine extends AutoCloseable {
    /** The model that is loaded. */
    ModelInfo model();

    /** Layout of the KV rows that {@link Sequence#exportRows} writes and {@link Sequence#importRows} reads. */
    KvLayout kvLayout();

    /** The tokenizer and chat template of the model. */
    Tokenizer tokenizer();

    /** The limits in force. */
    EngineLimits limits();

    /** A snapshot of counters and gauges. */
    EngineStats stats();

    /**
     * Opens an empty sequence with {@code cells} KV cells set aside for it. Completes exceptionally with a
     * {@link io.baton.error.BatonException}: {@code KV_FULL} if the cells or sequence ids are not there now,
     * {@code CONTEXT_LENGTH_EXCEEDED} if they never will be, {@code QUEUE_FULL} if the command queue is full,
     * {@code ENGINE_FAILED} after the engine has failed or closed.
     *
     * @param cells tokens that the sequence may come to hold, at least 1
     */
    CompletableFuture<Sequence> open(int cells);

    /** Why the engine can compute no more; null while it can. A failed engine refuses everything. */
    @org.jspecify.annotations.Nullable
    Throwable failure();

    /** Fails all sequences, frees everything and waits until the engine thread has ended. Idempotent. */
    @Override
    void close();
}
