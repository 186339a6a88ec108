package io.baton.router.admission;

import static java.util.Objects.requireNonNull;

/**
 * What a tenant may do.
 *
 * @param weight its share among the tenants that wait, at least 1
 * @param maxRunning requests that may run at once; further ones wait; 0 for any number
 * @param requestsPerSecond beyond it requests are refused; 0 for any rate
 * @param tokensPerSecond likewise, tokens of prompt and output; 0 for any rate
 * @param burstSeconds how many seconds' worth of both rates may come at once, over 0
 * @param highest the first class that it may have; a request that asks for an earlier one is of this
 */
public record TenantRules(
        int weight,
        int maxRunning,
        double requestsPerSecond,
        double tokensPerSecond,
        double burstSeconds,
        Priority highest) {
    /** Nothing is limited. */
    public static final TenantRules FREE = new TenantRules(1, 0, 0, 0, 10, Priority.HIGH);

    /** Refuses rules that make no sense. */
    public TenantRules {
        requireNonNull(highest);
        if (weight < 1
                || weight > 1_000_000
                || maxRunning < 0
                || !(requestsPerSecond >= 0)
                || !(tokensPerSecond >= 0)
                || !(burstSeconds > 0)) {
            throw new IllegalArgumentException("a tenant's weight must be 1 to 1000000, its max-running and rates at "
                    + "least 0, its burst over zero; not " + weight + ", " + maxRunning + ", " + requestsPerSecond
                    + ", "
                    + tokensPerSecond + ", " + burstSeconds + " s");
        }
    }
}
