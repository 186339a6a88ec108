package io.baton.router.run;

import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.router.fleet.InFlight;
import io.baton.router.fleet.LegHandle;
import io.baton.router.fleet.Worker;
import io.baton.router.fleet.WorkerView;
import io.baton.router.life.Event;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.stub.ClientCallStreamObserver;
import io.grpc.stub.ClientResponseObserver;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * One leg of a request: a bidirectional call to a worker.
 *
 * <p><em>Thread-safety:</em> the callbacks of gRPC come on the channel's event loop and move to the owner's serial executor;
 * everything else must be called there.
 *
 * @param <Q> messages to the worker
 * @param <R> messages from the worker
 */
final class Leg<Q, R> implements ClientResponseObserver<Q, R>, LegHandle {
    private final int number;
    private final Worker worker;
    private final RequestRun owner;
    private final Function<R, Event.OfLeg> decoder;
    private final Q cancelMessage;

    private @Nullable ClientCallStreamObserver<Q> call;
    private volatile InFlight.@Nullable Entry inFlight;
    private volatile String lost = "";
    private boolean halfClosed;
    private boolean closed;
    /** Whether what it says is heard: until it is closed, cancelled or dropped. */
    private boolean counts = true;

    private boolean givenUp;

    Leg(int number, Worker worker, RequestRun owner, Function<R, Event.OfLeg> decoder, Q cancelMessage) {
        this.number = number;
        this.worker = worker;
        this.owner = owner;
        this.decoder = decoder;
        this.cancelMessage = cancelMessage;
    }

    /** Counts as work of its worker until that one counts it itself. */
    void count(InFlight.Entry entry) {
        inFlight = entry;
    }

    private void answered() {
        InFlight.Entry entry = inFlight;
        if (entry != null) {
            inFlight = null;
            entry.answered();
        }
    }

    private void gone() {
        InFlight.Entry entry = inFlight;
        if (entry != null) {
            inFlight = null;
            entry.closed();
        }
    }

    int number() {
        return number;
    }

    Worker worker() {
        return worker;
    }

    String address() {
        return worker.view().address();
    }

    /** The worker's id, as it told it; its address until then. */
    String workerId() {
        var last = worker.view().last();
        String id = last == null ? "" : last.getIdentity().getWorkerId();
        return id.isEmpty() ? address() : id;
    }

    @Override
    public void beforeStart(ClientCallStreamObserver<Q> requestStream) {
        call = requestStream;
    }

    void send(Q message) {
        ClientCallStreamObserver<Q> c = call;
        if (c != null && !halfClosed && !closed) {
            c.onNext(message);
        }
    }

    void halfClose() {
        ClientCallStreamObserver<Q> c = call;
        if (c != null && !halfClosed && !closed) {
            halfClosed = true;
            c.onCompleted();
        }
    }

    /** Whether what it says is heard still. */
    boolean counts() {
        return counts;
    }

    /** Nothing that it says is heard from now on. */
    void countsNoMore() {
        counts = false;
    }

    /** Tells the worker to stop; a leg that can no longer be told is cut. */
    void cancel() {
        if (halfClosed) {
            cut("the request ended");
        } else {
            send(cancelMessage);
            halfClose();
        }
    }

    /** Ends a call that has nothing to do any more and that the worker has not closed: no sign that the worker is lost. */
    void giveUp(String why) {
        givenUp = true;
        cut(why);
    }

    boolean isGivenUp() {
        return givenUp;
    }

    /** Ends the call without waiting for the worker. */
    void cut(String why) {
        ClientCallStreamObserver<Q> c = call;
        if (c != null && !closed) {
            halfClosed = true;
            c.cancel(why, null);
        }
    }

    @Override
    public void workerLost(String why) {
        lost = why;
        owner.execute(() -> cut(why));
    }

    @Override
    public void onNext(R message) {
        answered();
        owner.execute(() -> owner.legSaid(this, decoder.apply(message)));
    }

    @Override
    public void onError(Throwable t) {
        gone();
        owner.execute(() -> {
            closed = true;
            owner.legClosed(this, errorOf(WorkerView.name(worker.view().role()) + " worker " + address(), lost, t));
        });
    }

    @Override
    public void onCompleted() {
        gone();
        owner.execute(() -> {
            closed = true;
            owner.legClosed(this, null);
        });
    }

    boolean isClosed() {
        return closed;
    }

    /**
     * The error of a leg that the router did not end itself.
     *
     * @param who the worker
     * @param lost why it is taken for lost; empty if it is not
     */
    static BatonException errorOf(String who, String lost, Throwable t) {
        if (!lost.isEmpty()) {
            return new BatonException(ErrorCode.WORKER_LOST, who + " " + lost + "; send the request again", t);
        }
        BatonException error = BatonException.from(t);
        Metadata trailers = Status.trailersFromThrowable(t);
        boolean typed = trailers != null && trailers.containsKey(BatonException.CODE_KEY);
        return switch (error.code()) {
            // Nobody here cancelled it, so the worker went away.
            case CANCELLED, WORKER_LOST ->
                typed && error.code() == ErrorCode.WORKER_LOST
                        ? error
                        : new BatonException(ErrorCode.WORKER_LOST, who + " was lost; send the request again", t);
            case INTERNAL ->
                typed ? error : new BatonException(ErrorCode.INTERNAL, who + " failed; its log has the cause", t);
            default -> error;
        };
    }
}
