package io.baton.engine.vllm;

import java.io.IOException;
import java.net.http.HttpResponse.BodySubscriber;
import java.net.http.HttpTimeoutException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Flow.Subscription;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * The body of an answer, read piece by piece with a limit on silence. At most one piece waits: a reader that stops makes the
 * connection's own flow control stop the server.
 *
 * <p><em>Thread-safety:</em> one thread reads; {@link #close} may be called from any. Closing before the end closes the
 * connection, which is how a server hears that nobody wants the rest.
 */
final class Body implements BodySubscriber<Body>, AutoCloseable {
    private sealed interface Piece {
        record Bytes(List<ByteBuffer> buffers) implements Piece {}

        record End() implements Piece {}

        record Failure(Throwable cause) implements Piece {}
    }

    private final CompletableFuture<Body> self = CompletableFuture.completedFuture(this);
    // Bounded by the subscription: a piece is asked for when the one before was read.
    private final LinkedBlockingQueue<Piece> pieces = new LinkedBlockingQueue<>();
    private volatile @Nullable Subscription subscription;
    private volatile boolean closed;

    @Override
    public CompletionStage<Body> getBody() {
        return self;
    }

    @Override
    public void onSubscribe(Subscription s) {
        subscription = s;
        if (closed) {
            s.cancel();
        } else {
            s.request(1);
        }
    }

    @Override
    public void onNext(List<ByteBuffer> buffers) {
        pieces.add(new Piece.Bytes(buffers));
    }

    @Override
    public void onError(Throwable cause) {
        pieces.add(new Piece.Failure(cause));
    }

    @Override
    public void onComplete() {
        pieces.add(new Piece.End());
    }

    /**
     * The next buffers; null at the end.
     *
     * @throws HttpTimeoutException if nothing comes for {@code patience}
     * @throws IOException if the connection broke
     */
    @Nullable
    List<ByteBuffer> next(Duration patience) throws IOException, InterruptedException {
        Piece piece = pieces.poll(patience.toNanos(), TimeUnit.NANOSECONDS);
        return switch (piece) {
            case null -> throw new HttpTimeoutException("nothing came for " + patience.toMillis() + " ms");
            case Piece.Bytes(List<ByteBuffer> buffers) -> {
                Subscription s = subscription;
                if (s != null) {
                    s.request(1);
                }
                yield buffers;
            }
            case Piece.End _ -> null;
            case Piece.Failure(Throwable cause) -> throw new IOException(String.valueOf(cause.getMessage()), cause);
        };
    }

    @Override
    public void close() {
        closed = true;
        Subscription s = subscription;
        if (s != null) {
            s.cancel();
        }
    }
}
