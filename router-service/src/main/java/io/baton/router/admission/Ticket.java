package io.baton.router.admission;

import io.baton.error.BatonException;
import org.jspecify.annotations.Nullable;

/**
 * A request in the hands of admission.
 *
 * <p><em>Thread-safety:</em> none; as {@link Admission}.
 */
public final class Ticket {
    private final Ask ask;
    private final long number;
    private final long askedAt;
    private final long startBy;
    final Tenant tenant;
    State state = State.WAITING;
    boolean promptSent;
    boolean cellsSent;

    @Nullable
    BatonException refusal;

    /** Where it is. */
    public enum State {
        /** Not decided yet. */
        WAITING,
        /** Goes on. */
        ADMITTED,
        /** Does not. */
        REFUSED,
        /** Its request is over. */
        CLOSED
    }

    Ticket(Ask ask, Tenant tenant, long number, long askedAt, long startBy) {
        this.ask = ask;
        this.tenant = tenant;
        this.number = number;
        this.askedAt = askedAt;
        this.startBy = startBy;
    }

    /** What was asked. */
    public Ask ask() {
        return ask;
    }

    /** Where it is. */
    public State state() {
        return state;
    }

    /** Why it was refused; null if it was not. */
    public @Nullable BatonException refusal() {
        return refusal;
    }

    /** In the order of arrival. */
    long number() {
        return number;
    }

    long askedAt() {
        return askedAt;
    }

    /** Latest admission. */
    long startBy() {
        return startBy;
    }

    /** Whether the latest admission is the client's wish. */
    boolean hasDeadline() {
        return startBy == ask.startBy();
    }
}
