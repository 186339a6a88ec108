package io.baton.router.fleet;

import java.util.function.LongSupplier;

/**
 * Keeps work away from a worker whose legs fail one after the other although it says that it is well.
 *
 * <pre>
 * CLOSED ──so many failures in a row──▶ OPEN ──its time is over──▶ HALF_OPEN ──a leg is opened──▶ PROBING
 *    ▲                                   ▲                             ▲    the leg says nothing of worth │
 *    │                                   └────────── the leg fails ────┼──────────────────────────────────┤
 *    └───────────────────────── the leg makes progress ────────────────┴──────────────────────────────────┘
 * </pre>
 *
 * <p>Each further time it stays open for longer, jittered ({@link Backoff}). Only CLOSED and HALF_OPEN take work.
 *
 * <p><em>Thread-safety:</em> safe.
 */
public final class CircuitBreaker {
    /** What it does with work. */
    public enum State {
        /** Takes work. */
        CLOSED,
        /** Takes none for a time. */
        OPEN,
        /** Takes one leg, to see how that fares. */
        HALF_OPEN,
        /** That leg runs; takes no other. */
        PROBING
    }

    private final int failures;
    private final Backoff backoff;
    private final LongSupplier clock;
    // Written under the lock of this.
    private volatile State state = State.CLOSED;
    private volatile int inARow;
    // Guarded by this.
    private long openUntil;
    private long opened;

    /**
     * A closed one.
     *
     * @param failures how many in a row open it; 0 for never
     * @param backoff how long it stays open each time
     * @param clock nanoseconds
     */
    CircuitBreaker(int failures, Backoff backoff, LongSupplier clock) {
        this.failures = failures;
        this.backoff = backoff;
        this.clock = clock;
    }

    /** What it does with work now. */
    synchronized State state() {
        if (state == State.OPEN && clock.getAsLong() - openUntil >= 0) {
            state = State.HALF_OPEN;
        }
        return state;
    }

    /** Whether a leg may be opened now. */
    boolean takesWork() {
        State now = state();
        return now == State.CLOSED || now == State.HALF_OPEN;
    }

    /** How often it has opened. */
    synchronized long opened() {
        return opened;
    }

    /** How long it will stay open from now, in nanoseconds; 0 if it is not. */
    synchronized long openNanos() {
        return state == State.OPEN ? Math.max(0, openUntil - clock.getAsLong()) : 0;
    }

    /** A leg is being opened. Says whether that changed what it does with work. */
    synchronized boolean taken() {
        if (state() != State.HALF_OPEN) {
            return false;
        }
        state = State.PROBING;
        return true;
    }

    /** A leg has made progress. Says whether that changed anything. Takes no lock where it does not: every token comes here. */
    boolean succeeded() {
        return (inARow != 0 || state != State.CLOSED) && close();
    }

    private synchronized boolean close() {
        inARow = 0;
        if (state == State.CLOSED) {
            return false;
        }
        // Also while it is open: whoever had no other worker to ask has asked this one, and well.
        state = State.CLOSED;
        backoff.reset();
        return true;
    }

    /** A leg failed, and the worker is to blame. Says whether that changed anything. */
    synchronized boolean failed() {
        inARow++;
        State now = state();
        // While it is open, legs that were opened before may fail still; that is no news.
        boolean opens = now == State.CLOSED ? failures > 0 && inARow >= failures : now != State.OPEN;
        if (opens) {
            state = State.OPEN;
            openUntil = clock.getAsLong() + backoff.nextNanos();
            opened++;
        }
        return opens;
    }

    /** A leg is over. One that said nothing of worth leaves the question open for another. */
    synchronized boolean ended() {
        if (state != State.PROBING) {
            return false;
        }
        state = State.HALF_OPEN;
        return true;
    }

    /** It is another process or connection now. Says whether that changed anything. */
    synchronized boolean reset() {
        return succeeded();
    }
}
