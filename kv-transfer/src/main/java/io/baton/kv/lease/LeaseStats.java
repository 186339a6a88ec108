package io.baton.kv.lease;

/**
 * Gauges and counters of a {@link LeaseTable} at one moment.
 *
 * @param leases open leases
 * @param pinnedBlocks blocks that they pin
 * @param pinnedBytes bytes of these
 * @param openReads blocks that are being read by a receiver
 * @param renewed renewals by receivers, since the start
 * @param expired leases that ran out, since the start
 */
public record LeaseStats(int leases, int pinnedBlocks, long pinnedBytes, int openReads, long renewed, long expired) {}
