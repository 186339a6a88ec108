package io.baton.router.run;

import io.baton.error.BatonException;
import io.baton.router.admission.Ticket;
import java.util.concurrent.Executor;
import java.util.function.Consumer;

/**
 * A request's turn: its ticket at the gate.
 *
 * <p><em>Thread-safety:</em> none; belongs to the request's serial executor.
 */
final class Turn {
    private final Ticket ticket;
    private final Gate gate;
    private boolean promptSent;
    private boolean cellsSent;

    Turn(Ticket ticket, Gate gate) {
        this.ticket = ticket;
        this.gate = gate;
    }

    /**
     * Waits for the turn, if it has to; {@code onTurn} or {@code onRefusal} is called in the serial executor.
     *
     * @return whether it has to wait; if not, nothing is called unless the request was refused meanwhile
     */
    boolean await(Executor serial, Runnable onTurn, Consumer<BatonException> onRefusal) {
        boolean waits = gate.onDecision(
                ticket,
                refusal -> serial.execute(() -> {
                    if (refusal == null) {
                        onTurn.run();
                    } else {
                        onRefusal.accept(refusal);
                    }
                }));
        BatonException refusal = waits ? null : gate.refusal(ticket);
        if (refusal != null) {
            onRefusal.accept(refusal);
        }
        return waits || refusal != null;
    }

    /** A leg has taken the prompt to a worker. */
    void promptSent() {
        if (!promptSent) {
            promptSent = true;
            gate.promptSent(ticket);
        }
    }

    /** A leg has asked decode for cells. */
    void cellsSent() {
        if (!cellsSent) {
            cellsSent = true;
            gate.cellsSent(ticket);
        }
    }

    /** The request is over; it took so many tokens of prompt and output in truth. */
    void over(long tokens) {
        gate.close(ticket, tokens);
    }
}
