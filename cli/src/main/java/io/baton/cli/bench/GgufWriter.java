package io.baton.cli.bench;

import java.io.BufferedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Writes a GGUF file, version 3: first the metadata, then the tensors' descriptions, then their data, streamed.
 *
 * <p>Format: <a href="https://github.com/ggml-org/ggml/blob/master/docs/gguf.md">GGUF</a>.
 *
 * <p><em>Thread-safety:</em> none.
 */
final class GgufWriter {
    /** {@code GGML_TYPE_F32}. */
    static final int F32 = 0;
    /** {@code GGML_TYPE_Q4_0}: blocks of 32 weights in 18 bytes, a scale in F16 and 32 nibbles. */
    static final int Q4_0 = 2;
    /** {@code GGML_TYPE_Q8_0}: blocks of 32 weights in 34 bytes, a scale in F16 and 32 signed bytes. */
    static final int Q8_0 = 8;

    private static final int ALIGNMENT = 32;
    private static final int UINT32 = 4;
    private static final int INT32 = 5;
    private static final int FLOAT32 = 6;
    private static final int STRING = 8;
    private static final int ARRAY = 9;

    private final ByteArrayOutputStream metadata = new ByteArrayOutputStream();
    private int entries;
    private final List<Tensor> tensors = new ArrayList<>();

    /** Writes the data of one tensor. */
    interface Data {
        void write(OutputStream out) throws IOException;
    }

    private record Tensor(String name, int type, long[] dimensions, long bytes, Data data) {}

    void put(String key, String value) {
        key(key, STRING);
        string(value);
    }

    void put(String key, int value) {
        key(key, UINT32);
        int32(value);
    }

    void put(String key, float value) {
        key(key, FLOAT32);
        int32(Float.floatToRawIntBits(value));
    }

    void put(String key, String[] values) {
        key(key, ARRAY);
        int32(STRING);
        int64(values.length);
        for (String value : values) {
            string(value);
        }
    }

    void put(String key, float[] values) {
        key(key, ARRAY);
        int32(FLOAT32);
        int64(values.length);
        for (float value : values) {
            int32(Float.floatToRawIntBits(value));
        }
    }

    void put(String key, int[] values) {
        key(key, ARRAY);
        int32(INT32);
        int64(values.length);
        for (int value : values) {
            int32(value);
        }
    }

    /** Adds a tensor; the first dimension is the one whose elements lie together. */
    void tensor(String name, int type, Data data, long... dimensions) {
        long elements = 1;
        for (long d : dimensions) {
            elements = Math.multiplyExact(elements, d);
        }
        long bytes = switch (type) {
            case Q4_0 -> elements / 32 * 18;
            case Q8_0 -> elements / 32 * 34;
            default -> elements * Float.BYTES;
        };
        tensors.add(new Tensor(name, type, dimensions.clone(), bytes, data));
    }

    /** Bytes of all tensors' data. */
    long dataBytes() {
        return tensors.stream().mapToLong(Tensor::bytes).sum();
    }

    /** Writes the file. */
    void write(Path file) throws IOException {
        ByteArrayOutputStream head = new ByteArrayOutputStream();
        head.writeBytes("GGUF".getBytes(StandardCharsets.US_ASCII));
        head.writeBytes(little(Integer.BYTES).putInt(3).array());
        head.writeBytes(little(Long.BYTES).putLong(tensors.size()).array());
        head.writeBytes(little(Long.BYTES).putLong(entries).array());
        metadata.writeTo(head);
        long offset = 0;
        for (Tensor t : tensors) {
            head.writeBytes(bytes(t.name()));
            head.writeBytes(little(Integer.BYTES).putInt(t.dimensions().length).array());
            for (long d : t.dimensions()) {
                head.writeBytes(little(Long.BYTES).putLong(d).array());
            }
            head.writeBytes(little(Integer.BYTES + Long.BYTES)
                    .putInt(t.type())
                    .putLong(offset)
                    .array());
            offset = aligned(offset + t.bytes());
        }
        try (OutputStream out = new BufferedOutputStream(Files.newOutputStream(file), 1 << 20)) {
            head.writeTo(out);
            pad(out, head.size());
            for (Tensor t : tensors) {
                t.data().write(out);
                pad(out, t.bytes());
            }
        }
    }

    private static void pad(OutputStream out, long written) throws IOException {
        out.write(new byte[(int) (aligned(written) - written)]);
    }

    private static long aligned(long offset) {
        return (offset + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    }

    private void key(String key, int type) {
        entries++;
        string(key);
        int32(type);
    }

    private void string(String value) {
        metadata.writeBytes(bytes(value));
    }

    private static byte[] bytes(String value) {
        byte[] utf8 = value.getBytes(StandardCharsets.UTF_8);
        return little(Long.BYTES + utf8.length).putLong(utf8.length).put(utf8).array();
    }

    private void int32(int value) {
        metadata.writeBytes(little(Integer.BYTES).putInt(value).array());
    }

    private void int64(long value) {
        metadata.writeBytes(little(Long.BYTES).putLong(value).array());
    }

    private static ByteBuffer little(int bytes) {
        return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }
}
