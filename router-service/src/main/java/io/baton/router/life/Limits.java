package io.baton.router.life;

/**
 * The limits that the transitions apply.
 *
 * @param reserveCap most output tokens for which cells are reserved on decode; at least 1
 * @param defaultMaxTokens most tokens to generate where the client sets none; at least 2
 * @param retryBudget how many more legs a request may open after its first ones; at least 0
 * @param recoveryWaits how often a stream that lost its workers may wait for others before it fails; at least 0
 */
public record Limits(int reserveCap, int defaultMaxTokens, int retryBudget, int recoveryWaits) {
    /** Refuses limits out of range. */
    public Limits {
        if (reserveCap < 1 || defaultMaxTokens < 2 || retryBudget < 0 || recoveryWaits < 0) {
            throw new IllegalArgumentException("reserve-cap must be at least 1, default-max-tokens at least 2, "
                    + "retry-budget and recovery-waits at least 0, not " + reserveCap + ", " + defaultMaxTokens + ", "
                    + retryBudget + ", " + recoveryWaits);
        }
    }
}
