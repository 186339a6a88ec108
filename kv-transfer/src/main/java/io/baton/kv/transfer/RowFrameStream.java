package io.baton.kv.transfer;

import io.grpc.Drainable;
import io.grpc.KnownLength;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Objects;

/**
 * One frame of rows as gRPC takes it: a protobuf tag and length, then the rows. gRPC copies it within
 * {@code sendMessage}, so the rows need not be valid any longer than that call.
 *
 * <p><em>Thread-safety:</em> none.
 */
final class RowFrameStream extends InputStream implements Drainable, KnownLength {
    /** gRPC's output takes arrays only; rows go through one that stays in the cache, once per thread. */
    private static final int CHUNK = 64 << 10;

    private static final ThreadLocal<byte[]> SCRATCH = ThreadLocal.withInitial(() -> new byte[CHUNK]);

    private final MemorySegment rows;
    private final byte[] header;
    private long position;

    RowFrameStream(MemorySegment rows) {
        this.rows = rows;
        this.header = header(Math.toIntExact(rows.byteSize()));
    }

    private static byte[] header(int length) {
        byte[] bytes = new byte[RowFrames.MAX_HEADER];
        int n = 0;
        bytes[n++] = RowFrames.TAG;
        int rest = length;
        while ((rest & ~0x7f) != 0) {
            bytes[n++] = (byte) (rest | 0x80);
            rest >>>= 7;
        }
        bytes[n++] = (byte) rest;
        return java.util.Arrays.copyOf(bytes, n);
    }

    @Override
    public int drainTo(OutputStream target) throws IOException {
        int drained = available();
        byte[] chunk = SCRATCH.get();
        for (int n = read(chunk, 0, CHUNK); n > 0; n = read(chunk, 0, CHUNK)) {
            target.write(chunk, 0, n);
        }
        return drained;
    }

    @Override
    public int available() {
        return (int) (header.length + rows.byteSize() - position);
    }

    @Override
    public int read() {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    @Override
    public int read(byte[] target, int offset, int length) {
        Objects.checkFromIndexSize(offset, length, target.length);
        int n = Math.min(length, available());
        if (n == 0) {
            return length == 0 ? 0 : -1;
        }
        int fromHeader = (int) Math.max(0, Math.min(n, header.length - position));
        if (fromHeader > 0) {
            System.arraycopy(header, (int) position, target, offset, fromHeader);
        }
        int fromRows = n - fromHeader;
        if (fromRows > 0) {
            long at = position + fromHeader - header.length;
            MemorySegment.copy(rows, ValueLayout.JAVA_BYTE, at, target, offset + fromHeader, fromRows);
        }
        position += n;
        return n;
    }
}
