package io.baton.router.admission;

import org.jspecify.annotations.Nullable;

/**
 * What waits for one model: a queue per class. An earlier class goes first, but a class that waits gets a share of the tokens
 * that are admitted: while requests of earlier classes are admitted it is credited with that share of what they cost, and when
 * the credit covers its next request that one is next.
 *
 * <p><em>Thread-safety:</em> none.
 */
final class Lane {
    private static final Priority[] CLASSES = Priority.values();

    private final FairQueue[] queues = new FairQueue[CLASSES.length];
    private final double[] credits = new double[CLASSES.length];
    private final double leastShare;
    final String model;
    final DrainRate drain = new DrainRate();
    /** Requests that were admitted and that the fleet cannot know of yet. */
    int sent;

    long sentTokens;

    long sentCells;

    Lane(String model, double leastShare, int quantum) {
        this.model = model;
        this.leastShare = leastShare;
        for (int i = 0; i < queues.length; i++) {
            queues[i] = new FairQueue(quantum);
        }
    }

    FairQueue queue(Priority priority) {
        return queues[priority.rank()];
    }

    boolean isEmpty() {
        for (FairQueue queue : queues) {
            if (queue.size() > 0) {
                return false;
            }
        }
        return true;
    }

    /** The next request; null if there is none. */
    @Nullable
    Ticket peek() {
        Ticket first = null;
        for (int i = 0; i < queues.length && first == null; i++) {
            first = queues[i].peek();
        }
        if (first == null) {
            return null;
        }
        for (int i = queues.length - 1; i > first.ask().priority().rank(); i--) {
            Ticket later = queues[i].peek();
            if (later != null && credits[i] >= later.ask().cost()) {
                return later;
            }
        }
        return first;
    }

    /** Serves the request that {@link #peek} gave. */
    void take(Ticket ticket) {
        int own = ticket.ask().priority().rank();
        long cost = ticket.ask().cost();
        for (int i = own + 1; i < queues.length; i++) {
            if (queues[i].peek() != null) {
                credits[i] += leastShare * cost;
            }
        }
        credits[own] = Math.max(0, credits[own] - cost);
        queues[own].take(ticket);
        forgetCredit(own);
    }

    void remove(Ticket ticket) {
        int own = ticket.ask().priority().rank();
        queues[own].remove(ticket);
        forgetCredit(own);
    }

    private void forgetCredit(int index) {
        if (queues[index].size() == 0) {
            credits[index] = 0;
        }
    }

    /** Tokens that are served before a new request, if nobody else comes. */
    double ahead(Ask ask, Tenant tenant) {
        int own = ask.priority().rank();
        double inClass = queues[own].ahead(tenant, ask.cost());
        double sum = inClass;
        for (int i = 0; i < own; i++) {
            sum += queues[i].tokens();
        }
        if (leastShare > 0) {
            // Earlier classes get no more than this while the class has its share.
            sum = Math.min(sum, inClass + (inClass + ask.cost()) / leastShare);
        }
        double later = 0;
        for (int i = own + 1; i < queues.length; i++) {
            later += Math.min((double) queues[i].tokens(), leastShare * sum);
        }
        return sum + later;
    }

    /** Seconds in which so many tokens are served; 0 if nobody knows. */
    double seconds(double tokens, Ask next, double fleetTokensPerSecond) {
        double measured = drain.perSecond();
        if (measured > 0) {
            return tokens / measured;
        }
        if (fleetTokensPerSecond <= 0) {
            return 0;
        }
        long all = next.cost();
        long prompts = next.promptTokens();
        for (FairQueue queue : queues) {
            all += queue.tokens();
            prompts += queue.promptTokens();
        }
        // Of what requests cost only the prompts take the time of prefill workers.
        return tokens * prompts / all / fleetTokensPerSecond;
    }
}
