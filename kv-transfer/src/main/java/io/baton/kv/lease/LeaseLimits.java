package io.baton.kv.lease;

/**
 * Bounds of a {@link LeaseTable}.
 *
 * @param maxLeases most leases that are open at once; {@value #DEFAULT_MAX_LEASES} by default
 * @param maxBlocksPerLease most blocks that one lease pins at once; {@value #DEFAULT_MAX_BLOCKS} by default
 */
public record LeaseLimits(int maxLeases, int maxBlocksPerLease) {
    /** Default of {@link #maxLeases}. */
    public static final int DEFAULT_MAX_LEASES = 4096;
    /** Default of {@link #maxBlocksPerLease}. */
    public static final int DEFAULT_MAX_BLOCKS = 65536;

    /** Checks that both are positive. */
    public LeaseLimits {
        if (maxLeases < 1 || maxBlocksPerLease < 1) {
            throw new IllegalArgumentException("max-leases and max-blocks-per-lease must be at least 1, not "
                    + maxLeases + " and " + maxBlocksPerLease);
        }
    }

    /** The defaults. */
    public static LeaseLimits defaults() {
        return new LeaseLimits(DEFAULT_MAX_LEASES, DEFAULT_MAX_BLOCKS);
    }
}
