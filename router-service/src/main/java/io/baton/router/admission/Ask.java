package io.baton.router.admission;

import static java.util.Objects.requireNonNull;

/**
 * A request that wants to be admitted. Lengths are estimates: a router has no tokenizer.
 *
 * @param tenant whose it is; empty where there is only one
 * @param model model that it is for
 * @param priority its class
 * @param promptTokens tokens of the prompt, at least 1
 * @param outputTokens most tokens that it may generate, at least 1
 * @param cells KV cells that decode must have for it; 0 if it needs no decode worker
 * @param bytes memory that it takes while it waits
 * @param startBy nanoseconds of the clock by which it must be admitted to keep its deadline for the first token;
 *     {@link #NO_DEADLINE} if it has none
 */
public record Ask(
        String tenant,
        String model,
        Priority priority,
        int promptTokens,
        int outputTokens,
        int cells,
        long bytes,
        long startBy) {
    /** Whenever. */
    public static final long NO_DEADLINE = Long.MAX_VALUE;

    /** Refuses absent parts and lengths out of range. */
    public Ask {
        requireNonNull(tenant);
        requireNonNull(model);
        requireNonNull(priority);
        if (promptTokens < 1 || outputTokens < 1 || cells < 0 || bytes < 0) {
            throw new IllegalArgumentException("a request of " + promptTokens + " and " + outputTokens + " tokens, "
                    + cells + " cells, " + bytes + " bytes");
        }
    }

    /** What it costs, in tokens. */
    public long cost() {
        return (long) promptTokens + outputTokens;
    }

    Ask in(Priority other) {
        return new Ask(tenant, model, other, promptTokens, outputTokens, cells, bytes, startBy);
    }
}
