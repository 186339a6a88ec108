package io.baton.engine.llamacpp;

/** Element type of the KV cache. */
public enum KvType {
    /** 32-bit floats. */
    F32(0, 1, 4),
    /** 16-bit floats. */
    F16(1, 1, 2),
    /** Blocks of 32 signed bytes with one 16-bit scale. */
    Q8_0(8, 32, 34);

    private final int ggmlType;
    private final int blockElements;
    private final int blockBytes;

    KvType(int ggmlType, int blockElements, int blockBytes) {
        this.ggmlType = ggmlType;
        this.blockElements = blockElements;
        this.blockBytes = blockBytes;
    }

    /** Number of the type in {@code enum ggml_type}. */
    public int ggmlType() {
        return ggmlType;
    }

    /** Elements of one block; a head must be a multiple of it. */
    public int blockElements() {
        return blockElements;
    }

    /** Bytes of one block. */
    public int blockBytes() {
        return blockBytes;
    }

    /** Whether elements come in blocks with a common scale. */
    public boolean quantised() {
        return blockElements > 1;
    }

    /** The type of a number of {@code enum ggml_type}. */
    static KvType of(int ggmlType) {
        for (KvType t : values()) {
            if (t.ggmlType == ggmlType) {
                return t;
            }
        }
        throw new IllegalArgumentException("a KV cache of ggml_type " + ggmlType + " is not supported");
    }
}
