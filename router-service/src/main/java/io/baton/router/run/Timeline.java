package io.baton.router.run;

import io.baton.decode.v1.DecodeFinished;
import io.baton.inference.v1.Completion;
import io.baton.inference.v1.Timing;
import io.baton.inference.v1.Usage;
import io.baton.prefill.v1.PrefillFinished;
import io.baton.router.life.Outcome;

/**
 * When the steps of one request happened, in microseconds since its arrival; 0 where one has not.
 *
 * <p><em>Thread-safety:</em> none; belongs to the request's serial executor.
 */
final class Timeline {
    private final long arrivedNanos;
    long tokenize;
    long go;
    long reserved;
    long firstLanded;
    long lastLanded;
    long prefillFinished;
    long firstToken;
    long secondToken;
    long lastOutput;
    String prefillWorker = "";
    String decodeWorker = "";

    Timeline(long arrivedNanos) {
        this.arrivedNanos = arrivedNanos;
    }

    /** Now, in microseconds since the arrival. */
    long now() {
        return at(System.nanoTime());
    }

    /** A {@link System#nanoTime} in microseconds since the arrival; at least 1, because 0 says that a step did not happen. */
    long at(long nanos) {
        return Math.max(1, (nanos - arrivedNanos) / 1000);
    }

    /** Forgets the steps of an attempt that failed. */
    void newAttempt() {
        tokenize = 0;
        go = 0;
        reserved = 0;
        firstLanded = 0;
        lastLanded = 0;
        prefillFinished = 0;
        prefillWorker = "";
        decodeWorker = "";
    }

    /** Decode told that so many of the prompt's blocks have landed; it tells of the first and of the last at once. */
    void blocksLanded(int landed, int blocks) {
        long now = now();
        if (firstLanded == 0) {
            firstLanded = now;
        }
        if (lastLanded == 0 && landed >= blocks) {
            lastLanded = now;
        }
    }

    Timing toTiming(Outcome outcome) {
        PrefillFinished prefill = outcome.prefill();
        DecodeFinished decode = outcome.decode();
        Timing.Builder timing = Timing.newBuilder()
                .setTokenizeUs(tokenize)
                .setFirstTokenUs(firstToken)
                .setReservedUs(reserved)
                .setFirstBlockLandedUs(firstLanded)
                .setLastBlockLandedUs(lastLanded)
                .setPrefillFinishedUs(prefillFinished)
                .setSecondTokenUs(secondToken)
                .setTotalUs(now())
                .setPrefillWorker(prefillWorker)
                .setDecodeWorker(decode == null ? "" : decodeWorker);
        boolean local = prefillWorker.isEmpty();
        if (prefill != null) {
            timing.setQueueUs(prefill.getQueueUs())
                    .setPrefillUs(prefill.getPrefillUs())
                    .setPrefillComputedTokens(local ? 0 : prefill.getComputedTokens());
        }
        if (decode != null) {
            timing.setKvBytes(decode.getKvBytes())
                    .setBlocksPulled(decode.getBlocksPulled())
                    .setBlocksReused(decode.getBlocksReused())
                    .setWireUs(decode.getWireUs())
                    .setLastBlockWaitUs(decode.getLastBlockWaitUs())
                    .setDecodeUs(decode.getDecodeUs())
                    .setDecodeComputedTokens(
                            local && prefill != null ? prefill.getComputedTokens() : decode.getComputedTokens());
        }
        return timing.build();
    }

    static Usage usage(Outcome outcome) {
        PrefillFinished prefill = outcome.prefill();
        DecodeFinished decode = outcome.decode();
        Completion completion = outcome.completion();
        return Usage.newBuilder()
                .setPromptTokens(outcome.promptTokens())
                .setCompletionTokens(completion.getCompletionTokens())
                .setPrefillCachedTokens(prefill == null ? 0 : prefill.getCachedTokens())
                .setDecodeCachedTokens(decode == null ? 0 : decode.getCachedTokens())
                .build();
    }
}
