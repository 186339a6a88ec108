package io.baton.kv.lease;

/**
 * Gauges of a {@link LeaseTable} at one moment.
 *
 * @param leases open leases
 * @param pinnedBlocks blocks that they pin
 * @param pinnedBytes bytes of these
 * @param openReads blocks that are being read by a receiver
 */
public record LeaseStats(int leases, int pinnedBlocks, long pinnedBytes, int openReads) {}
