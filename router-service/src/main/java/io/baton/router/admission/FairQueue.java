package io.baton.router.admission;

import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What waits in one class: deficit round robin over tenants, by tokens. In each round a tenant gets a quantum times its weight,
 * and what its first request costs is taken off when that is served. So tenants that wait are served in proportion to their
 * weights, to within a quantum and one request each, whatever they send.
 *
 * <p><em>Thread-safety:</em> none.
 */
final class FairQueue {
    private final long quantum;
    private final Map<Tenant, Line> lines = new HashMap<>();
    /** Those that wait, the one whose turn it is first. */
    private final ArrayDeque<Line> turns = new ArrayDeque<>();

    private int size;
    private long tokens;
    private long promptTokens;
    private long bytes;
    /** Most that a request has cost since the queue was empty. */
    private long largest;

    /** What waits of one tenant, in order. */
    private static final class Line {
        final Tenant tenant;
        final LinkedHashSet<Ticket> tickets = new LinkedHashSet<>();
        long tokens;
        long deficit;
        /** Whether it has had its quantum of this round. */
        boolean served;

        Line(Tenant tenant) {
            this.tenant = tenant;
        }

        int weight() {
            return tenant.rules.weight();
        }
    }

    FairQueue(int quantum) {
        this.quantum = quantum;
    }

    int size() {
        return size;
    }

    long tokens() {
        return tokens;
    }

    long promptTokens() {
        return promptTokens;
    }

    long bytes() {
        return bytes;
    }

    void add(Ticket ticket) {
        Line line = lines.computeIfAbsent(ticket.tenant, Line::new);
        if (line.tickets.isEmpty()) {
            turns.addLast(line);
        }
        line.tickets.add(ticket);
        line.tokens += ticket.ask().cost();
        largest = Math.max(largest, ticket.ask().cost());
        count(ticket, 1);
    }

    private void count(Ticket ticket, int change) {
        size += change;
        tokens += change * ticket.ask().cost();
        promptTokens += (long) change * ticket.ask().promptTokens();
        bytes += change * ticket.ask().bytes();
    }

    /** The next request; null if nobody waits whose tenant may run more. It stays the next one until it is taken or another leaves. */
    @Nullable
    Ticket peek() {
        while (!turns.isEmpty()) {
            boolean blocked = true;
            for (int i = turns.size(); i > 0; i--) {
                Line line = turns.getFirst();
                if (line.tenant.mayRun()) {
                    blocked = false;
                    if (!line.served) {
                        line.served = true;
                        line.deficit += quantum * line.weight();
                    }
                    Ticket first = line.tickets.getFirst();
                    if (first.ask().cost() <= line.deficit) {
                        return first;
                    }
                }
                line.served = false;
                turns.addLast(turns.removeFirst());
            }
            if (blocked) {
                return null;
            }
            skipRounds();
        }
        return null;
    }

    /** Gives everybody the rounds at once in which nobody could be served. */
    private void skipRounds() {
        long rounds = Long.MAX_VALUE;
        for (Line line : turns) {
            if (line.tenant.mayRun()) {
                long missing = line.tickets.getFirst().ask().cost() - line.deficit;
                rounds = Math.min(rounds, Math.ceilDiv(missing, quantum * line.weight()) - 1);
            }
        }
        for (Line line : turns) {
            if (line.tenant.mayRun()) {
                line.deficit += rounds * quantum * line.weight();
            }
        }
    }

    /** The request is served. */
    void take(Ticket ticket) {
        Line line = lines.get(ticket.tenant);
        if (line != null) {
            line.deficit -= ticket.ask().cost();
        }
        remove(ticket);
    }

    /** The request leaves without being served. */
    void remove(Ticket ticket) {
        Line line = lines.get(ticket.tenant);
        if (line == null || !line.tickets.remove(ticket)) {
            return;
        }
        line.tokens -= ticket.ask().cost();
        count(ticket, -1);
        if (line.tickets.isEmpty()) {
            lines.remove(line.tenant);
            turns.remove(line);
        }
        if (size == 0) {
            largest = 0;
        }
    }

    /** A request of the tenant has cost less than it was charged for, or more. */
    void correct(Tenant tenant, long tooMuch) {
        Line line = lines.get(tenant);
        if (line != null) {
            line.deficit = Math.clamp(line.deficit + tooMuch, -largest, largest + quantum * line.weight());
        }
    }

    /** Tokens that are served before a new request of the tenant, if nobody else comes. */
    double ahead(Tenant tenant, long cost) {
        Line own = lines.get(tenant);
        long before = own == null ? 0 : own.tokens;
        double share = (double) (before + cost) / tenant.rules.weight();
        double sum = before;
        for (Line line : turns) {
            if (!line.tenant.equals(tenant)) {
                sum += Math.min((double) line.tokens, share * line.weight());
            }
        }
        return sum;
    }

    /** The last request of the tenant that has most, by its weight, and still more than the new one's would have; null if none has. */
    @Nullable
    Ticket displacedBy(Tenant tenant, long cost) {
        Line own = lines.get(tenant);
        double most = (double) ((own == null ? 0 : own.tokens) + cost) / tenant.rules.weight();
        Line longest = null;
        for (Line line : turns) {
            double has = (double) line.tokens / line.weight();
            if (has > most && !line.tenant.equals(tenant)) {
                most = has;
                longest = line;
            }
        }
        return longest == null ? null : longest.tickets.getLast();
    }

    /** The deficit of a tenant, for tests. */
    long deficit(Tenant tenant) {
        Line line = lines.get(tenant);
        return line == null ? 0 : line.deficit;
    }
}
