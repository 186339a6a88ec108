package io.baton.kv.transfer;

import io.baton.error.ErrorCode;
import java.util.Map;

/**
 * Counters and gauges of a {@link KvTransferServer} at one moment.
 *
 * @param openPulls pulls being served
 * @param sentFrames frames handed to the network, since the start
 * @param sentBytes bytes of rows in them
 * @param sentBlocks blocks sent to their last byte
 * @param cancelledPulls pulls that the receiver, or the end of the lease, broke off
 * @param acknowledgedBlocks pinned blocks that receivers gave back
 * @param refused pulls and acknowledgements that were refused or broken off here, by error
 */
public record SenderStats(
        int openPulls,
        long sentFrames,
        long sentBytes,
        long sentBlocks,
        long cancelledPulls,
        long acknowledgedBlocks,
        Map<ErrorCode, Long> refused) {
    /** Copies the map. */
    public SenderStats {
        refused = Map.copyOf(refused);
    }
}
