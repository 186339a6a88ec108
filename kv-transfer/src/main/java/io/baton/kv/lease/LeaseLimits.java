package io.baton.kv.lease;

import java.time.Duration;

/**
 * Bounds of a {@link LeaseTable}.
 *
 * @param maxLeases most leases that are open at once; {@value #DEFAULT_MAX_LEASES} by default
 * @param maxBlocksPerLease most blocks that one lease pins at once; {@value #DEFAULT_MAX_BLOCKS} by default
 * @param leaseTime how long blocks stay pinned when nobody renews their lease; 30 s by default
 */
public record LeaseLimits(int maxLeases, int maxBlocksPerLease, Duration leaseTime) {
    /** Default of {@link #maxLeases}. */
    public static final int DEFAULT_MAX_LEASES = 4096;
    /** Default of {@link #maxBlocksPerLease}. */
    public static final int DEFAULT_MAX_BLOCKS = 65536;
    /** Default of {@link #leaseTime}. */
    public static final Duration DEFAULT_LEASE_TIME = Duration.ofSeconds(30);

    /** Checks that all are positive. */
    public LeaseLimits {
        if (maxLeases < 1 || maxBlocksPerLease < 1) {
            throw new IllegalArgumentException("max-leases and max-blocks-per-lease must be at least 1, not "
                    + maxLeases + " and " + maxBlocksPerLease);
        }
        if (!leaseTime.isPositive()) {
            throw new IllegalArgumentException("lease-time must be longer than zero, not " + leaseTime);
        }
    }

    /** The defaults. */
    public static LeaseLimits defaults() {
        return new LeaseLimits(DEFAULT_MAX_LEASES, DEFAULT_MAX_BLOCKS, DEFAULT_LEASE_TIME);
    }
}
