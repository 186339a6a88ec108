package io.baton.engine.llamacpp;

import static io.baton.engine.llamacpp.NativeValues.getInt;
import static io.baton.engine.llamacpp.NativeValues.getLong;
import static io.baton.engine.llamacpp.NativeValues.putInt;
import static io.baton.engine.llamacpp.NativeValues.putLong;
import static io.baton.engine.llamacpp.NativeValues.view;

import io.baton.engine.KvLayout;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import java.lang.foreign.MemorySegment;
import java.nio.IntBuffer;

/**
 * The state of one sequence as libllama writes and reads it.
 *
 * <pre>
 * u32 magic, i32 sequence, u32 streams (1), u32 cells
 * per cell: i32 position, u32 sequences (1), i32 sequence
 * u32 V transposed, u32 layers
 * per layer: i32 type, u64 row bytes, K rows in cell order
 * per layer: i32 type, u64 row bytes, V rows in cell order;
 *            transposed: i32 type, u32 element bytes, u32 elements, then for each element that of all cells
 * </pre>
 *
 * <p>Sizes depend on the layout and the number of cells alone, so that reading needs no search: everything but the
 * positions is checked against the layout.
 *
 * <p><em>Thread-safety:</em> stateless.
 */
final class KvBlob {
    static final int MAGIC = 0xaf143cd8;

    private static final int CELLS_AT = 16;
    private static final int CELL_WORDS = 3;
    private static final int CELL_BYTES = CELL_WORDS * Integer.BYTES;
    /** Bytes before the rows of each layer. */
    static final int PART_HEADER_BYTES = 12;

    private KvBlob() {}

    /** Bytes of the state of {@code cells} cells. */
    static long bytes(KvLayout layout, int cells) {
        return partsAt(cells) + 2L * layout.layers() * PART_HEADER_BYTES + layout.bytes(cells);
    }

    private static long partsAt(int cells) {
        return CELLS_AT + (long) CELL_BYTES * cells + 8;
    }

    /** Where the K rows of a layer begin. */
    static long keysAt(KvLayout layout, int cells, int layer) {
        long at = partsAt(cells) + PART_HEADER_BYTES;
        for (int i = 0; i < layer; i++) {
            at += PART_HEADER_BYTES + (long) layout.kRowBytes()[i] * cells;
        }
        return at;
    }

    /** Where the V rows of a layer begin. */
    static long valuesAt(KvLayout layout, int cells, int layer) {
        long at = keysAt(layout, cells, layout.layers());
        for (int i = 0; i < layer; i++) {
            at += PART_HEADER_BYTES + (long) layout.vRowBytes()[i] * cells;
        }
        return at;
    }

    /**
     * Reads the layout from a state.
     *
     * @throws BatonException {@code ENGINE_FAILED} if the state is not that of one plain cache
     */
    static KvLayout readLayout(MemorySegment blob, String fingerprint) {
        expect("magic", u32(blob, 0), MAGIC);
        expect("streams", u32(blob, 8), 1);
        int cells = u32(blob, 12);
        long at = CELLS_AT + (long) CELL_BYTES * cells;
        boolean vTrans = u32(blob, at) != 0;
        int layers = u32(blob, at + 4);
        if (layers < 1 || layers > 65_536) {
            throw unknown("it has " + layers + " layers");
        }
        at += 8;
        int[] kRowBytes = new int[layers];
        int[] vRowBytes = new int[layers];
        int kType = u32(blob, at);
        for (int i = 0; i < layers; i++) {
            expect("K type of layer " + i, u32(blob, at), kType);
            kRowBytes[i] = Math.toIntExact(getLong(blob, at + 4));
            at += PART_HEADER_BYTES + (long) kRowBytes[i] * cells;
        }
        int vType = u32(blob, at);
        for (int i = 0; i < layers; i++) {
            expect("V type of layer " + i, u32(blob, at), vType);
            vRowBytes[i] = vTrans
                    ? Math.multiplyExact(u32(blob, at + 4), u32(blob, at + 8))
                    : Math.toIntExact(getLong(blob, at + 4));
            at += PART_HEADER_BYTES + (long) vRowBytes[i] * cells;
        }
        if (at != blob.byteSize()) {
            throw unknown("it has " + (blob.byteSize() - at) + " bytes beyond its one plain cache");
        }
        return new KvLayout(fingerprint, kType, vType, kRowBytes, vRowBytes, vTrans);
    }

    /**
     * Reads the positions of a state's cells, in cell order, and checks everything else.
     *
     * @throws BatonException {@code ENGINE_FAILED} if the state is not that of {@code cells} cells in this layout
     */
    static int[] readPositions(MemorySegment blob, KvLayout layout, int cells) {
        expect("magic", u32(blob, 0), MAGIC);
        expect("streams", u32(blob, 8), 1);
        expect("cells", u32(blob, 12), cells);
        long at = CELLS_AT + (long) CELL_BYTES * cells;
        expect("V transposed", u32(blob, at), layout.vTrans() ? 1 : 0);
        int[] positions = new int[cells];
        IntBuffer words = cellWords(blob, cells);
        for (int i = 0; i < cells; i++) {
            positions[i] = words.get(CELL_WORDS * i);
            expect("sequences of a cell", words.get(CELL_WORDS * i + 1), 1);
        }
        expect("layers", u32(blob, at + 4), layout.layers());
        for (int i = 0; i < layout.layers(); i++) {
            long keys = keysAt(layout, cells, i) - PART_HEADER_BYTES;
            expect("K type", u32(blob, keys), layout.kType());
            expect("K row bytes", u32(blob, keys + 4), layout.kRowBytes()[i]);
            long values = valuesAt(layout, cells, i) - PART_HEADER_BYTES;
            expect("V type", u32(blob, values), layout.vType());
            int row = layout.vTrans() ? u32(blob, values + 4) * u32(blob, values + 8) : u32(blob, values + 4);
            expect("V row bytes", row, layout.vRowBytes()[i]);
        }
        return positions;
    }

    /** Writes everything but the rows for the positions [begin, end). */
    static void writeHeaders(MemorySegment blob, KvLayout layout, int sequence, int begin, int end) {
        int cells = end - begin;
        put(blob, 0, MAGIC);
        put(blob, 4, sequence);
        put(blob, 8, 1);
        put(blob, 12, cells);
        IntBuffer words = cellWords(blob, cells);
        for (int i = 0; i < cells; i++) {
            words.put(CELL_WORDS * i, begin + i);
            words.put(CELL_WORDS * i + 1, 1);
            words.put(CELL_WORDS * i + 2, sequence);
        }
        long at = CELLS_AT + (long) CELL_BYTES * cells;
        put(blob, at, layout.vTrans() ? 1 : 0);
        put(blob, at + 4, layout.layers());
        for (int i = 0; i < layout.layers(); i++) {
            long keys = keysAt(layout, cells, i) - PART_HEADER_BYTES;
            put(blob, keys, layout.kType());
            putLong(blob, keys + 4, layout.kRowBytes()[i]);
            long values = valuesAt(layout, cells, i) - PART_HEADER_BYTES;
            put(blob, values, layout.vType());
            if (layout.vTrans()) {
                int element = KvType.of(layout.vType()).blockBytes();
                put(blob, values + 4, element);
                put(blob, values + 8, layout.vRowBytes()[i] / element);
            } else {
                putLong(blob, values + 4, layout.vRowBytes()[i]);
            }
        }
    }

    private static IntBuffer cellWords(MemorySegment blob, int cells) {
        return view(blob, CELLS_AT, Math.multiplyExact(CELL_BYTES, cells)).asIntBuffer();
    }

    private static int u32(MemorySegment blob, long at) {
        if (at < 0 || at + 4 > blob.byteSize()) {
            throw unknown("it ends at byte " + blob.byteSize() + " where byte " + at + " was expected");
        }
        return getInt(blob, at);
    }

    private static void put(MemorySegment blob, long at, int value) {
        putInt(blob, at, value);
    }

    private static void expect(String field, int found, int wanted) {
        if (found != wanted) {
            throw unknown(field + " is " + found + " where " + wanted + " was expected");
        }
    }

    private static BatonException unknown(String reason) {
        return new BatonException(
                ErrorCode.ENGINE_FAILED, "the state that libllama gave for a sequence is not as expected: " + reason);
    }
}
