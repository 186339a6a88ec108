package io.baton.kv.block;

import java.lang.foreign.MemorySegment;
import java.util.zip.CRC32C;

/**
 * CRC32C (RFC 3720) over native memory.
 *
 * <p><em>Thread-safety:</em> stateless.
 */
public final class Checksums {
    /** Largest piece that one {@link java.nio.ByteBuffer} view takes. */
    private static final long PIECE = 1L << 30;

    private Checksums() {}

    /** CRC32C over all bytes of {@code rows}. */
    public static int crc32c(MemorySegment rows) {
        var crc = new CRC32C();
        update(crc, rows);
        return (int) crc.getValue();
    }

    /** Adds all bytes of {@code rows} to {@code crc}. */
    public static void update(CRC32C crc, MemorySegment rows) {
        for (long at = 0; at < rows.byteSize(); at += PIECE) {
            crc.update(rows.asSlice(at, Math.min(PIECE, rows.byteSize() - at)).asByteBuffer());
        }
    }
}
