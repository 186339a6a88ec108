package io.baton.grpc.session;

import com.google.protobuf.MessageLite;
import io.baton.worker.v1.RouterFrame;
import io.grpc.Attributes;
import io.grpc.Context;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/**
 * The server's side of a call in a session.
 *
 * <p><em>Thread-safety:</em> safe; the listener is called in the serial executor alone.
 *
 * @param <Q> messages of the caller
 * @param <R> messages to the caller
 */
final class LegServerCall<Q, R> extends ServerCall<Q, R> {
    private final ServedSession session;
    private final long number;
    private final MethodDescriptor<Q, R> method;
    private final Executor serial;
    private final Pieces<Q> pieces;
    /** Whether the call is over: closed by its handler, cancelled, or broken. */
    private final AtomicBoolean over = new AtomicBoolean();

    private volatile boolean cancelled;
    /** Only in the serial executor. */
    private @Nullable Listener<Q> listener;

    LegServerCall(ServedSession session, long number, MethodDescriptor<Q, R> method, Executor serial, int maxMessage) {
        this.session = session;
        this.number = number;
        this.method = method;
        this.serial = serial;
        this.pieces = new Pieces<>(method.getRequestMarshaller(), maxMessage);
    }

    /** Has the handler take the call, in the context of the session. */
    void start(Context context, ServerCallHandler<Q, R> handler, Metadata headers) {
        tell(() -> {
            Context before = context.attach();
            try {
                Listener<Q> l = handler.startCall(this, headers);
                listener = l;
                l.onReady();
            } finally {
                context.detach(before);
            }
        });
    }

    /** Calls back; what is thrown there ends the call, as gRPC does it. */
    private void tell(Runnable callback) {
        serial.execute(() -> {
            try {
                callback.run();
            } catch (StatusRuntimeException e) {
                broken(e.getStatus());
            } catch (RuntimeException e) {
                broken(Status.UNKNOWN
                        .withDescription("Application error processing RPC")
                        .withCause(e));
                throw e;
            }
        });
    }

    private void broken(Status status) {
        if (leave()) {
            session.end(number, Headers.end(status, null));
            cancelled();
        }
    }

    private void cancelled() {
        cancelled = true;
        Listener<Q> l = listener;
        if (l != null) {
            l.onCancel();
        }
    }

    /** Whether it is over by this. */
    private boolean leave() {
        if (!over.compareAndSet(false, true)) {
            return false;
        }
        session.leave(number, this);
        return true;
    }

    // ---- what the caller says

    void heard(RouterFrame frame) {
        if (frame.getCancel()) {
            cancel();
            return;
        }
        boolean message = frame.hasMessage();
        if (message || frame.getHalfClose()) {
            tell(() -> {
                Listener<Q> l = listener;
                if (l == null || over.get()) {
                    return;
                }
                if (message) {
                    Q whole = pieces.add(frame.getMessage(), frame.getMore());
                    if (whole != null) {
                        l.onMessage(whole);
                    }
                }
                if (frame.getHalfClose()) {
                    l.onHalfClose();
                }
            });
        }
    }

    /** The caller wants it no more, or the session is gone. */
    void cancel() {
        if (leave()) {
            cancelled = true;
            tell(this::cancelled);
        }
    }

    void ready() {
        tell(() -> {
            Listener<Q> l = listener;
            if (l != null && !over.get()) {
                l.onReady();
            }
        });
    }

    // ---- what the handler does

    @Override
    public void request(int numMessages) {
        // Messages come as they are sent.
    }

    @Override
    public void sendHeaders(Metadata headers) {
        // A session has headers of its own.
    }

    @Override
    public void sendMessage(R message) {
        if (!over.get()) {
            session.message(number, RopeOutput.bytes((MessageLite) message));
        }
    }

    @Override
    public void close(Status status, Metadata trailers) {
        if (leave()) {
            session.end(number, Headers.end(status, trailers));
            tell(() -> {
                Listener<Q> l = listener;
                if (l != null) {
                    l.onComplete();
                }
            });
        }
    }

    @Override
    public boolean isCancelled() {
        return cancelled;
    }

    @Override
    public boolean isReady() {
        return !over.get() && session.isReady();
    }

    @Override
    public MethodDescriptor<Q, R> getMethodDescriptor() {
        return method;
    }

    @Override
    public Attributes getAttributes() {
        return session.attributes();
    }

    @Override
    public @Nullable String getAuthority() {
        return session.authority();
    }
}
