package io.baton.router.admission;

import io.baton.error.BatonException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The tenants that have requests here, or had lately: their rates, and who must leave the reserve to others.
 *
 * <p><em>Thread-safety:</em> none.
 */
final class Tenants {
    /** How much more than the mean a tenant has had lately when it counts as one that has had more than its share. */
    private static final double MORE = 1.25;
    /** Closed requests after which tenants are looked at that have nothing any more. */
    private static final int SWEEP = 256;

    private final AdmissionSettings settings;
    private final Room room;
    private final AdmissionObserver observer;
    private final Map<String, Tenant> tenants = new HashMap<>();
    private boolean holding;
    private int closed;

    Tenants(AdmissionSettings settings, Room room, AdmissionObserver observer) {
        this.settings = settings;
        this.room = room;
        this.observer = observer;
    }

    Tenant get(String name, long now) {
        return tenants.computeIfAbsent(name, n -> new Tenant(n, settings.of(n), now));
    }

    /** Takes from the tenant's buckets what the requests cost, or nothing if it is too much. */
    void charge(Tenant tenant, List<Ask> asks, long now) {
        Bucket requests = tenant.requests;
        Bucket tokens = tenant.tokens;
        long cost = 0;
        for (Ask ask : asks) {
            cost += ask.cost();
        }
        double requestWait = requests == null ? 0 : requests.secondsUntil(asks.size(), now);
        double tokenWait = tokens == null ? 0 : tokens.secondsUntil(cost, now);
        if (requestWait > 0 && requestWait >= tokenWait) {
            throw refuse(
                    Reason.REQUEST_RATE,
                    "more than " + tenant.rules.requestsPerSecond() + " requests per second; send fewer",
                    requestWait);
        }
        if (tokenWait > 0) {
            throw refuse(
                    Reason.TOKEN_RATE,
                    "more than " + tenant.rules.tokensPerSecond()
                            + " tokens of prompt and max_tokens per second; send fewer, or ask for less",
                    tokenWait);
        }
        if (requests != null) {
            requests.take(asks.size());
        }
        if (tokens != null) {
            tokens.take(cost);
        }
    }

    private BatonException refuse(Reason reason, String what, double retrySeconds) {
        observer.refused(reason);
        return Refusals.of(reason, what, retrySeconds);
    }

    /** Holds those back that have had more than their share, if there is no more left than the reserve for the others. */
    void keepReserve(Lane lane, long now) {
        boolean hold = tenants.size() > 1 && !room.hasMoreThanReserve(lane.model, lane.sent);
        if (!hold && !holding) {
            return;
        }
        holding = hold;
        double share = hold ? share(now) : 0;
        for (Tenant tenant : tenants.values()) {
            tenant.held = hold && tenant.usage(now) > share * tenant.rules.weight();
        }
    }

    /** Tokens that a tenant of weight 1 may have had lately before others of those that had any come first. */
    private double share(long now) {
        double sum = 0;
        long weights = 0;
        for (Tenant tenant : tenants.values()) {
            double usage = tenant.usage(now);
            if (usage >= 1) {
                sum += usage;
                weights += tenant.rules.weight();
            }
        }
        return weights == 0 ? 0 : MORE * sum / weights;
    }

    /** A request of the tenant is over. */
    void forget(Tenant tenant, long now) {
        if (tenant.isIdle(now)) {
            tenants.remove(tenant.name);
        } else if (++closed % SWEEP == 0) {
            tenants.values().removeIf(t -> t.isIdle(now));
        }
    }
}
