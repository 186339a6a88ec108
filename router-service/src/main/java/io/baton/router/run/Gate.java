package io.baton.router.run;

import io.baton.error.BatonException;
import io.baton.router.admission.Admission;
import io.baton.router.admission.AdmissionObserver;
import io.baton.router.admission.AdmissionSettings;
import io.baton.router.admission.Ask;
import io.baton.router.admission.Room;
import io.baton.router.admission.Ticket;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Admission for many threads: one lock, the clock, and a timer that looks again while requests wait. Where nobody waits a
 * request passes in the thread that brings it.
 *
 * <p><em>Thread-safety:</em> safe. Listeners are called without the lock.
 */
public final class Gate {
    /** Time between two looks while requests wait: far less than workers take to report. */
    private static final long LOOK_NANOS = TimeUnit.MILLISECONDS.toNanos(5);

    private final ReentrantLock lock = new ReentrantLock();
    private final ScheduledExecutorService timers;
    private final long origin = System.nanoTime();
    // Guarded by the lock.
    private final Admission admission;
    private final Map<Ticket, Consumer<@Nullable BatonException>> listeners = new HashMap<>();
    private boolean looking;

    /** A gate at which nobody waits. */
    public Gate(AdmissionSettings settings, Room room, AdmissionObserver observer, ScheduledExecutorService timers) {
        this.admission = new Admission(settings, room, observer);
        this.timers = timers;
    }

    /** Nanoseconds on the clock of {@link Ask#startBy}. */
    long now() {
        return System.nanoTime() - origin;
    }

    /**
     * All of these requests are admitted or wait, or none of them.
     *
     * @throws BatonException RATE_LIMITED, QUEUE_FULL or TTFT_DEADLINE
     */
    List<Ticket> ask(List<Ask> asks) {
        return locked(a -> a.ask(asks, now()));
    }

    /**
     * Calls back when the ticket, if it waits, is decided: with the refusal, or with null when it is admitted.
     *
     * @return whether it waits; if not, nothing is called
     */
    boolean onDecision(Ticket ticket, Consumer<@Nullable BatonException> listener) {
        lock.lock();
        try {
            boolean waits = ticket.state() == Ticket.State.WAITING;
            if (waits) {
                listeners.put(ticket, listener);
            }
            return waits;
        } finally {
            lock.unlock();
        }
    }

    /** Why a ticket that does not wait was refused; null if it was not. */
    @Nullable
    BatonException refusal(Ticket ticket) {
        lock.lock();
        try {
            return ticket.refusal();
        } finally {
            lock.unlock();
        }
    }

    /** A leg has taken the request's prompt to a worker. */
    void promptSent(Ticket ticket) {
        lock.lock();
        try {
            admission.promptSent(ticket);
        } finally {
            lock.unlock();
        }
    }

    /** A leg has asked decode for the request's cells. */
    void cellsSent(Ticket ticket) {
        lock.lock();
        try {
            admission.cellsSent(ticket);
        } finally {
            lock.unlock();
        }
    }

    /** The request is over; {@code tokens} is what it took in truth. */
    void close(Ticket ticket, long tokens) {
        locked(a -> {
            listeners.remove(ticket);
            a.close(ticket, tokens, now());
            if (a.waiting() > 0) {
                a.look(now());
            }
            return ticket;
        });
    }

    /** How many requests wait. */
    public int waiting() {
        lock.lock();
        try {
            return admission.waiting();
        } finally {
            lock.unlock();
        }
    }

    private void look() {
        locked(a -> {
            looking = false;
            a.look(now());
            return a;
        });
    }

    private record Told(
            Consumer<@Nullable BatonException> listener,
            @Nullable BatonException refusal) {}

    private <T> T locked(Function<Admission, T> action) {
        List<Told> told = List.of();
        lock.lock();
        try {
            return action.apply(admission);
        } finally {
            try {
                told = takeDecided();
                if (!looking && admission.waiting() > 0) {
                    looking = true;
                    var _ = timers.schedule(this::look, LOOK_NANOS, TimeUnit.NANOSECONDS);
                }
            } finally {
                lock.unlock();
            }
            told.forEach(t -> t.listener.accept(t.refusal));
        }
    }

    private List<Told> takeDecided() {
        List<Ticket> decided = admission.decided();
        if (decided.isEmpty()) {
            return List.of();
        }
        List<Told> told = new ArrayList<>(decided.size());
        for (Ticket ticket : decided) {
            Consumer<@Nullable BatonException> listener = listeners.remove(ticket);
            if (listener != null) {
                told.add(new Told(listener, ticket.refusal()));
            }
        }
        return told;
    }
}
