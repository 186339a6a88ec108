package io.baton.router.run;

import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.inference.v1.GenerateRequest;
import io.baton.router.admission.Ask;
import io.baton.router.admission.Terms;
import io.baton.router.admission.Ticket;
import io.baton.router.life.Generation;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * All generations that run or wait to be admitted; none comes while the router drains.
 *
 * <p><em>Thread-safety:</em> safe.
 */
public final class Generations {
    private final RunEnvironment env;
    private final Gate gate;
    private final Set<RequestRun> running = ConcurrentHashMap.newKeySet();
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition idle = lock.newCondition();
    private int inFlight;
    private volatile boolean draining;

    /** No generations yet. */
    public Generations(RunEnvironment env) {
        this.env = env;
        this.gate = env.gate();
    }

    /**
     * All of these requests go on or wait for their turn, or none of them. Each ticket must be given to {@link #create}, or to
     * {@link #giveBack}.
     *
     * @param tenant whose they are
     * @param requests that were checked, with their model filled in
     * @param arrivedNanos {@link System#nanoTime} of their arrival
     * @throws BatonException QUEUE_FULL, RATE_LIMITED or TTFT_DEADLINE; DRAINING while the router stops
     */
    public List<Ticket> admit(String tenant, Terms terms, List<GenerateRequest> requests, long arrivedNanos) {
        if (draining) {
            throw new BatonException(ErrorCode.DRAINING, "the router is stopping; retry at another replica");
        }
        List<Ask> asks = new ArrayList<>(requests.size());
        for (GenerateRequest request : requests) {
            asks.add(ask(tenant, terms, request, arrivedNanos));
        }
        List<Ticket> tickets = gate.ask(asks);
        count(tickets.size());
        return tickets;
    }

    private Ask ask(String tenant, Terms terms, GenerateRequest request, long arrivedNanos) {
        int prompt = Scheduling.estimate(request.getPrompt());
        int wanted = request.getStop().hasMaxTokens()
                ? Math.max(1, request.getStop().getMaxTokens())
                : env.settings().limits().defaultMaxTokens();
        int output = Math.clamp(env.settings().limits().reserveCap(), 1, wanted);
        Duration ttft = terms.ttft() == null ? env.settings().ttftDeadline() : terms.ttft();
        long startBy = Ask.NO_DEADLINE;
        if (!ttft.isZero()) {
            double expected = env.scheduling().expectedFirstToken(tenant, request);
            long spent = System.nanoTime() - arrivedNanos;
            startBy = gate.now() + ttft.toNanos() - spent - (long) (expected * 1e9);
        }
        return new Ask(
                tenant,
                request.getModel(),
                terms.priority(),
                prompt,
                output,
                wanted == 1 ? 0 : env.scheduling().cells(request.getModel(), prompt + output),
                request.getSerializedSize(),
                startBy);
    }

    private void count(int change) {
        lock.lock();
        try {
            inFlight += change;
            if (inFlight == 0) {
                idle.signalAll();
            }
        } finally {
            lock.unlock();
        }
    }

    /** Gives back what was admitted and not created. */
    public void giveBack(List<Ticket> tickets) {
        tickets.forEach(ticket -> gate.close(ticket, 0));
        count(-tickets.size());
    }

    /** A generation with its ticket; {@link RequestRun#start} starts it. */
    public RequestRun create(
            Generation generation,
            Ticket ticket,
            CallInfo call,
            long arrivedNanos,
            Duration timeout,
            ClientSink sink,
            Executor serial) {
        Duration most = env.settings().requestTimeout();
        Duration life = timeout.compareTo(most) < 0 ? timeout : most;
        RequestRun run = new RequestRun(
                generation,
                new Turn(ticket, gate),
                call,
                arrivedNanos,
                arrivedNanos + life.toNanos(),
                sink,
                serial,
                env,
                this::done);
        running.add(run);
        return run;
    }

    private void done(RequestRun run) {
        if (running.remove(run)) {
            count(-1);
        }
    }

    /** How many are here, running or waiting. */
    public int inFlight() {
        lock.lock();
        try {
            return inFlight;
        } finally {
            lock.unlock();
        }
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
        boolean ended = awaitIdle(grace);
        if (!ended) {
            for (RequestRun run : running) {
                run.abort(new BatonException(
                        ErrorCode.DRAINING, "the router stopped before the request was over; send it again"));
            }
            // What was ended must still be told to the clients before the servers close.
            var _ = awaitIdle(env.settings().settle());
        }
        return ended;
    }

    private boolean awaitIdle(Duration most) throws InterruptedException {
        long left = most.toNanos();
        lock.lock();
        try {
            while (inFlight > 0 && left > 0) {
                left = idle.awaitNanos(left);
            }
            return inFlight == 0;
        } finally {
            lock.unlock();
        }
    }
}
