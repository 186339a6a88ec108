package io.baton.kv.transfer;

import java.time.Duration;

/**
 * Settings of a {@link KvTransferServer}.
 *
 * @param frameBytes rows per message, in [1 KiB, 16 MiB]
 * @param readyBytes a pull is given the next frame while fewer of its bytes than this wait for the network
 * @param maxConcurrentPulls pulls that are served at once; one more is refused with {@code QUEUE_FULL}
 * @param stallTimeout a pull whose receiver takes nothing for so long is broken off
 */
public record SenderConfig(int frameBytes, int readyBytes, int maxConcurrentPulls, Duration stallTimeout) {
    /** Default of {@link #frameBytes}: 256 KiB. */
    public static final int DEFAULT_FRAME_BYTES = 256 << 10;
    /** Default of {@link #readyBytes}: 512 KiB. */
    public static final int DEFAULT_READY_BYTES = 512 << 10;
    /** Default of {@link #maxConcurrentPulls}. */
    public static final int DEFAULT_MAX_CONCURRENT_PULLS = 64;
    /** Default of {@link #stallTimeout}. */
    public static final Duration DEFAULT_STALL_TIMEOUT = Duration.ofSeconds(10);

    private static final int MIN_FRAME_BYTES = 1 << 10;
    private static final int MAX_FRAME_BYTES = 16 << 20;

    /** Checks the ranges. */
    public SenderConfig {
        if (frameBytes < MIN_FRAME_BYTES || frameBytes > MAX_FRAME_BYTES) {
            throw new IllegalArgumentException(
                    "frame-bytes must be from " + MIN_FRAME_BYTES + " to " + MAX_FRAME_BYTES + ", not " + frameBytes);
        }
        if (readyBytes < 1 || maxConcurrentPulls < 1 || !stallTimeout.isPositive()) {
            throw new IllegalArgumentException("ready-bytes, max-concurrent-pulls and stall-timeout must be positive");
        }
    }

    /** The defaults. */
    public static SenderConfig defaults() {
        return new SenderConfig(
                DEFAULT_FRAME_BYTES, DEFAULT_READY_BYTES, DEFAULT_MAX_CONCURRENT_PULLS, DEFAULT_STALL_TIMEOUT);
    }
}
