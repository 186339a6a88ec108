package io.baton.engine.llamacpp;

import io.baton.engine.KvLayout;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import java.lang.foreign.MemorySegment;

/**
 * Moves KV rows between a context and memory outside, through a scratch sequence id that is empty between calls.
 *
 * <p>libllama gives rows in the order of its cells, which is that of positions only while cells were never freed; here they
 * are put into ascending position. One copy by libllama, one copy into the target; the same on the way in.
 *
 * <p><em>Thread-safety:</em> none; belongs to the thread of the context. Owns its copy buffer until closed; targets and
 * sources stay the caller's.
 */
final class KvRows implements AutoCloseable {
    private final LlamaContext context;
    private final KvLayout layout;
    /** {@code layout}'s arrays, without the copy of each access. */
    private final int[] kRowBytes;

    private final int[] vRowBytes;
    private final int scratch;
    private final int pieceTokens;
    private final NativeBuffer buffer = new NativeBuffer();

    /**
     * For one context.
     *
     * @param scratch a sequence id that nobody else uses
     * @param pieceBytes bytes of rows that are moved at once, at least one token's
     */
    KvRows(LlamaContext context, KvLayout layout, int scratch, long pieceBytes) {
        this.context = context;
        this.layout = layout;
        this.kRowBytes = layout.kRowBytes();
        this.vRowBytes = layout.vRowBytes();
        this.scratch = scratch;
        this.pieceTokens = Math.clamp(pieceBytes / Math.max(1, layout.bytesPerToken()), 1, 65_536);
    }

    /** Layout of a cache, from the state of a sequence that has rows. */
    static KvLayout layoutOf(LlamaContext context, int sequence, String fingerprint) {
        try (NativeBuffer buffer = new NativeBuffer()) {
            long size = context.stateSeqGetSize(sequence);
            MemorySegment blob = buffer.atLeast(size).asSlice(0, size);
            if (context.stateSeqGetData(blob, sequence) != size) {
                throw new BatonException(ErrorCode.ENGINE_FAILED, "libllama gave no state of a sequence");
            }
            return KvBlob.readLayout(blob, fingerprint);
        }
    }

    /** Most tokens of one piece. */
    int pieceTokens() {
        return pieceTokens;
    }

    /**
     * A block's place in memory outside.
     *
     * @param begin first position
     * @param end position after the last
     */
    record Block(int begin, int end, MemorySegment rows) {
        int tokens() {
            return end - begin;
        }
    }

    /** Writes all rows of a block, piece by piece. */
    void exportBlock(int sequence, Block target) {
        for (int p = target.begin(); p < target.end(); p += pieceTokens) {
            exportPiece(sequence, target, p, Math.min(target.end(), p + pieceTokens));
        }
    }

    /** Reads all rows of a block, piece by piece. */
    void importBlock(int sequence, Block source) {
        for (int p = source.begin(); p < source.end(); p += pieceTokens) {
            importPiece(sequence, source, p, Math.min(source.end(), p + pieceTokens));
        }
    }

    /** Writes the rows of the positions [begin, end) of a sequence to their places in a block. */
    void exportPiece(int sequence, Block target, int begin, int end) {
        int cells = end - begin;
        long size = KvBlob.bytes(layout, cells);
        MemorySegment blob = buffer.atLeast(size).asSlice(0, size);
        context.seqCp(sequence, scratch, begin, end);
        try {
            long expected = context.stateSeqGetSize(scratch);
            if (expected != size || context.stateSeqGetData(blob, scratch) != size) {
                throw new BatonException(
                        ErrorCode.ENGINE_FAILED,
                        "libllama has " + expected + " bytes of state for the positions " + begin + " to " + end
                                + " where " + size + " were expected; some are not in the cache");
            }
        } finally {
            context.seqRm(scratch, -1, -1);
        }
        int[] positions = KvBlob.readPositions(blob, layout, cells);
        checkPositions(positions, begin, end);
        for (int run = 0; run < cells; ) {
            int next = run + 1;
            while (next < cells && positions[next] == positions[next - 1] + 1) {
                next++;
            }
            copyRun(true, blob, cells, run, target, positions[run] - target.begin(), next - run);
            run = next;
        }
    }

    /** Puts the rows of the positions [begin, end) of a block into a sequence. */
    void importPiece(int sequence, Block source, int begin, int end) {
        int cells = end - begin;
        long size = KvBlob.bytes(layout, cells);
        MemorySegment blob = buffer.atLeast(size).asSlice(0, size);
        KvBlob.writeHeaders(blob, layout, scratch, begin, end);
        copyRun(false, blob, cells, 0, source, begin - source.begin(), cells);
        try {
            long read = context.stateSeqSetData(blob, scratch);
            if (read != size) {
                throw new BatonException(
                        ErrorCode.ENGINE_FAILED,
                        "libllama took " + read + " of " + size + " bytes of state for the positions " + begin + " to "
                                + end + "; its cache has no room or another layout");
            }
            if (context.seqPosMin(scratch) != begin || context.seqPosMax(scratch) != end - 1) {
                throw new BatonException(
                        ErrorCode.ENGINE_FAILED, "libllama put the positions " + begin + " to " + end + " elsewhere");
            }
            context.seqCp(scratch, sequence, -1, -1);
        } finally {
            context.seqRm(scratch, -1, -1);
        }
    }

    /** Refuses anything but each of begin … end−1 once. */
    static void checkPositions(int[] positions, int begin, int end) {
        boolean[] seen = new boolean[end - begin];
        for (int p : positions) {
            if (p < begin || p >= end || seen[p - begin]) {
                throw new BatonException(
                        ErrorCode.ENGINE_FAILED,
                        "the cache has position " + p + (p < begin || p >= end ? " outside" : " twice within") + " ["
                                + begin + ", " + end + ")");
            }
            seen[p - begin] = true;
        }
        if (positions.length != seen.length) {
            throw new BatonException(
                    ErrorCode.ENGINE_FAILED,
                    "the cache has " + positions.length + " of the positions [" + begin + ", " + end + ")");
        }
    }

    /** Copies {@code tokens} rows between cell {@code cell} of a state and row {@code row} of a block, in all layers. */
    private void copyRun(boolean out, MemorySegment blob, int cells, int cell, Block block, int row, int tokens) {
        int total = block.tokens();
        MemorySegment rows = block.rows();
        int element = layout.vTrans() ? KvType.of(layout.vType()).blockBytes() : 0;
        long keys = KvBlob.keysAt(layout, cells, 0);
        long values = KvBlob.valuesAt(layout, cells, 0);
        long at = 0;
        for (int layer = 0; layer < kRowBytes.length; layer++) {
            long k = kRowBytes[layer];
            move(out, blob, keys + k * cell, rows, at + k * row, k * tokens);
            at += k * total;
            keys += k * cells + KvBlob.PART_HEADER_BYTES;
            long v = vRowBytes[layer];
            if (element == 0) {
                move(out, blob, values + v * cell, rows, at + v * row, v * tokens);
            } else {
                int elements = (int) (v / element);
                for (int j = 0; j < elements; j++) {
                    move(
                            out,
                            blob,
                            values + ((long) j * cells + cell) * element,
                            rows,
                            at + ((long) j * total + row) * element,
                            (long) element * tokens);
                }
            }
            at += v * total;
            values += v * cells + KvBlob.PART_HEADER_BYTES;
        }
    }

    private static void move(
            boolean out, MemorySegment blob, long blobAt, MemorySegment rows, long rowsAt, long bytes) {
        if (out) {
            MemorySegment.copy(blob, blobAt, rows, rowsAt, bytes);
        } else {
            MemorySegment.copy(rows, rowsAt, blob, blobAt, bytes);
        }
    }

    @Override
    public void close() {
        buffer.close();
    }
}
