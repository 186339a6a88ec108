package io.baton.grpc.session;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.MessageLite;
import io.baton.grpc.AliasingMarshaller;
import io.grpc.MethodDescriptor;
import io.grpc.MethodDescriptor.Marshaller;
import io.grpc.MethodDescriptor.PrototypeMarshaller;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import org.jspecify.annotations.Nullable;

/**
 * Puts the messages of one leg together from the pieces in which they come, and reads them.
 *
 * <p><em>Thread-safety:</em> none; for one direction of one leg.
 *
 * @param <T> the messages
 */
final class Pieces<T> {
    /** Most bytes of a message in one frame; so a session needs no larger messages than this and a batch together. */
    static final int MAX_BYTES = 512 << 10;

    private final MessageLite prototype;
    private final int maxBytes;
    private ByteString waiting = ByteString.EMPTY;

    /**
     * No piece came yet.
     *
     * @param marshaller of the messages; must be that of a protobuf message
     * @param maxBytes size of the largest message that is taken
     */
    Pieces(Marshaller<T> marshaller, int maxBytes) {
        this.prototype = prototype(marshaller);
        this.maxBytes = maxBytes;
    }

    private static MessageLite prototype(Marshaller<?> marshaller) {
        if (marshaller instanceof PrototypeMarshaller<?> p && p.getMessagePrototype() instanceof MessageLite message) {
            return message;
        }
        throw new IllegalArgumentException("sessions carry protobuf messages alone");
    }

    /** Whether the messages of a method can travel in a session. */
    static boolean carries(MethodDescriptor<?, ?> method) {
        return method.getRequestMarshaller() instanceof PrototypeMarshaller<?>
                && method.getResponseMarshaller() instanceof PrototypeMarshaller<?>;
    }

    /**
     * One more piece.
     *
     * @param more whether the message goes on after it
     * @return the message if it is whole, else null
     * @throws StatusRuntimeException if the message is larger than the limit, or is none of this kind
     */
    @Nullable
    T add(ByteString piece, boolean more) {
        long size = (long) waiting.size() + piece.size();
        if (size > maxBytes) {
            waiting = ByteString.EMPTY;
            throw Status.RESOURCE_EXHAUSTED
                    .withDescription("gRPC message exceeds maximum size " + maxBytes + ": " + size)
                    .asRuntimeException();
        }
        if (more) {
            waiting = waiting.concat(piece);
            return null;
        }
        ByteString whole = waiting.concat(piece);
        waiting = ByteString.EMPTY;
        return parse(whole);
    }

    @SuppressWarnings("unchecked") // The prototype is one of T.
    private T parse(ByteString bytes) {
        try {
            return bytes.size() > AliasingMarshaller.LARGE
                    ? (T) AliasingMarshaller.read(bytes, prototype)
                    : (T) prototype.getParserForType().parseFrom(bytes);
        } catch (InvalidProtocolBufferException e) {
            throw AliasingMarshaller.invalid(e);
        }
    }

    /** Takes a message apart. Calls back for each piece, with whether more follow. */
    static void split(ByteString message, PieceConsumer to) {
        int size = message.size();
        int at = 0;
        while (size - at > MAX_BYTES) {
            to.accept(message.substring(at, at + MAX_BYTES), true);
            at += MAX_BYTES;
        }
        to.accept(at == 0 ? message : message.substring(at), false);
    }

    /** Takes the pieces of a message, in order. */
    interface PieceConsumer {
        /** One piece, and whether more follow. */
        void accept(ByteString piece, boolean more);
    }
}
