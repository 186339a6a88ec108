package io.baton.engine;

import java.lang.foreign.MemorySegment;
import java.util.concurrent.CompletableFuture;

/**
 * A sequence in an engine's KV cache. Its tokens have the positions 0 … {@link #length()}−1.
 *
 * <p>Commands of one sequence take effect in the order in which they were given. Futures complete, and listeners are
 * called, on the engine thread. Errors are {@link io.baton.error.BatonException}s.
 *
 * <p><em>Thread-safety:</em> every method may be called from any thread.
 */
public interface Sequence extends AutoCloseable {
    /** Cells set aside for the sequence. */
    int cells();

    /** Tokens whose KV rows are in the cache, as last published by the engine thread. */
    int length();

    /**
     * Puts KV rows of the positions [begin, end) into the cache. {@code begin} must be the end of what is there (blocks
     * land in order), {@code end} at most {@link #cells()}. Takes at most the engine's import budget between two steps.
     * The rows must stay valid until the future completes.
     *
     * @param rows exactly {@code kvLayout().bytes(end - begin)} bytes in the order of {@link KvLayout}
     */
    CompletableFuture<Void> importRows(int begin, int end, MemorySegment rows);

    /**
     * Writes the KV rows of the positions [begin, end) to {@code target}. They must be in the cache when the command is
     * executed. {@code target} must stay valid until the future completes.
     *
     * @param target at least {@code kvLayout().bytes(end - begin)} bytes
     */
    CompletableFuture<Void> exportRows(int begin, int end, MemorySegment target);

    /**
     * Computes the prompt tokens that are not in the cache yet, in chunks that end on block boundaries, and chooses the
     * first token. Once per sequence; what the listener is told is described there.
     */
    void prefill(PrefillWork work, PrefillListener listener);

    /** Lets a prefill continue that {@link PrefillListener#mayCompute} has paused. */
    void resume();

    /**
     * Generates: computes {@code work.history()[length()…]} (at least the last token; all others must be in the cache
     * unless the engine is to compute them, which it counts) and then token after token until the listener returns
     * false, an error occurs, the cells are used up or the sequence is closed. Once per sequence.
     */
    void decode(DecodeWork work, DecodeListener listener);

    /**
     * Stops what runs within one chunk or step, frees cells and sequence id, and completes when that has happened; no
     * listener is called after that. Idempotent, never fails.
     */
    CompletableFuture<Void> release();

    /** {@link #release()} without waiting. */
    @Override
    default void close() {
        var _ = release();
    }
}
