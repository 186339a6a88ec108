package io.baton.kv.lease;

import java.time.Duration;

/**
 * Bounds of a {@link LeaseTable}.
 *
 * @param maxLeases most leases that are open at once; {@value #DEFAULT_MAX_LEASES} by default
 * @param maxBlocksPerLease most blocks that one lease pins at once; {@value #DEFAULT_MAX_BLOCKS} by default
 * @param leaseTime how long blocks stay pinned without a sign of their receiver; 30 s by default
 * @param maxEnded how many leases are remembered after their end, to say why they ended; {@value #DEFAULT_MAX_ENDED} by default
 */
public record LeaseLimits(int maxLeases, int maxBlocksPerLease, Duration leaseTime, int maxEnded) {
    /** Default of {@link #maxLeases}. */
    public static final int DEFAULT_MAX_LEASES = 4096;
    /** Default of {@link #maxBlocksPerLease}. */
    public static final int DEFAULT_MAX_BLOCKS = 65536;
    /** Default of {@link #leaseTime}. */
    public static final Duration DEFAULT_LEASE_TIME = Duration.ofSeconds(30);
    /** Default of {@link #maxEnded}. */
    public static final int DEFAULT_MAX_ENDED = 4096;

    /** Checks that all are positive. */
    public LeaseLimits {
        if (maxLeases < 1 || maxBlocksPerLease < 1 || !leaseTime.isPositive() || maxEnded < 1) {
            throw new IllegalArgumentException(
                    "max-leases, max-blocks-per-lease, lease-time and max-ended must be positive, not " + maxLeases
                            + ", " + maxBlocksPerLease + ", " + leaseTime + " and " + maxEnded);
        }
    }

    /** The defaults. */
    public static LeaseLimits defaults() {
        return new LeaseLimits(DEFAULT_MAX_LEASES, DEFAULT_MAX_BLOCKS, DEFAULT_LEASE_TIME, DEFAULT_MAX_ENDED);
    }

    /** With other numbers of leases and blocks. */
    public LeaseLimits withMost(int leases, int blocksPerLease) {
        return new LeaseLimits(leases, blocksPerLease, leaseTime, maxEnded);
    }

    /** With another lease time. */
    public LeaseLimits withLeaseTime(Duration time) {
        return new LeaseLimits(maxLeases, maxBlocksPerLease, time, maxEnded);
    }
}
