package io.baton.router.admission;

import org.jspecify.annotations.Nullable;

/**
 * What a tenant does now.
 *
 * <p><em>Thread-safety:</em> none.
 */
final class Tenant {
    private static final double MEMORY_NANOS = 30e9;

    final String name;
    final TenantRules rules;
    final @Nullable Bucket requests;
    final @Nullable Bucket tokens;
    int running;
    int waiting;
    /** Whether it must leave the fleet's reserve to others now. */
    boolean held;

    private double usage;
    private long usedAt;

    Tenant(String name, TenantRules rules, long now) {
        this.name = name;
        this.rules = rules;
        this.requests =
                rules.requestsPerSecond() > 0 ? new Bucket(rules.requestsPerSecond(), rules.burstSeconds(), now) : null;
        this.tokens =
                rules.tokensPerSecond() > 0 ? new Bucket(rules.tokensPerSecond(), rules.burstSeconds(), now) : null;
    }

    /** It was admitted with so many tokens, or took so many more than it was admitted with. */
    void used(long tokens, long now) {
        usage = Math.max(0, usage(now) + tokens);
        usedAt = now;
    }

    /** Tokens that it was admitted with lately; those of half a minute ago count for a third. */
    double usage(long now) {
        return usage * Math.exp(-(now - usedAt) / MEMORY_NANOS);
    }

    /** Whether one more of its requests may run. */
    boolean mayRun() {
        return !held && isBelowItsConcurrency();
    }

    private boolean isBelowItsConcurrency() {
        return rules.maxRunning() == 0 || running < rules.maxRunning();
    }

    /** Whether a new object would be the same. */
    boolean isIdle(long now) {
        return running == 0
                && waiting == 0
                && usage(now) < 1
                && (requests == null || requests.isFull(now))
                && (tokens == null || tokens.isFull(now));
    }
}
