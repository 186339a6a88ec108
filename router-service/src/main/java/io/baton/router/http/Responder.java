package io.baton.router.http;

import io.baton.router.run.CallInfo;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.http.HttpServerResponse;
import org.jspecify.annotations.Nullable;

/**
 * Writes whole answers.
 *
 * <p><em>Thread-safety:</em> safe; each response belongs to its connection's event loop.
 */
final class Responder {
    private final String retryAfter;

    /**
     * A responder.
     *
     * @param retryAfterSeconds what Retry-After says with 429 and 503
     */
    Responder(long retryAfterSeconds) {
        this.retryAfter = Long.toString(Math.max(1, retryAfterSeconds));
    }

    /** Puts the headers that every answer to the request has. */
    static void identify(HttpServerResponse response, CallInfo call) {
        response.putHeader("X-Request-Id", call.requestId());
        String traceparent = call.traceparent();
        if (traceparent != null) {
            response.putHeader("traceparent", traceparent);
        }
    }

    void json(HttpServerResponse response, Buffer body) {
        if (!response.ended() && !response.closed()) {
            response.putHeader(HttpHeaders.CONTENT_TYPE, "application/json");
            response.end(body);
        }
    }

    void error(@Nullable HttpServerResponse response, ApiError error) {
        if (response == null || response.headWritten() || response.closed()) {
            return;
        }
        response.setStatusCode(error.status());
        if (error.status() == 401) {
            response.putHeader("WWW-Authenticate", "Bearer");
        }
        if (error.status() == 429 || error.status() == 503) {
            response.putHeader(HttpHeaders.RETRY_AFTER, retryAfter);
        }
        json(response, JsonOut.plain(json -> JsonOut.error(json, error)));
    }
}
