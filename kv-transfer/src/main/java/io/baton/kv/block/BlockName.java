package io.baton.kv.block;

import com.google.protobuf.ByteString;
import java.nio.ByteBuffer;
import java.util.HexFormat;

/**
 * Name of a KV block: 32 bytes, made by {@link BlockNames}. Blocks of the same name hold the same rows.
 *
 * <p><em>Thread-safety:</em> immutable.
 *
 * @param w0 bytes 0…7, big-endian
 * @param w1 bytes 8…15
 * @param w2 bytes 16…23
 * @param w3 bytes 24…31
 */
public record BlockName(long w0, long w1, long w2, long w3) {
    /** Bytes of a name. */
    public static final int BYTES = 32;

    /** The name with these 32 bytes. */
    public static BlockName of(byte[] bytes) {
        if (bytes.length != BYTES) {
            throw new IllegalArgumentException("a block name has " + BYTES + " bytes, not " + bytes.length);
        }
        ByteBuffer b = ByteBuffer.wrap(bytes);
        return new BlockName(b.getLong(), b.getLong(), b.getLong(), b.getLong());
    }

    /** The name with these 32 bytes. */
    public static BlockName of(ByteString bytes) {
        return of(bytes.toByteArray());
    }

    /** The 32 bytes. */
    public byte[] toBytes() {
        return ByteBuffer.allocate(BYTES)
                .putLong(w0)
                .putLong(w1)
                .putLong(w2)
                .putLong(w3)
                .array();
    }

    /** The 32 bytes, as they stand in a descriptor. */
    public ByteString toByteString() {
        return ByteString.copyFrom(toBytes());
    }

    /** Lower-case hex, 64 digits. */
    @Override
    public String toString() {
        return HexFormat.of().formatHex(toBytes());
    }
}
