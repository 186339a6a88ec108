package io.baton.engine;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/** What a prefill tells, on the engine thread. Methods must not block; one that throws fails the sequence only. */
public interface PrefillListener {
    /** The first chunk is about to be computed: the wait in the engine's queue is over. */
    default void onStarted() {}

    /**
     * Asked before the first token of each block is computed: whether there is room to go on. False pauses the prefill
     * until {@link Sequence#resume()}, after which it is asked again.
     */
    default boolean mayCompute(int begin, int end) {
        return true;
    }

    /**
     * Asked when the block [begin, end) is complete: where to write its rows, at least {@code kvLayout().bytes(end -
     * begin)} bytes; null to leave them where they are.
     */
    @Nullable
    MemorySegment rowsTarget(int begin, int end);

    /** The rows of the block [begin, end) are in {@code rows}. */
    void onBlock(int begin, int end, MemorySegment rows);

    /**
     * A chunk was computed, and every block that it completed was told. Comes after each chunk, after the last one before
     * {@link #onFinished}.
     */
    default void onChunk() {}

    /** The last prompt token is computed and the first token chosen. Comes before the last {@link #onBlock}. */
    void onFirstToken(SampledToken token);

    /** Everything was told; nothing follows. {@code computedTokens} counts prompt tokens that were computed here. */
    void onFinished(int computedTokens);

    /** The prefill failed; nothing follows. Never called for a sequence that was closed. */
    void onFailed(Throwable cause);
}
