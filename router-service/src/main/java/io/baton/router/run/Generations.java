package io.baton.router.run;

import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.router.life.Generation;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;

/**
 * All generations that run: admits them up to a limit, and none while the router drains.
 *
 * <p><em>Thread-safety:</em> safe.
 */
public final class Generations {
    private final RunEnvironment env;
    private final int limit;
    private final Semaphore free;
    private final Set<RequestRun> running = ConcurrentHashMap.newKeySet();
    private volatile boolean draining;

    /** No generations yet. */
    public Generations(RunEnvironment env) {
        this.env = env;
        this.limit = env.settings().maxRequests();
        this.free = new Semaphore(limit);
    }

    /**
     * Admits so many generations at once, or none of them. Each must be given to {@link #create}, or back.
     *
     * @throws BatonException QUEUE_FULL beyond the limit; DRAINING while the router stops
     */
    public void admit(int count) {
        if (draining) {
            throw new BatonException(ErrorCode.DRAINING, "the router is stopping; retry at another replica");
        }
        if (!free.tryAcquire(count)) {
            throw new BatonException(
                    ErrorCode.QUEUE_FULL,
                    "the router has " + inFlight() + " of at most " + limit + " generations in flight; retry later");
        }
    }

    /** Gives back what was admitted and not created. */
    public void giveBack(int count) {
        free.release(count);
    }

    /** A generation that was admitted; {@link RequestRun#start} starts it. */
    public RequestRun create(
            Generation generation,
            CallInfo call,
            long arrivedNanos,
            Duration timeout,
            ClientSink sink,
            Executor serial) {
        Duration most = env.settings().requestTimeout();
        Duration life = timeout.compareTo(most) < 0 ? timeout : most;
        RequestRun[] self = new RequestRun[1];
        RequestRun run = new RequestRun(
                generation, call, arrivedNanos, arrivedNanos + life.toNanos(), sink, serial, env, () -> done(self[0]));
        self[0] = run;
        running.add(run);
        return run;
    }

    private void done(RequestRun run) {
        if (running.remove(run)) {
            free.release();
        }
    }

    /** How many are admitted. */
    public int inFlight() {
        return limit - free.availablePermits();
    }

    /** Whether new requests are refused. */
    public boolean isDraining() {
        return draining;
    }

    /**
     * Admits nothing more, waits for what runs, and ends what is left after the grace. Blocks.
     *
     * @param onRefusing called once nothing more is admitted
     * @return whether everything ended by itself
     */
    public boolean drain(Duration grace, Runnable onRefusing) throws InterruptedException {
        draining = true;
        onRefusing.run();
        boolean idle = free.tryAcquire(limit, grace.toMillis(), TimeUnit.MILLISECONDS);
        if (!idle) {
            for (RequestRun run : running) {
                run.abort(new BatonException(
                        ErrorCode.DRAINING, "the router stopped before the request was over; send it again"));
            }
            // What was ended must still be told to the clients before the servers close.
            var _ = free.tryAcquire(limit, env.settings().settle().toMillis(), TimeUnit.MILLISECONDS);
        }
        return idle;
    }
}
