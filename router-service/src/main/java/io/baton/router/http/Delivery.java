package io.baton.router.http;

import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpServerResponse;
import io.vertx.core.http.HttpVersion;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * Sees an answer's end to the client: nothing else would ever part with one that does not read it. What a connection has
 * waiting stays within its write queue and one piece.
 *
 * <p><em>Thread-safety:</em> none; belongs to the connection's event loop.
 */
final class Delivery {
    /** Bytes handed to the connection at a time. */
    static final int PIECE = 16 << 10;

    private final HttpServerRequest request;
    private final HttpServerResponse response;
    private final Vertx vertx;
    private final long stallMillis;
    private final Runnable onCut;
    private long timer;

    /**
     * The delivery of one answer.
     *
     * @param stall how long the client may take nothing
     * @param onCut called if it is given up
     */
    Delivery(HttpServerRequest request, Vertx vertx, Duration stall, Runnable onCut) {
        this.request = request;
        this.response = request.response();
        this.vertx = vertx;
        this.stallMillis = Math.max(1, stall.toMillis());
        this.onCut = onCut;
    }

    /** Sends a whole body and ends the answer. */
    void whole(Buffer body) {
        if (body.length() <= PIECE) {
            end(response.end(body));
            return;
        }
        response.putHeader(HttpHeaders.CONTENT_LENGTH, Integer.toString(body.length()));
        response.closeHandler(_ -> vertx.cancelTimer(timer));
        response.exceptionHandler(_ -> vertx.cancelTimer(timer));
        response.drainHandler(_ -> pieces(body));
        pieces(body);
    }

    private int sent;

    private void pieces(Buffer body) {
        vertx.cancelTimer(timer);
        while (!response.writeQueueFull()) {
            int next = Math.min(body.length(), sent + PIECE);
            Buffer piece = body.slice(sent, next);
            sent = next;
            if (sent == body.length()) {
                response.drainHandler(null);
                end(response.end(piece));
                return;
            }
            response.write(piece);
        }
        watch();
    }

    /** Watches over the rest of an answer that was ended. */
    void end(Future<Void> flushed) {
        if (flushed.isComplete()) {
            return;
        }
        watch();
        flushed.onComplete(_ -> vertx.cancelTimer(timer));
    }

    private void watch() {
        timer = vertx.setTimer(stallMillis, _ -> cut());
    }

    /** Parts with the client without another word. */
    void cut() {
        onCut.run();
        if (isMultiplexed(request.version())) {
            response.reset();
        } else {
            request.connection().close();
        }
    }

    private static boolean isMultiplexed(@Nullable HttpVersion version) {
        return version == HttpVersion.HTTP_2;
    }
}
