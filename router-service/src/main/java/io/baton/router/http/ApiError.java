package io.baton.router.http;

import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * An answer in OpenAI's error shape.
 *
 * <p><em>Thread-safety:</em> immutable but for what {@link Throwable} carries.
 */
final class ApiError extends RuntimeException {
    private static final long serialVersionUID = 1L;
    private static final String INVALID = "invalid_request_error";

    private final int status;
    private final String type;
    private final String code;
    private final @Nullable String param;
    private final long retryAfterSeconds;

    private ApiError(int status, String type, String code, @Nullable String param, String message) {
        this(status, type, code, param, message, 0);
    }

    private ApiError(
            int status, String type, String code, @Nullable String param, String message, long retryAfterSeconds) {
        super(message, null, false, false);
        this.status = status;
        this.type = type;
        this.code = code;
        this.param = param;
        this.retryAfterSeconds = retryAfterSeconds;
    }

    /** A field of the request is wrong or not supported. */
    static ApiError field(String param, String problem) {
        return new ApiError(400, INVALID, "invalid_request", param, param + ": " + problem);
    }

    /** The request is wrong in no field that could be named. */
    static ApiError invalid(String message) {
        return new ApiError(400, INVALID, "invalid_request", null, message);
    }

    /** The request is not one of HTTP that this API takes. */
    static ApiError http(int status, String code, String message) {
        return new ApiError(status, INVALID, code, null, message);
    }

    /** A domain error. */
    static ApiError of(BatonException e) {
        ErrorCode code = e.code();
        String message = e.getMessage();
        return new ApiError(
                code.http(),
                code.openAiType(),
                code.name().toLowerCase(Locale.ROOT),
                code == ErrorCode.MODEL_NOT_FOUND ? "model" : null,
                message == null ? code.name() : message,
                e.retryAfterSeconds());
    }

    /** Whole seconds after which the same request is expected to succeed; 0 if nobody knows. */
    long retryAfterSeconds() {
        return retryAfterSeconds;
    }

    int status() {
        return status;
    }

    String type() {
        return type;
    }

    String code() {
        return code;
    }

    @Nullable
    String param() {
        return param;
    }

    String message() {
        String message = getMessage();
        return message == null ? code : message;
    }
}
