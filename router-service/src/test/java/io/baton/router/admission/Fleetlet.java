package io.baton.router.admission;

import io.baton.error.BatonException;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** Admission in front of a fleet that takes so many requests at once, with a clock that the test sets. */
final class Fleetlet implements Room, AdmissionObserver {
    static final AdmissionSettings ROOMY = settings(1000, 1 << 20, TenantRules.FREE, Map.of());

    final Admission admission;
    final Map<Reason, Integer> refused = new EnumMap<>(Reason.class);
    final Map<Priority, Integer> waiting = new EnumMap<>(Priority.class);
    final List<Ticket> running = new ArrayList<>();
    private final Map<String, Integer> slots = new HashMap<>();
    private final int defaultSlots;
    /** Requests of those that fit that are kept for tenants with less than their share. */
    int reserve;

    double tokensPerSecond;
    long now;

    Fleetlet(int slots, AdmissionSettings settings) {
        this.defaultSlots = slots;
        this.admission = new Admission(settings, this, this);
    }

    static AdmissionSettings settings(
            int maxQueued, long maxBytes, TenantRules others, Map<String, TenantRules> tenants) {
        return new AdmissionSettings(1000, maxQueued, maxBytes, TimeUnit.HOURS.toNanos(1), 0.05, 100, tenants, others);
    }

    static Ask ask(String tenant, Priority priority, int cost) {
        return new Ask(tenant, "m", priority, cost - 1, 1, 0, cost, Ask.NO_DEADLINE);
    }

    static Ask by(long startBy, int cost) {
        return new Ask("t", "m", Priority.NORMAL, cost - 1, 1, 0, cost, startBy);
    }

    static long seconds(double seconds) {
        return (long) (seconds * 1e9);
    }

    @Override
    public boolean takes(Ask ask, int sent, long sentTokens, long sentCells) {
        return running.stream().filter(t -> t.ask().model().equals(ask.model())).count() + sent
                < slots.getOrDefault(ask.model(), defaultSlots);
    }

    @Override
    public boolean hasMoreThanReserve(String model, int sent) {
        return reserve == 0 || slots.getOrDefault(model, defaultSlots) - running.size() - sent > reserve;
    }

    @Override
    public double tokensPerSecond(String model) {
        return tokensPerSecond;
    }

    void slots(String model, int count) {
        slots.put(model, count);
    }

    Ticket ask(Ask ask) {
        return ask(List.of(ask)).getFirst();
    }

    List<Ticket> ask(List<Ask> asks) {
        List<Ticket> tickets = admission.ask(asks, now);
        tickets.forEach(this::start);
        admission.decided().forEach(this::start);
        return tickets;
    }

    /** The request's leg is with a worker. */
    private void start(Ticket ticket) {
        if (ticket.state() == Ticket.State.ADMITTED && !running.contains(ticket)) {
            admission.promptSent(ticket);
            admission.cellsSent(ticket);
            running.add(ticket);
        }
    }

    /** Looks again, and returns what was decided. */
    List<Ticket> look() {
        List<Ticket> all = new ArrayList<>();
        List<Ticket> some;
        do {
            admission.look(now);
            some = admission.decided();
            some.forEach(this::start);
            all.addAll(some);
        } while (!some.isEmpty());
        return all;
    }

    /** The request ends; returns who goes on then. */
    List<Ticket> end(Ticket ticket, long tokens) {
        running.remove(ticket);
        admission.close(ticket, tokens, now);
        return look();
    }

    /** Ends what has run for longest, again and again; returns the tickets in the order in which they were admitted. */
    List<Ticket> drain(int count) {
        List<Ticket> order = new ArrayList<>();
        while (order.size() < count && !running.isEmpty()) {
            Ticket first = running.getFirst();
            order.addAll(end(first, first.ask().cost()));
        }
        return order;
    }

    static BatonException error(Ticket ticket) {
        BatonException error = ticket.refusal();
        if (error == null) {
            throw new AssertionError("it was not refused but is " + ticket.state());
        }
        return error;
    }

    @Override
    public void waiting(Priority priority, int requests, long tokens) {
        waiting.merge(priority, requests, Integer::sum);
    }

    @Override
    public void admitted(Priority priority, long waitedNanos) {
        if (waitedNanos < 0) {
            throw new AssertionError("it waited for " + waitedNanos);
        }
    }

    @Override
    public void refused(Reason reason) {
        refused.merge(reason, 1, Integer::sum);
    }
}
