package io.baton.worker.vllm;

import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.worker.Leg;
import io.grpc.stub.ServerCallStreamObserver;
import java.time.Duration;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A leg that asks a vLLM server, one question at a time, each on a virtual thread. The end of the leg, whatever its reason,
 * interrupts the question, which closes its connection: that is how vLLM hears that a request was given up.
 *
 * <p><em>Thread-safety:</em> as {@link Leg} says; a question runs without the lock.
 *
 * @param <Q> what the router says
 * @param <R> what the router is told
 */
public abstract class VllmLeg<Q, R> extends Leg<Q, R> {
    private static final int MAX_NAME = 128;

    private final VllmRuntime runtime;
    private @Nullable Future<?> question;
    private @Nullable ScheduledFuture<?> alarm;

    /** A leg of which nothing is known yet. */
    protected VllmLeg(VllmRuntime runtime, ServerCallStreamObserver<R> out) {
        super(runtime, out);
        this.runtime = runtime;
    }

    /** What blocks until the server has answered. */
    @FunctionalInterface
    protected interface Question {
        /** Asks, and takes the answer in. What it throws ends the leg. */
        void ask() throws InterruptedException;
    }

    /** The leg has ended: moves the state on. Under the lock, once. */
    protected abstract void ended();

    /** Asks on a thread of its own; the question before must have been answered. Under the lock. */
    protected final void ask(Question asked) {
        question = runtime.threads().submit(() -> {
            try {
                asked.ask();
            } catch (InterruptedException e) {
                // Either the leg has ended, and this does nothing, or the worker stops.
                fail(new BatonException(ErrorCode.CANCELLED, "the worker stops", e));
            } catch (RuntimeException e) {
                fail(e);
            }
        });
    }

    /** Ends the leg with {@code error} after {@code delay}, unless {@link #stopAlarm} comes first. Under the lock. */
    protected final void alarm(Duration delay, BatonException error) {
        stopAlarm();
        alarm = runtime.timer().schedule(() -> fail(error), delay.toNanos(), TimeUnit.NANOSECONDS);
    }

    /** Under the lock. */
    protected final void stopAlarm() {
        ScheduledFuture<?> a = alarm;
        alarm = null;
        if (a != null) {
            a.cancel(false);
        }
    }

    @Override
    protected final void onEnd() {
        stopAlarm();
        Future<?> q = question;
        question = null;
        if (q != null) {
            q.cancel(true);
        }
        ended();
    }

    @Override
    protected final void closeBlocks() {
        // The KV cache lies in vLLM, which has heard of the end by its connection.
    }

    /** X-Request-Id of this attempt, the same at both servers: vLLM's connector names the KV cache by it. */
    protected static String name(String requestId, int attempt) {
        return requestId + "-" + attempt;
    }

    /**
     * Checks what both roles are told first, and that the server works: a router that has not heard of its failure yet may
     * try another worker.
     *
     * @throws BatonException {@code INVALID_REQUEST}, {@code PROTOCOL_VIOLATION}, {@code MODEL_NOT_FOUND} or
     *     {@code WORKER_LOST}
     */
    protected final void check(String requestId, int attempt, String model) {
        if (requestId.isEmpty() || requestId.length() > MAX_NAME) {
            throw new BatonException(
                    ErrorCode.INVALID_REQUEST, "request_id must have 1 to " + MAX_NAME + " characters");
        }
        if (attempt < 1) {
            throw new BatonException(ErrorCode.PROTOCOL_VIOLATION, "attempt is " + attempt + "; attempts count from 1");
        }
        if (!model.equals(runtime.model().id())) {
            throw new BatonException(
                    ErrorCode.MODEL_NOT_FOUND,
                    "the model '" + model + "' is not served here; this worker serves '"
                            + runtime.model().id() + "'");
        }
        if (!runtime.healthy()) {
            throw new BatonException(
                    ErrorCode.WORKER_LOST, "the vLLM server beside this worker does not work now; retry elsewhere");
        }
    }
}
