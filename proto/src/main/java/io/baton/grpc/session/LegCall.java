package io.baton.grpc.session;

import com.google.protobuf.MessageLite;
import io.baton.worker.v1.LegOpen;
import io.baton.worker.v1.RouterFrame;
import io.baton.worker.v1.WorkerFrame;
import io.grpc.ClientCall;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/**
 * The caller's side of a call in a session. It is opened with its first frame.
 *
 * <p><em>Thread-safety:</em> as gRPC says of {@link ClientCall}: its methods are called one at a time, and {@link #cancel} likewise.
 *
 * @param <Q> messages of the caller
 * @param <R> messages to the caller
 */
final class LegCall<Q, R> extends ClientCall<Q, R> {
    private final SessionChannel channel;
    private final MethodDescriptor<Q, R> method;
    private final Pieces<R> pieces;
    private final AtomicBoolean ended = new AtomicBoolean();

    private volatile @Nullable Listener<R> listener;
    private volatile SessionChannel.@Nullable Session session;
    private long number;
    private @Nullable LegOpen open;

    LegCall(SessionChannel channel, MethodDescriptor<Q, R> method, int maxMessage) {
        this.channel = channel;
        this.method = method;
        this.pieces = new Pieces<>(method.getResponseMarshaller(), maxMessage);
    }

    void joined(SessionChannel.Session joined, long leg) {
        session = joined;
        number = leg;
    }

    @Override
    public void start(Listener<R> responseListener, Metadata headers) {
        listener = responseListener;
        open = LegOpen.newBuilder()
                .setMethod(method.getFullMethodName())
                .addAllHeaders(Headers.of(headers))
                .build();
        channel.join(this);
        Status over = session().ended();
        if (over != null) {
            // It could not even be opened.
            end(over, new Metadata());
        }
    }

    private SessionChannel.Session session() {
        SessionChannel.Session s = session;
        if (s == null) {
            throw new IllegalStateException("the call was not started");
        }
        return s;
    }

    private RouterFrame.Builder frame() {
        RouterFrame.Builder frame = RouterFrame.newBuilder().setLeg(number);
        LegOpen first = open;
        if (first != null) {
            open = null;
            frame.setOpen(first);
        }
        return frame;
    }

    @Override
    public void sendMessage(Q message) {
        Pieces.split(
                RopeOutput.bytes((MessageLite) message),
                (piece, more) -> send(frame().setMessage(piece).setMore(more)));
    }

    @Override
    public void halfClose() {
        send(frame().setHalfClose(true));
    }

    private void send(RouterFrame.Builder frame) {
        if (!ended.get()) {
            session().send(frame.build());
        }
    }

    @Override
    public void cancel(@Nullable String message, @Nullable Throwable cause) {
        SessionChannel.Session s = session;
        if (s != null && open == null) {
            send(RouterFrame.newBuilder().setLeg(number).setCancel(true));
        }
        Status status = Status.CANCELLED.withCause(cause);
        end(message == null ? status : status.withDescription(message), new Metadata());
    }

    @Override
    public void request(int numMessages) {
        // Messages come as they are sent.
    }

    @Override
    public boolean isReady() {
        return !ended.get() && session().isReady();
    }

    void ready() {
        Listener<R> l = listener;
        if (l != null && !ended.get()) {
            l.onReady();
        }
    }

    /** The worker says something on this leg. */
    void heard(WorkerFrame frame) {
        Listener<R> l = listener;
        if (l == null || ended.get()) {
            return;
        }
        if (frame.hasMessage()) {
            // What goes wrong here, or in the listener, is this call's alone, and not the session's.
            try {
                R message = pieces.add(frame.getMessage(), frame.getMore());
                if (message != null) {
                    l.onMessage(message);
                }
            } catch (StatusRuntimeException e) {
                broken(e.getStatus());
                return;
            } catch (RuntimeException e) {
                broken(Status.CANCELLED
                        .withDescription("Failed to read message.")
                        .withCause(e));
                return;
            }
        }
        if (frame.hasEnd()) {
            end(Headers.status(frame.getEnd()), Headers.metadata(frame.getEnd().getTrailersList()));
        }
    }

    private void broken(Status status) {
        send(RouterFrame.newBuilder().setLeg(number).setCancel(true));
        end(status, new Metadata());
    }

    /** The call is over; the first end counts. */
    void end(Status status, Metadata trailers) {
        if (!ended.compareAndSet(false, true)) {
            return;
        }
        SessionChannel.Session s = session;
        if (s != null) {
            s.leave(number);
        }
        Listener<R> l = listener;
        if (l != null) {
            l.onClose(status, trailers);
        }
    }
}
