package io.baton.router.admission;

import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;

/**
 * Decides which requests go on. A request goes on at once while nobody waits and the fleet has room; else it waits in the queue
 * of its class, model and tenant, or is refused: if its tenant is too fast, if there is no place, or if it would come too late.
 *
 * <p>Times are nanoseconds of any clock that does not go back.
 *
 * <p><em>Thread-safety:</em> none.
 */
public final class Admission {
    private static final double NANOS = 1e9;
    private final AdmissionSettings settings;
    private final Room room;
    private final AdmissionObserver observer;
    private final Map<String, Lane> lanes = new HashMap<>();
    private final List<Lane> order = new ArrayList<>();
    private final Tenants tenants;
    private final TreeSet<Ticket> byStart =
            new TreeSet<>(Comparator.comparingLong(Ticket::startBy).thenComparingLong(Ticket::number));
    private final int[] waitingByClass = new int[Priority.values().length];
    private final long[] bytesByClass = new long[Priority.values().length];
    private List<Ticket> decided = new ArrayList<>();
    private long numbers;
    private int running;
    private int turn;

    /** Nobody waits and nobody runs. */
    public Admission(AdmissionSettings settings, Room room, AdmissionObserver observer) {
        this.settings = settings;
        this.room = room;
        this.observer = observer;
        this.tenants = new Tenants(settings, room, observer);
    }

    /**
     * All of these requests are admitted or wait, or none of them. They are of one tenant.
     *
     * @throws BatonException RATE_LIMITED, QUEUE_FULL or TTFT_DEADLINE
     */
    public List<Ticket> ask(List<Ask> asks, long now) {
        List<Ticket> tickets = new ArrayList<>(asks.size());
        if (asks.isEmpty()) {
            return tickets;
        }
        Tenant tenant = tenants.get(asks.getFirst().tenant(), now);
        try {
            tenants.charge(tenant, asks, now);
            for (Ask ask : asks) {
                tickets.add(ask(ask, tenant, now));
            }
        } catch (BatonException e) {
            long left = 0;
            for (Ask ask : asks.subList(tickets.size(), asks.size())) {
                left += ask.cost();
            }
            // What was not charged is not given back.
            boolean charged = e.code() != ErrorCode.RATE_LIMITED;
            tickets.forEach(t -> close(t, 0, now));
            if (charged && tenant.tokens != null) {
                tenant.tokens.giveBack(left);
            }
            tenants.forget(tenant, now);
            throw e;
        }
        return tickets;
    }

    private static double seconds(long from, long to) {
        return (to - from) / NANOS;
    }

    private Ticket ask(Ask wanted, Tenant tenant, long now) {
        Priority highest = tenant.rules.highest();
        Ask ask = wanted.priority().compareTo(highest) < 0 ? wanted.in(highest) : wanted;
        if (ask.startBy() <= now) {
            throw refuse(
                    Reason.TTFT_DEADLINE,
                    "the first token is expected " + Refusals.seconds(seconds(ask.startBy(), now))
                            + " after its deadline; retry later, send less, or allow more time",
                    seconds(ask.startBy(), now));
        }
        Lane lane = lanes.computeIfAbsent(ask.model(), this::newLane);
        long lastStart = Math.min(ask.startBy(), now + settings.maxWaitNanos());
        Ticket ticket = new Ticket(ask, tenant, numbers++, now, lastStart);
        tenants.keepReserve(lane, now);
        if (tenant.mayRun() && lane.peek() == null && hasRoom(lane, ask)) {
            admit(ticket, lane, now, false);
        } else {
            refuseIfTooLate(ticket, lane, now);
            makePlace(ticket, lane, now);
            enqueue(ticket, lane, now);
            pump(lane, now);
        }
        return ticket;
    }

    private Lane newLane(String model) {
        Lane lane = new Lane(model, settings.leastShare(), settings.quantum());
        order.add(lane);
        return lane;
    }

    private boolean hasRoom(Lane lane, Ask ask) {
        return running < settings.maxRunning() && room.takes(ask, lane.sent, lane.sentTokens, lane.sentCells);
    }

    private void refuseIfTooLate(Ticket ticket, Lane lane, long now) {
        Ask ask = ticket.ask();
        if (!ticket.tenant.mayRun()) {
            // It waits for its own tenant's requests, and nobody knows how long they take.
            return;
        }
        double expected = lane.seconds(lane.ahead(ask, ticket.tenant), ask, room.tokensPerSecond(ask.model()));
        double late = expected - seconds(now, ticket.startBy());
        if (late > 0) {
            throw refuse(
                    ticket.hasDeadline() ? Reason.TTFT_DEADLINE : Reason.MAX_WAIT,
                    "it would wait for " + Refusals.seconds(expected) + ", "
                            + (ticket.hasDeadline()
                                    ? "too long for its deadline for the first token; retry later, or allow more time"
                                    : "more than baton.router.admission.max-wait; retry later"),
                    late);
        }
    }

    /** Sees to it that the queue of its class has a place for the request. */
    private void makePlace(Ticket ticket, Lane lane, long now) {
        Ask ask = ticket.ask();
        int own = ask.priority().rank();
        while (waitingByClass[own] + 1 > settings.maxQueued()
                || bytesByClass[own] + ask.bytes() > settings.maxQueuedBytes()) {
            Ticket last = lane.queue(ask.priority()).displacedBy(ticket.tenant, ask.cost());
            String full = "the queue for priority " + ask.priority().label() + " is full: " + waitingByClass[own]
                    + " requests with " + bytesByClass[own] + " bytes";
            if (last == null) {
                throw refuse(Reason.QUEUE_FULL, full + "; retry later", untilPlace(lane, ask));
            }
            refuse(
                    last,
                    lane,
                    refuse(
                            Reason.DISPLACED,
                            full + ", most of it from the tenant of this request; retry later, and send fewer",
                            untilPlace(lane, last.ask())),
                    now);
        }
    }

    /** Seconds until as much as the request costs has left its queue. */
    private double untilPlace(Lane lane, Ask ask) {
        return lane.seconds((double) ask.cost(), ask, room.tokensPerSecond(ask.model()));
    }

    private BatonException refuse(Reason reason, String what, double retrySeconds) {
        observer.refused(reason);
        return Refusals.of(reason, what, retrySeconds);
    }

    private void enqueue(Ticket ticket, Lane lane, long now) {
        lane.queue(ticket.ask().priority()).add(ticket);
        byStart.add(ticket);
        count(ticket, 1);
        lane.drain.at(now, true);
    }

    private void count(Ticket ticket, int change) {
        Ask ask = ticket.ask();
        waitingByClass[ask.priority().rank()] += change;
        bytesByClass[ask.priority().rank()] += change * ask.bytes();
        ticket.tenant.waiting += change;
        observer.waiting(ask.priority(), change, change * ask.cost());
    }

    private void admit(Ticket ticket, Lane lane, long now, boolean waited) {
        ticket.state = Ticket.State.ADMITTED;
        ticket.tenant.running++;
        ticket.tenant.used(ticket.ask().cost(), now);
        running++;
        lane.sent++;
        lane.sentTokens += ticket.ask().promptTokens();
        lane.sentCells += ticket.ask().cells();
        observer.admitted(ticket.ask().priority(), waited ? now - ticket.askedAt() : 0);
    }

    /** Admits what waits and fits. */
    private void pump(Lane lane, long now) {
        while (admitNext(lane, now)) {
            // Until it has no more, or the fleet no room.
        }
    }

    private boolean admitNext(Lane lane, long now) {
        tenants.keepReserve(lane, now);
        Ticket next = lane.peek();
        if (next == null || !hasRoom(lane, next.ask())) {
            return false;
        }
        lane.take(next);
        left(next, lane, now);
        lane.drain.admitted(next.ask().cost());
        admit(next, lane, now, true);
        decided.add(next);
        return true;
    }

    private void left(Ticket ticket, Lane lane, long now) {
        byStart.remove(ticket);
        count(ticket, -1);
        lane.drain.at(now, !lane.isEmpty());
    }

    private void refuse(Ticket ticket, Lane lane, BatonException why, long now) {
        lane.remove(ticket);
        left(ticket, lane, now);
        ticket.state = Ticket.State.REFUSED;
        ticket.refusal = why;
        if (ticket.tenant.tokens != null) {
            ticket.tenant.tokens.giveBack(ticket.ask().cost());
        }
        tenants.forget(ticket.tenant, now);
        decided.add(ticket);
    }

    /** Looks again: refuses what has waited for too long, admits what fits now. */
    public void look(long now) {
        while (!byStart.isEmpty() && byStart.getFirst().startBy() <= now) {
            expire(byStart.getFirst(), now);
        }
        // One at a time from each, so that no model takes all that others leave.
        boolean more = !byStart.isEmpty();
        turn++;
        while (more) {
            more = false;
            for (int i = 0; i < order.size(); i++) {
                more |= admitNext(order.get(Math.floorMod(i + turn, order.size())), now);
            }
        }
    }

    private void expire(Ticket ticket, long now) {
        Lane lane = laneOf(ticket);
        String waited = "it has waited for " + Refusals.seconds(seconds(ticket.askedAt(), now)) + ", ";
        // As long as what is before it still takes.
        double rest = untilPlace(lane, ticket.ask());
        BatonException why = ticket.hasDeadline()
                ? refuse(
                        Reason.TTFT_DEADLINE,
                        waited + "and its first token can no longer come in time; retry later, or allow more time",
                        rest)
                : refuse(
                        Reason.MAX_WAIT,
                        waited + "as long as baton.router.admission.max-wait allows; retry later",
                        rest);
        refuse(ticket, lane, why, now);
    }

    private Lane laneOf(Ticket ticket) {
        Lane lane = lanes.get(ticket.ask().model());
        if (lane == null) {
            throw new IllegalStateException("a ticket of another admission");
        }
        return lane;
    }

    /** The fleet can know of the request's prompt from now on. */
    public void promptSent(Ticket ticket) {
        if (ticket.state == Ticket.State.ADMITTED && !ticket.promptSent) {
            ticket.promptSent = true;
            Lane lane = laneOf(ticket);
            lane.sent--;
            lane.sentTokens -= ticket.ask().promptTokens();
        }
    }

    /** The fleet can know of the request's cells on decode from now on. */
    public void cellsSent(Ticket ticket) {
        if (ticket.state == Ticket.State.ADMITTED && !ticket.cellsSent) {
            ticket.cellsSent = true;
            laneOf(ticket).sentCells -= ticket.ask().cells();
        }
    }

    /**
     * The request is over, or its client has gone. A waiting one leaves the queue.
     *
     * @param tokens tokens of prompt and output that it took in truth
     */
    public void close(Ticket ticket, long tokens, long now) {
        Tenant tenant = ticket.tenant;
        long tooMuch = ticket.ask().cost() - tokens;
        switch (ticket.state) {
            case WAITING -> {
                Lane lane = laneOf(ticket);
                lane.remove(ticket);
                left(ticket, lane, now);
                tooMuch = ticket.ask().cost();
            }
            case ADMITTED -> {
                promptSent(ticket);
                cellsSent(ticket);
                running--;
                tenant.running--;
                tenant.used(-tooMuch, now);
                laneOf(ticket).queue(ticket.ask().priority()).correct(tenant, tooMuch);
            }
            case REFUSED, CLOSED -> {
                ticket.state = Ticket.State.CLOSED;
                return;
            }
        }
        ticket.state = Ticket.State.CLOSED;
        if (tenant.tokens != null) {
            tenant.tokens.giveBack(tooMuch);
        }
        tenants.forget(tenant, now);
    }

    /** The tickets that were decided after they had waited, since this was asked last. */
    public List<Ticket> decided() {
        if (decided.isEmpty()) {
            return List.of();
        }
        List<Ticket> all = decided;
        decided = new ArrayList<>();
        return all;
    }

    /** How many requests wait. */
    public int waiting() {
        return byStart.size();
    }

    /** How many requests run. */
    public int running() {
        return running;
    }

    /** What a tenant has saved up in its class, for tests. */
    long deficit(Ticket ticket) {
        return laneOf(ticket).queue(ticket.ask().priority()).deficit(ticket.tenant);
    }
}
