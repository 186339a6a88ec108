package io.baton.grpc.session;

import com.google.protobuf.ByteString;
import com.google.protobuf.CodedOutputStream;
import com.google.protobuf.MessageLite;
import com.google.protobuf.UnsafeByteOperations;
import io.baton.grpc.AliasingMarshaller;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;

/**
 * Bytes of a message that do not copy what is large in it: a field of many bytes becomes a view.
 *
 * <p>It relies on what {@link CodedOutputStream} does over a stream: what is longer than its buffer it passes on as it got it,
 * which is the array of an immutable {@link ByteString}, and everything else comes from its buffer.
 *
 * <p><em>Thread-safety:</em> none; for one message.
 */
final class RopeOutput extends OutputStream {
    private static final int BUFFER = 4096;

    private ByteString written = ByteString.EMPTY;

    private RopeOutput() {}

    /** The bytes of a message. */
    static ByteString bytes(MessageLite message) {
        if (message.getSerializedSize() <= AliasingMarshaller.LARGE) {
            return message.toByteString();
        }
        RopeOutput rope = new RopeOutput();
        CodedOutputStream out = CodedOutputStream.newInstance(rope, BUFFER);
        try {
            message.writeTo(out);
            out.flush();
        } catch (IOException e) {
            throw new UncheckedIOException("writing to memory failed", e);
        }
        return rope.written;
    }

    @Override
    public void write(int b) {
        write(new byte[] {(byte) b}, 0, 1);
    }

    @Override
    public void write(byte[] bytes, int offset, int length) {
        written = written.concat(
                length > BUFFER
                        ? UnsafeByteOperations.unsafeWrap(bytes, offset, length)
                        : ByteString.copyFrom(bytes, offset, length));
    }
}
