package io.baton.engine.llamacpp;

import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import java.util.BitSet;

/**
 * Who holds how many KV cells and which sequence id. libllama has one pool of cells for all sequences and limits none, so
 * this is what keeps their sum within it.
 *
 * <p><em>Thread-safety:</em> safe.
 */
final class CellLedger {
    private final int cells;
    private final int sequences;
    private final int maxRequestTokens;
    private final BitSet used = new BitSet();
    private int reserved;

    CellLedger(int cells, int sequences, int maxRequestTokens) {
        this.cells = cells;
        this.sequences = sequences;
        this.maxRequestTokens = maxRequestTokens;
    }

    /**
     * Sets cells aside.
     *
     * @return the sequence id
     * @throws BatonException {@code CONTEXT_LENGTH_EXCEEDED} if they never can be, {@code KV_FULL} if not now
     */
    synchronized int reserve(int wanted) {
        if (wanted < 1) {
            throw new BatonException(
                    ErrorCode.INVALID_REQUEST,
                    "a sequence of " + wanted + " tokens was asked for; it needs at least 1");
        }
        if (wanted > maxRequestTokens || wanted > cells) {
            throw new BatonException(
                    ErrorCode.CONTEXT_LENGTH_EXCEEDED,
                    "the request needs " + wanted + " tokens, but this worker serves at most "
                            + Math.min(maxRequestTokens, cells)
                            + " per request; shorten the prompt or lower max_tokens");
        }
        int id = used.nextClearBit(0);
        if (id >= sequences) {
            throw new BatonException(
                    ErrorCode.KV_FULL, "all " + sequences + " sequences of this worker are in use; retry later");
        }
        if (wanted > cells - reserved) {
            throw new BatonException(
                    ErrorCode.KV_FULL,
                    "the request needs " + wanted + " KV cells and " + (cells - reserved) + " of " + cells
                            + " are free; retry later");
        }
        used.set(id);
        reserved += wanted;
        return id;
    }

    /** Gives cells and the sequence id back. */
    synchronized void release(int id, int count) {
        if (!used.get(id)) {
            throw new IllegalStateException("sequence id " + id + " was given back twice");
        }
        used.clear(id);
        reserved -= count;
    }

    synchronized int reservedCells() {
        return reserved;
    }

    synchronized int openSequences() {
        return used.cardinality();
    }
}
