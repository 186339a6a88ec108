package io.baton.error;

import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusException;
import io.grpc.StatusRuntimeException;
import io.netty.handler.codec.http2.Http2Exception;
import java.nio.channels.ClosedChannelException;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * A domain error. The message says what was wrong and what to do, and is meant for the client: it never carries a stack
 * trace or a prompt.
 *
 * <p><em>Thread-safety:</em> immutable.
 */
public final class BatonException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** Name of the trailer that carries {@link ErrorCode#name()}. */
    public static final String CODE_KEY_NAME = "baton-error-code";
    /** The trailer that carries {@link ErrorCode#name()}. */
    public static final Metadata.Key<String> CODE_KEY =
            Metadata.Key.of(CODE_KEY_NAME, Metadata.ASCII_STRING_MARSHALLER);

    /** Name of the trailer, and of the HTTP header, with the seconds after which the request may succeed. */
    public static final String RETRY_AFTER_NAME = "retry-after";
    /** The trailer with the seconds after which the request may succeed. */
    public static final Metadata.Key<String> RETRY_AFTER =
            Metadata.Key.of(RETRY_AFTER_NAME, Metadata.ASCII_STRING_MARSHALLER);

    private final ErrorCode code;
    /** Whole seconds; 0 if nobody knows. */
    private final long retryAfterSeconds;

    /** An error with a message for the client. */
    public BatonException(ErrorCode code, String message) {
        super(message);
        this.code = code;
        this.retryAfterSeconds = 0;
    }

    /** An error of which it is known after how long the same request is expected to succeed. */
    public BatonException(ErrorCode code, String message, Duration retryAfter) {
        super(message);
        this.code = code;
        // A part of a second counts as a whole one: who comes too early is refused again.
        this.retryAfterSeconds = Math.max(1, retryAfter.plusNanos(999_999_999).toSeconds());
    }

    /** An error with a message for the client and a cause for the log. */
    public BatonException(ErrorCode code, String message, Throwable cause) {
        super(message, cause);
        this.code = code;
        this.retryAfterSeconds = 0;
    }

    /** Which error it is. */
    public ErrorCode code() {
        return code;
    }

    /** Whole seconds after which the same request is expected to succeed; 0 if nobody knows. */
    public long retryAfterSeconds() {
        return retryAfterSeconds;
    }

    /** The error as a gRPC status, with the code in the trailers, and when to come again where that is known. */
    public StatusRuntimeException toStatus() {
        Metadata trailers = new Metadata();
        trailers.put(CODE_KEY, code.name());
        if (retryAfterSeconds > 0) {
            trailers.put(RETRY_AFTER, Long.toString(retryAfterSeconds));
        }
        return Status.fromCode(code.grpc())
                .withDescription(getMessage())
                .withCause(this)
                .asRuntimeException(trailers);
    }

    /**
     * Any throwable as a domain error: itself, what a peer sent over gRPC (by its trailer, else by its status), a broken
     * connection as {@link ErrorCode#WORKER_LOST} whatever gRPC calls it, or
     * {@link ErrorCode#INTERNAL} with a message that does not reveal the cause.
     */
    public static BatonException from(Throwable t) {
        return switch (t) {
            case BatonException e -> e;
            case StatusRuntimeException e -> fromStatus(e.getStatus(), e.getTrailers(), e);
            case StatusException e -> fromStatus(e.getStatus(), e.getTrailers(), e);
            case java.util.concurrent.CompletionException e when e.getCause() != null -> from(e.getCause());
            case java.util.concurrent.ExecutionException e when e.getCause() != null -> from(e.getCause());
            default -> new BatonException(ErrorCode.INTERNAL, "internal error; see the log of the service", t);
        };
    }

    private static BatonException fromStatus(Status status, Metadata trailers, Throwable cause) {
        String name = trailers == null ? null : trailers.get(CODE_KEY);
        String description = status.getDescription() == null ? status.getCode().name() : status.getDescription();
        for (ErrorCode c : ErrorCode.values()) {
            if (c.name().equals(name)) {
                return new BatonException(c, description, cause);
            }
        }
        ErrorCode code = switch (status.getCode()) {
            case INVALID_ARGUMENT -> ErrorCode.INVALID_REQUEST;
            case NOT_FOUND, UNIMPLEMENTED -> ErrorCode.PROTOCOL_VIOLATION;
            case OUT_OF_RANGE -> ErrorCode.CONTEXT_LENGTH_EXCEEDED;
            case RESOURCE_EXHAUSTED -> ErrorCode.QUEUE_FULL;
            case UNAVAILABLE -> ErrorCode.WORKER_LOST;
            case DEADLINE_EXCEEDED -> ErrorCode.DEADLINE_EXCEEDED;
            case CANCELLED -> ErrorCode.CANCELLED;
            case DATA_LOSS -> ErrorCode.BLOCK_CORRUPT;
            case ABORTED -> ErrorCode.PULL_FAILED;
            case UNKNOWN, INTERNAL ->
                isBrokenConnection(status.getCause()) ? ErrorCode.WORKER_LOST : ErrorCode.INTERNAL;
            default -> ErrorCode.INTERNAL;
        };
        return new BatonException(code, description, cause);
    }

    /**
     * Whether this side's own transport made the status: one from the wire has no cause. Where a write meets a connection that
     * its peer has just closed, gRPC ends every call on it with UNKNOWN, "channel closed", and not with UNAVAILABLE; where the
     * bytes on it were no HTTP/2, with INTERNAL.
     */
    private static boolean isBrokenConnection(@Nullable Throwable cause) {
        return cause instanceof ClosedChannelException
                || (cause instanceof Http2Exception e && !Http2Exception.isStreamError(e));
    }
}
