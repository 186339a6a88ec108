package io.baton.kv.transfer;

import io.grpc.Drainable;
import io.grpc.KnownLength;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Objects;

/**
 * One frame of rows as gRPC takes it. Of the protobuf message only the tag, the length and a token are written; gRPC is
 * told the length of the whole, and {@link RowFrameSender} puts the rows where the token is when the frame leaves.
 *
 * <p><em>Thread-safety:</em> none.
 */
final class RowFrameStream extends InputStream implements Drainable, KnownLength {
    private final byte[] written;
    private final int length;
    private int position;

    /**
     * A frame of {@code rowBytes} bytes of rows.
     *
     * @param token what the sender knows the rows by
     */
    RowFrameStream(long rowBytes, long token) {
        this(rowBytes, ByteBuffer.allocate(Long.BYTES).putLong(0, token));
    }

    /** A frame that has its rows with it. */
    RowFrameStream(MemorySegment rows) {
        this(rows.byteSize(), rows.asByteBuffer());
    }

    private RowFrameStream(long rowBytes, ByteBuffer after) {
        byte[] header = header(rowBytes);
        this.written = ByteBuffer.allocate(header.length + after.remaining())
                .put(header)
                .put(after)
                .array();
        this.length = Math.toIntExact(header.length + rowBytes);
    }

    /** What precedes the rows: tag and length. */
    static byte[] header(long rowBytes) {
        byte[] bytes = new byte[RowFrames.MAX_HEADER];
        int n = 0;
        bytes[n++] = RowFrames.TAG;
        int rest = Math.toIntExact(rowBytes);
        while ((rest & ~0x7f) != 0) {
            bytes[n++] = (byte) (rest | 0x80);
            rest >>>= 7;
        }
        bytes[n++] = (byte) rest;
        return Arrays.copyOf(bytes, n);
    }

    /** Writes tag, length and token, but says that the rows were written as well. */
    @Override
    public int drainTo(OutputStream target) throws IOException {
        target.write(written, position, written.length - position);
        position = written.length;
        return length;
    }

    @Override
    public int available() {
        return length;
    }

    @Override
    public int read() {
        return position < written.length ? written[position++] & 0xff : -1;
    }

    @Override
    public int read(byte[] target, int offset, int count) {
        Objects.checkFromIndexSize(offset, count, target.length);
        int n = Math.min(count, written.length - position);
        if (n == 0 && count > 0) {
            return -1;
        }
        System.arraycopy(written, position, target, offset, n);
        position += n;
        return n;
    }
}
