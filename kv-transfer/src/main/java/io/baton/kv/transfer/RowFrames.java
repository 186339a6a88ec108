package io.baton.kv.transfer;

import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.kv.v1.KvTransferServiceGrpc;
import io.baton.kv.v1.PullRequest;
import io.grpc.HasByteBuffer;
import io.grpc.MethodDescriptor;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;

/**
 * Frames of rows on the wire. Each is a valid protobuf {@code PullResponse} (tag of field 1, length, rows) that is
 * written from and read into native memory without a protobuf object between.
 *
 * <p><em>Thread-safety:</em> stateless.
 */
final class RowFrames {
    /** Tag of {@code PullResponse.rows}: field 1, wire type 2. */
    static final int TAG = 0x0a;
    /** Most bytes before the rows: the tag and a varint of 32 bits. */
    static final int MAX_HEADER = 6;

    /**
     * {@code Pull} with frames as streams: the holder gives gRPC a {@link RowFrameStream}, the receiver consumes what it
     * is given within {@code onMessage}.
     */
    static final MethodDescriptor<PullRequest, InputStream> METHOD = KvTransferServiceGrpc.getPullMethod().toBuilder(
                    KvTransferServiceGrpc.getPullMethod().getRequestMarshaller(), new StreamMarshaller())
            .build();

    private RowFrames() {}

    /**
     * Reads one frame into {@code target} from {@code at} on.
     *
     * @return bytes of rows read, at least 1
     * @throws BatonException {@code BLOCK_CORRUPT} if they would not fit, {@code PROTOCOL_VIOLATION} if it is no frame
     */
    static int read(InputStream in, MemorySegment target, long at) {
        try {
            int tag = in.read();
            long length = tag == TAG ? varint(in) : -1;
            // available() is exact: a gRPC message has arrived whole before it is delivered.
            if (length < 1 || length != in.available()) {
                throw new BatonException(
                        ErrorCode.PROTOCOL_VIOLATION,
                        "the holder sent something other than a frame of rows; do both sides run the same version?");
            }
            if (length > target.byteSize() - at) {
                throw new BatonException(
                        ErrorCode.BLOCK_CORRUPT,
                        "the holder sent more than the " + target.byteSize() + " bytes that it had described");
            }
            copy(in, target.asSlice(at, length));
            return (int) length;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static long varint(InputStream in) throws IOException {
        long value = 0;
        for (int shift = 0; shift < 35; shift += 7) {
            int b = in.read();
            if (b < 0) {
                return -1;
            }
            value |= (b & 0x7fL) << shift;
            if ((b & 0x80) == 0) {
                return value;
            }
        }
        return -1;
    }

    private static void copy(InputStream in, MemorySegment target) throws IOException {
        long at = 0;
        if (in instanceof HasByteBuffer buffers && buffers.byteBufferSupported()) {
            while (at < target.byteSize()) {
                ByteBuffer piece = buffers.getByteBuffer();
                if (piece == null || !piece.hasRemaining()) {
                    break;
                }
                long n = Math.min(piece.remaining(), target.byteSize() - at);
                MemorySegment.copy(MemorySegment.ofBuffer(piece), 0, target, at, n);
                in.skipNBytes(n);
                at += n;
            }
        }
        if (at < target.byteSize()) {
            byte[] rest = in.readNBytes((int) (target.byteSize() - at));
            if (rest.length != target.byteSize() - at) {
                throw new BatonException(ErrorCode.PROTOCOL_VIOLATION, "a frame of rows is shorter than its length");
            }
            MemorySegment.copy(rest, 0, target, ValueLayout.JAVA_BYTE, at, rest.length);
        }
    }

    private static final class StreamMarshaller implements MethodDescriptor.Marshaller<InputStream> {
        @Override
        public InputStream stream(InputStream value) {
            return value;
        }

        @Override
        public InputStream parse(InputStream stream) {
            return stream;
        }
    }
}
