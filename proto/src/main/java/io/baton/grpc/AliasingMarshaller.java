package io.baton.grpc;

import com.google.protobuf.ByteString;
import com.google.protobuf.CodedInputStream;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.MessageLite;
import com.google.protobuf.UnsafeByteOperations;
import io.grpc.KnownLength;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;

/**
 * Reads large messages with one copy: the bytes fields of a message are views of the array that it was read into. gRPC's own
 * marshaller reads into a buffer of the thread, and has to copy every field out of it.
 *
 * <p>A field that is kept keeps the whole message alive, so this is for messages that are little more than their bytes fields.
 *
 * <p><em>Thread-safety:</em> safe, as the reader is. The array belongs to the message; nothing else refers to it.
 *
 * @param usual marshals what is not read here
 * @param reader makes a message of its bytes, which it may keep
 * @param threshold a message of more bytes is read by {@code reader}
 */
public record AliasingMarshaller<T extends MessageLite>(
        MethodDescriptor.Marshaller<T> usual, Reader<T> reader, int threshold)
        implements MethodDescriptor.Marshaller<T> {
    /**
     * Bytes up to which a second copy is left to be: it costs some microseconds at most, and a small message may be kept for the
     * sake of one short field of it.
     */
    public static final int LARGE = 64 << 10;

    /** Makes a message of its bytes. */
    @FunctionalInterface
    public interface Reader<T> {
        /** The message; it may keep views of {@code bytes}. */
        T read(ByteString bytes) throws InvalidProtocolBufferException;
    }

    /**
     * A marshaller that reads large messages with one copy.
     *
     * @param usual marshals the others
     * @param prototype any message of the type
     */
    public static <T extends MessageLite> AliasingMarshaller<T> of(MethodDescriptor.Marshaller<T> usual, T prototype) {
        return new AliasingMarshaller<>(usual, bytes -> read(bytes, prototype), LARGE);
    }

    /**
     * The method as a client calls it that reads large responses with one copy.
     *
     * @param prototype any message of the response's type
     */
    public static <Q, R extends MessageLite> MethodDescriptor<Q, R> ofResponses(
            MethodDescriptor<Q, R> method, R prototype) {
        return method.toBuilder(method.getRequestMarshaller(), of(method.getResponseMarshaller(), prototype))
                .build();
    }

    /** Reads a message by its generated parser; its bytes fields are views of {@code bytes}. */
    @SuppressWarnings("unchecked") // A message's parser makes messages of its own type.
    public static <T extends MessageLite> T read(ByteString bytes, T prototype) throws InvalidProtocolBufferException {
        CodedInputStream in = bytes.newCodedInput();
        in.enableAliasing(true);
        T message = (T) prototype.getParserForType().parseFrom(in);
        in.checkLastTagWas(0);
        return message;
    }

    /** What gRPC says of bytes that are no message of their kind. */
    public static StatusRuntimeException invalid(InvalidProtocolBufferException e) {
        return Status.INTERNAL
                .withDescription("Invalid protobuf byte sequence")
                .withCause(e)
                .asRuntimeException();
    }

    @Override
    public InputStream stream(T value) {
        return usual.stream(value);
    }

    @Override
    public T parse(InputStream stream) {
        try {
            // A compressed message shows its size only when it has been read.
            int size = stream instanceof KnownLength ? stream.available() : 0;
            if (size <= threshold) {
                return usual.parse(stream);
            }
            byte[] bytes = new byte[size];
            int read = stream.readNBytes(bytes, 0, size);
            if (read < size) {
                throw new IllegalStateException("a message of " + size + " bytes ended after " + read);
            }
            return reader.read(UnsafeByteOperations.unsafeWrap(bytes));
        } catch (InvalidProtocolBufferException e) {
            throw invalid(e);
        } catch (IOException e) {
            throw new UncheckedIOException("a message in memory has no length", e);
        }
    }
}
