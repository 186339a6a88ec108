package io.baton.router.admission;

import org.jspecify.annotations.Nullable;

/**
 * What a tenant does now.
 *
 * <p><em>Thread-safety:</em> none.
 */
final class Tenant {
    final String name;
    final TenantRules rules;
    final @Nullable Bucket requests;
    final @Nullable Bucket tokens;
    int running;
    int waiting;

    Tenant(String name, TenantRules rules, long now) {
        this.name = name;
        this.rules = rules;
        this.requests =
                rules.requestsPerSecond() > 0 ? new Bucket(rules.requestsPerSecond(), rules.burstSeconds(), now) : null;
        this.tokens =
                rules.tokensPerSecond() > 0 ? new Bucket(rules.tokensPerSecond(), rules.burstSeconds(), now) : null;
    }

    /** Whether one more of its requests may run. */
    boolean mayRun() {
        return rules.maxRunning() == 0 || running < rules.maxRunning();
    }

    /** Whether a new object would be the same. */
    boolean isIdle(long now) {
        return running == 0
                && waiting == 0
                && (requests == null || requests.isFull(now))
                && (tokens == null || tokens.isFull(now));
    }
}
