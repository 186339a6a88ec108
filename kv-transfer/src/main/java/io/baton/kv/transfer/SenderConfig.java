package io.baton.kv.transfer;

import java.time.Duration;

/**
 * Settings of a {@link KvTransferServer}.
 *
 * @param frameBytes rows per message, in [1 KiB, 16 MiB]
 * @param readyBytes a pull is given the next frame while fewer of its bytes than this wait for the network
 * @param writeBufferBytes a connection is given no more while so many bytes of it wait for the operating system, in
 *     [64 KiB, 64 MiB]; with a small one each system call takes a small piece
 * @param maxConcurrentPulls pulls that are served at once; one more is refused with {@code QUEUE_FULL}
 * @param stallTimeout a pull whose receiver takes nothing for so long is broken off
 */
public record SenderConfig(
        int frameBytes, int readyBytes, int writeBufferBytes, int maxConcurrentPulls, Duration stallTimeout) {
    /** Default of {@link #frameBytes}: 256 KiB. */
    public static final int DEFAULT_FRAME_BYTES = 256 << 10;
    /** Default of {@link #readyBytes}: 512 KiB. */
    public static final int DEFAULT_READY_BYTES = 512 << 10;
    /** Default of {@link #writeBufferBytes}: 1 MiB. */
    public static final int DEFAULT_WRITE_BUFFER_BYTES = 1 << 20;
    /** Default of {@link #maxConcurrentPulls}. */
    public static final int DEFAULT_MAX_CONCURRENT_PULLS = 64;
    /** Default of {@link #stallTimeout}. */
    public static final Duration DEFAULT_STALL_TIMEOUT = Duration.ofSeconds(10);

    private static final int MIN_FRAME_BYTES = 1 << 10;
    private static final int MAX_FRAME_BYTES = 16 << 20;
    private static final int MIN_WRITE_BUFFER_BYTES = 64 << 10;
    private static final int MAX_WRITE_BUFFER_BYTES = 64 << 20;

    /** Checks the ranges. */
    public SenderConfig {
        if (frameBytes < MIN_FRAME_BYTES || frameBytes > MAX_FRAME_BYTES) {
            throw new IllegalArgumentException(
                    "frame-bytes must be from " + MIN_FRAME_BYTES + " to " + MAX_FRAME_BYTES + ", not " + frameBytes);
        }
        if (writeBufferBytes < MIN_WRITE_BUFFER_BYTES || writeBufferBytes > MAX_WRITE_BUFFER_BYTES) {
            throw new IllegalArgumentException("write-buffer-bytes must be from " + MIN_WRITE_BUFFER_BYTES + " to "
                    + MAX_WRITE_BUFFER_BYTES + ", not " + writeBufferBytes);
        }
        if (readyBytes < 1 || maxConcurrentPulls < 1 || !stallTimeout.isPositive()) {
            throw new IllegalArgumentException("ready-bytes, max-concurrent-pulls and stall-timeout must be positive");
        }
    }

    /** The defaults. */
    public static SenderConfig defaults() {
        return new SenderConfig(
                DEFAULT_FRAME_BYTES,
                DEFAULT_READY_BYTES,
                DEFAULT_WRITE_BUFFER_BYTES,
                DEFAULT_MAX_CONCURRENT_PULLS,
                DEFAULT_STALL_TIMEOUT);
    }

    /** The same with other frames, and with two of them ready at least, so that one is sent while the next is made. */
    public SenderConfig withFrameBytes(int bytes) {
        return new SenderConfig(
                bytes, Math.max(readyBytes, 2 * bytes), writeBufferBytes, maxConcurrentPulls, stallTimeout);
    }

    /** The same with another write buffer. */
    public SenderConfig withWriteBufferBytes(int bytes) {
        return new SenderConfig(frameBytes, readyBytes, bytes, maxConcurrentPulls, stallTimeout);
    }

    /** The same with other bounds on pulls. */
    public SenderConfig withPulls(int concurrent, Duration newStallTimeout) {
        return new SenderConfig(frameBytes, readyBytes, writeBufferBytes, concurrent, newStallTimeout);
    }
}
