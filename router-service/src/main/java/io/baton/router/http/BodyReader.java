package io.baton.router.http;

import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpServerResponse;
import java.time.Duration;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Reads the body of one request up to a limit. What comes beyond it is thrown away as it arrives, so that the client can read
 * the answer; too much even for that ends the connection.
 *
 * <p><em>Thread-safety:</em> none; belongs to the connection's event loop.
 */
final class BodyReader {
    private final HttpServerRequest request;
    private final long limit;
    private final long discardLimit;
    private final Consumer<Buffer> onBody;
    private final Consumer<ApiError> onError;
    private final Buffer body = Buffer.buffer();
    private @Nullable ApiError refusal;
    private long received;
    private boolean over;

    /**
     * A reader that has not started.
     *
     * @param onBody is given the whole body
     * @param onError is told why there is none; exactly one of the two is called, unless the client leaves
     */
    BodyReader(
            HttpServerRequest request,
            long limit,
            long discardLimit,
            Consumer<Buffer> onBody,
            Consumer<ApiError> onError) {
        this.request = request;
        this.limit = limit;
        this.discardLimit = discardLimit;
        this.onBody = onBody;
        this.onError = onError;
    }

    /** Throws the body away, then answers: a client that still sends would not see it. */
    void refuse(Vertx vertx, Duration timeout, ApiError error) {
        refusal = error;
        if (request.isEnded()) {
            fail(error);
        } else {
            start(vertx, timeout);
        }
    }

    void start(Vertx vertx, Duration timeout) {
        boolean waits = "100-continue".equalsIgnoreCase(request.getHeader(HttpHeaders.EXPECT));
        if (waits && (refusal != null || declaredLength() > limit)) {
            failAndClose(problem());
            return;
        }
        long timer = vertx.setTimer(Math.max(1, timeout.toMillis()), _ -> {
            if (!over) {
                failAndClose(ApiError.http(
                        408, "request_timeout", "the body did not arrive within " + timeout.toMillis() + " ms"));
            }
        });
        request.handler(this::part);
        request.exceptionHandler(_ -> {
            over = true;
            vertx.cancelTimer(timer);
        });
        request.endHandler(_ -> {
            vertx.cancelTimer(timer);
            end();
        });
        if (waits) {
            request.response().writeContinue();
        }
        request.resume();
    }

    private long declaredLength() {
        String length = request.getHeader(HttpHeaders.CONTENT_LENGTH);
        try {
            return length == null ? 0 : Long.parseLong(length);
        } catch (NumberFormatException _) {
            // The HTTP decoder refuses such a request; here it only means that nothing is known beforehand.
            return 0;
        }
    }

    private void part(Buffer part) {
        if (over) {
            return;
        }
        received += part.length();
        if (refusal == null && received <= limit) {
            body.appendBuffer(part);
        } else if (received > discardLimit) {
            over = true;
            request.connection().close();
        }
    }

    private void end() {
        if (over) {
            return;
        }
        if (refusal != null || received > limit) {
            fail(problem());
        } else {
            over = true;
            onBody.accept(body);
        }
    }

    /** Answers before the body has ended: what still comes of it must not be taken for the next request. */
    private void failAndClose(ApiError error) {
        HttpServerResponse response = request.response();
        response.putHeader(HttpHeaders.CONNECTION, HttpHeaders.CLOSE);
        response.endHandler(_ -> request.connection().close());
        fail(error);
    }

    private void fail(ApiError error) {
        over = true;
        onError.accept(error);
    }

    private ApiError problem() {
        ApiError refused = refusal;
        if (refused != null) {
            return refused;
        }
        return ApiError.http(
                413, "request_too_large", "the body is larger than the limit of " + limit + " bytes; send less");
    }
}
