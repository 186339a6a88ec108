package io.baton.router.http;

import io.baton.router.run.CallInfo;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpServerResponse;
import java.time.Duration;

/**
 * Writes whole answers.
 *
 * <p><em>Thread-safety:</em> safe; each response belongs to its connection's event loop.
 */
final class Responder {
    private final String retryAfter;
    private final Vertx vertx;
    private final Duration stall;
    private final Runnable onCut;

    /**
     * A responder.
     *
     * @param retryAfterSeconds what Retry-After says with 429 and 503 where the error does not know better
     * @param stall how long a client may take nothing of its answer before it is cut
     * @param onCut called for each client that is cut
     */
    Responder(long retryAfterSeconds, Vertx vertx, Duration stall, Runnable onCut) {
        this.vertx = vertx;
        this.stall = stall;
        this.onCut = onCut;
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

    /** What brings an answer to its client. */
    Delivery delivery(HttpServerRequest request) {
        return new Delivery(request, vertx, stall, onCut);
    }

    void json(HttpServerRequest request, Buffer body) {
        HttpServerResponse response = request.response();
        if (!response.ended() && !response.closed()) {
            response.putHeader(HttpHeaders.CONTENT_TYPE, "application/json");
            delivery(request).whole(body);
        }
    }

    void error(HttpServerRequest request, ApiError error) {
        HttpServerResponse response = request.response();
        if (response.headWritten() || response.closed()) {
            return;
        }
        response.setStatusCode(error.status());
        if (error.status() == 401) {
            response.putHeader("WWW-Authenticate", "Bearer");
        }
        if (error.status() == 429 || error.status() == 503) {
            long known = error.retryAfterSeconds();
            response.putHeader(HttpHeaders.RETRY_AFTER, known > 0 ? Long.toString(known) : retryAfter);
        }
        json(request, JsonOut.plain(json -> JsonOut.error(json, error)));
    }
}
