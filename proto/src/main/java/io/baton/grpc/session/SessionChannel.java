package io.baton.grpc.session;

import io.baton.grpc.AliasingMarshaller;
import io.baton.worker.v1.LegServiceGrpc;
import io.baton.worker.v1.RouterFrame;
import io.baton.worker.v1.SessionRequest;
import io.baton.worker.v1.SessionResponse;
import io.baton.worker.v1.WorkerFrame;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import io.netty.util.collection.LongObjectHashMap;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * A channel whose calls travel in a session on another channel. The session is opened with the first call, and again with the
 * first call after it has ended; its end ends its calls with its status.
 *
 * <p>Callbacks of a call run where those of the session's channel run, and {@code onClose} after {@link ClientCall#cancel} in the
 * thread that cancels. Messages come whether they were requested or not. Executor and deadline of {@link CallOptions} have no
 * effect, so a blocking stub would wait for ever.
 *
 * <p><em>Thread-safety:</em> safe; a single call is used as gRPC says.
 */
public final class SessionChannel extends Channel {
    private static final MethodDescriptor<SessionRequest, SessionResponse> SESSION =
            AliasingMarshaller.ofResponses(LegServiceGrpc.getSessionMethod(), SessionResponse.getDefaultInstance());

    private final Channel channel;
    private final int maxMessage;
    private final ReentrantLock lock = new ReentrantLock();
    private @Nullable Session session;
    private long lastLeg;

    /**
     * A channel without a session yet.
     *
     * @param channel that carries the session
     * @param maxMessage most bytes of a message that a call takes
     */
    public SessionChannel(Channel channel, int maxMessage) {
        this.channel = channel;
        this.maxMessage = maxMessage;
    }

    @Override
    public <Q, R> ClientCall<Q, R> newCall(MethodDescriptor<Q, R> method, CallOptions options) {
        return new LegCall<>(this, method, maxMessage);
    }

    @Override
    public String authority() {
        return channel.authority();
    }

    /** Has a call take part in the session, which is opened if there is none. */
    void join(LegCall<?, ?> call) {
        lock.lock();
        try {
            Session now = session;
            if (now == null || now.ended != null) {
                now = new Session();
                session = now;
                now.open();
            }
            call.joined(now, ++lastLeg);
            now.legs.put(lastLeg, call);
        } finally {
            lock.unlock();
        }
    }

    /** One call of Session. */
    final class Session extends ClientCall.Listener<SessionResponse> {
        private final ClientCall<SessionRequest, SessionResponse> call = channel.newCall(
                SESSION,
                CallOptions.DEFAULT.withMaxInboundMessageSize(Math.max(maxMessage, SessionService.TRANSPORT_BYTES)));
        /** Guarded by the lock. */
        private final LongObjectHashMap<LegCall<?, ?>> legs = new LongObjectHashMap<>();

        private volatile @Nullable Status ended;

        private void open() {
            call.start(this, new Metadata());
            // One ahead, so that the next message is read while this one is dealt with.
            call.request(2);
        }

        /** Says it in its turn; nothing once the session has ended. */
        void send(RouterFrame frame) {
            SessionRequest request =
                    SessionRequest.newBuilder().addFrames(frame).build();
            lock.lock();
            try {
                if (ended == null) {
                    call.sendMessage(request);
                }
            } finally {
                lock.unlock();
            }
        }

        boolean isReady() {
            return ended == null && call.isReady();
        }

        /** How it ended; null while it has not. */
        @Nullable
        Status ended() {
            return ended;
        }

        void leave(long leg) {
            lock.lock();
            try {
                legs.remove(leg);
            } finally {
                lock.unlock();
            }
        }

        @Override
        public void onMessage(SessionResponse message) {
            List<WorkerFrame> frames = message.getFramesList();
            @Nullable LegCall<?, ?>[] to = new LegCall<?, ?>[frames.size()];
            lock.lock();
            try {
                for (int i = 0; i < to.length; i++) {
                    to[i] = legs.get(frames.get(i).getLeg());
                }
            } finally {
                lock.unlock();
            }
            for (int i = 0; i < to.length; i++) {
                LegCall<?, ?> leg = to[i];
                if (leg != null) {
                    leg.heard(frames.get(i));
                }
            }
            call.request(1);
        }

        @Override
        public void onReady() {
            for (LegCall<?, ?> leg : all()) {
                leg.ready();
            }
        }

        @Override
        public void onClose(Status status, Metadata trailers) {
            // Nobody here ends a session but with its connection, so the worker goes away.
            boolean left = status.isOk() || status.getCode() == Status.Code.CANCELLED;
            Status why = left ? Status.UNAVAILABLE.withDescription("the worker ended the session") : status;
            List<LegCall<?, ?>> open;
            lock.lock();
            try {
                ended = why;
                open = List.copyOf(legs.values());
                legs.clear();
            } finally {
                lock.unlock();
            }
            open.forEach(leg -> leg.end(why, trailers));
        }

        private List<LegCall<?, ?>> all() {
            lock.lock();
            try {
                return new ArrayList<>(legs.values());
            } finally {
                lock.unlock();
            }
        }
    }
}
