package io.baton.cli.bench.goodput;

import io.baton.error.BatonException;
import io.baton.router.admission.Admission;
import io.baton.router.admission.AdmissionObserver;
import io.baton.router.admission.AdmissionSettings;
import io.baton.router.admission.Ask;
import io.baton.router.admission.Room;
import io.baton.router.admission.Ticket;
import io.baton.router.schedule.FleetView;
import io.baton.router.schedule.Headroom;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.ToDoubleFunction;

/**
 * The product's admission in virtual time. It looks again whenever a worker has reported or a request has ended; the product's
 * looks every few milliseconds, but learns nothing in between.
 *
 * <p><em>Thread-safety:</em> none.
 */
final class Gate implements Room {
    private static final double NANOS = 1e9;

    private final VirtualTime time;
    private final FleetView fleet;
    private final Headroom headroom;
    private final Admission admission;
    private final Consumer<Flight> onTurn;
    private final Consumer<Flight> onRefusal;
    private final ToDoubleFunction<Flight> slack;
    private final Map<Ticket, Flight> waiting = new HashMap<>();

    /** {@code slack} is how long a request may wait, in seconds; infinite if it has no deadline. */
    Gate(
            VirtualTime time,
            FleetView fleet,
            AdmissionSettings settings,
            Headroom headroom,
            Consumer<Flight> onTurn,
            Consumer<Flight> onRefusal,
            ToDoubleFunction<Flight> slack) {
        this.time = time;
        this.fleet = fleet;
        this.headroom = headroom;
        this.onTurn = onTurn;
        this.onRefusal = onRefusal;
        this.slack = slack;
        this.admission = new Admission(settings, this, AdmissionObserver.NONE);
    }

    @Override
    public boolean takes(Ask ask, int sent, long sentTokens, long sentCells) {
        return headroom.has(
                fleet, ask.model(), ask.promptTokens(), ask.cells(), new Headroom.Sent(sent, sentTokens, sentCells));
    }

    @Override
    public boolean hasMoreThanReserve(String model, int sent) {
        return headroom.hasMoreThanReserve(fleet, model, sent);
    }

    @Override
    public double tokensPerSecond(String model) {
        return Headroom.tokensPerSecond(fleet, model);
    }

    private long now() {
        return (long) (time.now() * NANOS);
    }

    private long startBy(Flight flight) {
        double seconds = slack.applyAsDouble(flight);
        return seconds == Double.POSITIVE_INFINITY ? Ask.NO_DEADLINE : now() + (long) (seconds * NANOS);
    }

    void arrived(Flight flight) {
        int prompt = flight.request().promptTokens();
        Ask ask = new Ask(
                flight.job.tenant(),
                Node.MODEL,
                flight.job.priority(),
                prompt,
                Simulation.MAX_TOKENS,
                flight.cells,
                4L * prompt,
                startBy(flight));
        Ticket ticket;
        try {
            ticket = admission.ask(List.of(ask), now()).getFirst();
        } catch (BatonException e) {
            refused(flight);
            decide();
            return;
        }
        Runnable ended = flight.onEnd;
        flight.onEnd = () -> {
            ended.run();
            admission.close(ticket, (long) prompt + flight.tokens, now());
            // Not now: whoever tells of the end is in the midst of a step.
            time.at(time.now(), this::look);
        };
        if (ticket.state() == Ticket.State.ADMITTED) {
            begin(ticket, flight);
        } else {
            waiting.put(ticket, flight);
        }
        decide();
    }

    void look() {
        if (admission.waiting() > 0) {
            admission.look(now());
            decide();
        }
    }

    private void decide() {
        for (List<Ticket> some = admission.decided(); !some.isEmpty(); some = admission.decided()) {
            for (Ticket ticket : some) {
                Flight flight = waiting.remove(ticket);
                if (flight == null) {
                    // It was admitted while it asked.
                    continue;
                }
                if (ticket.state() == Ticket.State.ADMITTED) {
                    begin(ticket, flight);
                } else {
                    refused(flight);
                }
            }
        }
    }

    private void begin(Ticket ticket, Flight flight) {
        flight.admitted = time.now();
        onTurn.accept(flight);
        admission.promptSent(ticket);
        admission.cellsSent(ticket);
    }

    private void refused(Flight flight) {
        flight.refused = true;
        onRefusal.accept(flight);
    }
}
