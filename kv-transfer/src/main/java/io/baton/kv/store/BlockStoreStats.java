package io.baton.kv.store;

/**
 * Counters and gauges of a {@link BlockStore} at one moment.
 *
 * @param capacityBytes most bytes that it holds
 * @param usedBytes bytes of all blocks
 * @param pinnedBytes bytes of the blocks that somebody holds
 * @param blocks number of blocks
 * @param pinnedBlocks how many of them somebody holds
 * @param hits blocks that {@link BlockStore#find} found, since the start
 * @param misses blocks that it did not find, since the start
 * @param insertions blocks that became findable, since the start
 * @param evictions blocks that were evicted to make room, since the start
 */
public record BlockStoreStats(
        long capacityBytes,
        long usedBytes,
        long pinnedBytes,
        int blocks,
        int pinnedBlocks,
        long hits,
        long misses,
        long insertions,
        long evictions) {}
