package io.baton.kv.transfer;

import io.baton.error.ErrorCode;
import java.util.Map;

/**
 * Counters and gauges of a {@link KvPuller} at one moment.
 *
 * @param openPulls pulls under way
 * @param queuedPulls pulls that wait for one of them to end
 * @param channels holders that connections are kept to
 * @param channelUses pulls and acknowledgements under way on these
 * @param pulledBlocks blocks pulled and verified, since the start
 * @param pulledBytes bytes of these
 * @param pullNanos time that these took on the wire, summed
 * @param acknowledgedBlocks blocks that holders confirmed as given back
 * @param cancelledPulls pulls that were cancelled here
 * @param failed pulls that were refused or failed, by error
 * @param refused descriptors that were refused before anything was sent, by error
 * @param keptLeases leases that are being renewed
 * @param failedRenewals requests to renew that were not answered
 */
public record PullerStats(
        int openPulls,
        int queuedPulls,
        int channels,
        int channelUses,
        long pulledBlocks,
        long pulledBytes,
        long pullNanos,
        long acknowledgedBlocks,
        long cancelledPulls,
        Map<ErrorCode, Long> failed,
        Map<ErrorCode, Long> refused,
        int keptLeases,
        long failedRenewals) {
    /** Copies the maps. */
    public PullerStats {
        failed = Map.copyOf(failed);
        refused = Map.copyOf(refused);
    }
}
