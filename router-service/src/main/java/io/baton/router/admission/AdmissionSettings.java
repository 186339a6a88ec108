package io.baton.router.admission;

import static java.util.Objects.requireNonNull;

import java.util.Map;

/**
 * How admission is set.
 *
 * @param maxRunning most requests that run at once, at least 1
 * @param maxQueued most requests of one class that wait, at least 0
 * @param maxQueuedBytes most bytes of them
 * @param maxWaitNanos longest wait of one
 * @param leastShare part of the admitted tokens that a class gets at least while it waits, 0 to 0.4
 * @param quantum tokens that a tenant of weight 1 gets per round, at least 1
 * @param tenants rules of the tenants that have some of their own
 * @param others rules of all others
 */
public record AdmissionSettings(
        int maxRunning,
        int maxQueued,
        long maxQueuedBytes,
        long maxWaitNanos,
        double leastShare,
        int quantum,
        Map<String, TenantRules> tenants,
        TenantRules others) {
    /** Refuses settings that make no sense. */
    public AdmissionSettings {
        tenants = Map.copyOf(tenants);
        requireNonNull(others);
        if (maxRunning < 1
                || maxQueued < 0
                || maxQueuedBytes < 0
                || maxWaitNanos < 1
                || !(leastShare >= 0 && leastShare <= 0.4)
                || quantum < 1) {
            throw new IllegalArgumentException(
                    "baton.router.max-requests and baton.router.admission.quantum must be at "
                            + "least 1, max-queued at least 0, max-wait over zero, least-share 0 to 0.4; not "
                            + maxRunning + ", "
                            + quantum + ", " + maxQueued + ", " + maxWaitNanos + " ns, " + leastShare);
        }
    }

    TenantRules of(String tenant) {
        return tenants.getOrDefault(tenant, others);
    }
}
