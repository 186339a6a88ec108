package io.baton.grpc.session;

import com.google.common.util.concurrent.MoreExecutors;
import com.google.protobuf.ByteString;
import io.baton.worker.v1.LegEnd;
import io.baton.worker.v1.RouterFrame;
import io.baton.worker.v1.SessionRequest;
import io.baton.worker.v1.SessionResponse;
import io.baton.worker.v1.WorkerFrame;
import io.grpc.Attributes;
import io.grpc.Context;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerMethodDefinition;
import io.grpc.Status;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * One session of a server: its calls, and what they want to say.
 *
 * <p>A frame goes out at once, unless another went out just before it: then it waits for those that come with it, until the
 * sender's turn comes, which sends them all. So a message that comes alone is not delayed, and the tokens of one step of an engine
 * share a message.
 *
 * <p><em>Thread-safety:</em> safe. The lock is held while a message is given to gRPC, which does not block; no callback runs under it.
 */
final class ServedSession extends ServerCall.Listener<SessionRequest> {
    /** Frames that come sooner than this after another wait for each other. */
    private static final long BURST_NANOS = TimeUnit.MICROSECONDS.toNanos(200);

    /** Most bytes of messages that share a message, apart from a single one that is larger. */
    private static final int BATCH_BYTES = 64 << 10;

    /** What a frame is counted for beside its message. */
    private static final int FRAME_BYTES = 32;

    private final ServerCall<SessionRequest, SessionResponse> call;
    private final Map<String, ServerMethodDefinition<?, ?>> methods;
    private final Executor handlers;
    private final Executor sender;
    private final SessionService.Limits limits;
    private final Context context = Context.current();
    private final Map<Long, LegServerCall<?, ?>> legs = new ConcurrentHashMap<>();

    private final ReentrantLock lock = new ReentrantLock();
    // Guarded by the lock.
    private SessionResponse.Builder waiting = SessionResponse.newBuilder();
    private int waitingBytes;
    private boolean sending;
    private long sentNanos = System.nanoTime() - BURST_NANOS;
    private boolean over;

    ServedSession(
            ServerCall<SessionRequest, SessionResponse> call,
            Map<String, ServerMethodDefinition<?, ?>> methods,
            Executor handlers,
            Executor sender,
            SessionService.Limits limits) {
        this.call = call;
        this.methods = methods;
        this.handlers = handlers;
        this.sender = sender;
        this.limits = limits;
    }

    // ---- what the caller says

    @Override
    public void onMessage(SessionRequest message) {
        for (RouterFrame frame : message.getFramesList()) {
            heard(frame);
        }
        call.request(1);
    }

    private void heard(RouterFrame frame) {
        LegServerCall<?, ?> leg = frame.hasOpen() ? open(frame) : legs.get(frame.getLeg());
        if (leg != null) {
            leg.heard(frame);
        }
    }

    private @Nullable LegServerCall<?, ?> open(RouterFrame frame) {
        long number = frame.getLeg();
        String name = frame.getOpen().getMethod();
        ServerMethodDefinition<?, ?> method = methods.get(name);
        if (method == null) {
            refuse(number, Status.UNIMPLEMENTED.withDescription("Method not found: " + name));
            return null;
        }
        if (legs.size() >= limits.legs()) {
            refuse(
                    number,
                    Status.RESOURCE_EXHAUSTED.withDescription(
                            "the session has " + limits.legs() + " open legs, as many as one may have"));
            return null;
        }
        if (legs.containsKey(number)) {
            refuse(number, Status.INTERNAL.withDescription("leg " + number + " was opened twice"));
            return null;
        }
        return open(number, method, Headers.metadata(frame.getOpen().getHeadersList()));
    }

    private <Q, R> LegServerCall<Q, R> open(long number, ServerMethodDefinition<Q, R> method, Metadata headers) {
        LegServerCall<Q, R> leg = new LegServerCall<>(
                this,
                number,
                method.getMethodDescriptor(),
                MoreExecutors.newSequentialExecutor(handlers),
                limits.messageBytes());
        legs.put(number, leg);
        leg.start(context, method.getServerCallHandler(), headers);
        return leg;
    }

    private void refuse(long number, Status status) {
        send(WorkerFrame.newBuilder()
                .setLeg(number)
                .setEnd(Headers.end(status, null))
                .build());
    }

    /** The caller wants no more of the session: as if it had cancelled every call. */
    @Override
    public void onHalfClose() {
        lock.lock();
        try {
            if (!over) {
                over = true;
                call.close(Status.OK, new Metadata());
            }
        } finally {
            lock.unlock();
        }
        cancelAll();
    }

    @Override
    public void onCancel() {
        lock.lock();
        try {
            over = true;
        } finally {
            lock.unlock();
        }
        cancelAll();
    }

    private void cancelAll() {
        List.copyOf(legs.values()).forEach(LegServerCall::cancel);
        legs.clear();
    }

    @Override
    public void onReady() {
        legs.values().forEach(LegServerCall::ready);
    }

    // ---- what the legs say

    void message(long leg, ByteString message) {
        Pieces.split(
                message,
                (piece, more) -> send(WorkerFrame.newBuilder()
                        .setLeg(leg)
                        .setMessage(piece)
                        .setMore(more)
                        .build()));
    }

    void end(long leg, LegEnd end) {
        send(WorkerFrame.newBuilder().setLeg(leg).setEnd(end).build());
    }

    private void send(WorkerFrame frame) {
        lock.lock();
        try {
            if (over) {
                return;
            }
            int bytes = frame.getMessage().size() + FRAME_BYTES;
            if (waitingBytes > 0 && waitingBytes + bytes > BATCH_BYTES) {
                sendWaiting();
            }
            waiting.addFrames(frame);
            waitingBytes += bytes;
            if (sending) {
                return;
            }
            if (System.nanoTime() - sentNanos >= BURST_NANOS) {
                sendWaiting();
            } else {
                sending = true;
                sender.execute(this::sendBurst);
            }
        } finally {
            lock.unlock();
        }
    }

    private void sendBurst() {
        lock.lock();
        try {
            sending = false;
            if (!over) {
                sendWaiting();
            }
        } finally {
            lock.unlock();
        }
    }

    private void sendWaiting() {
        if (waiting.getFramesCount() > 0) {
            call.sendMessage(waiting.build());
            waiting = SessionResponse.newBuilder();
            waitingBytes = 0;
            sentNanos = System.nanoTime();
        }
    }

    // ---- what the legs ask

    boolean isReady() {
        return call.isReady();
    }

    void leave(long leg, LegServerCall<?, ?> what) {
        legs.remove(leg, what);
    }

    Attributes attributes() {
        return call.getAttributes();
    }

    @Nullable
    String authority() {
        return call.getAuthority();
    }
}
