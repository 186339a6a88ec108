package io.baton.kv.transfer;

import java.time.Duration;

/**
 * Settings of a {@link KvPuller}.
 *
 * @param maxConcurrentPulls blocks that are pulled at once, from all holders together
 * @param maxQueuedPulls pulls that wait for that; one more is refused with {@code QUEUE_FULL}
 * @param noProgressTimeout a pull that receives nothing for so long has failed
 * @param deadline a pull that takes longer in all has failed
 * @param flowControlWindow bytes that holders may send ahead of what was read, per pull and per connection
 * @param maxHttp2FrameBytes bytes of a message that holders may send as one HTTP/2 frame, in [16 KiB, 16 MiB)
 * @param maxFrameBytes largest frame that is accepted, at least the holders' frame size
 * @param maxChannels most holders that connections are kept to
 * @param idleTimeout a connection that was not used for so long is closed
 * @param leaseTime how long a holder keeps blocks that are not renewed, as long as it has not said so itself
 */
public record PullerConfig(
        int maxConcurrentPulls,
        int maxQueuedPulls,
        Duration noProgressTimeout,
        Duration deadline,
        int flowControlWindow,
        int maxHttp2FrameBytes,
        int maxFrameBytes,
        int maxChannels,
        Duration idleTimeout,
        Duration leaseTime) {
    /** Default of {@link #maxConcurrentPulls}. */
    public static final int DEFAULT_MAX_CONCURRENT_PULLS = 4;
    /** Default of {@link #maxQueuedPulls}. */
    public static final int DEFAULT_MAX_QUEUED_PULLS = 4096;
    /** Default of {@link #noProgressTimeout}. */
    public static final Duration DEFAULT_NO_PROGRESS_TIMEOUT = Duration.ofSeconds(2);
    /** Default of {@link #deadline}. */
    public static final Duration DEFAULT_DEADLINE = Duration.ofSeconds(30);
    /** Default of {@link #flowControlWindow}: 8 MiB. */
    public static final int DEFAULT_FLOW_CONTROL_WINDOW = 8 << 20;
    /** Default of {@link #maxHttp2FrameBytes}: 1 MiB. */
    public static final int DEFAULT_MAX_HTTP2_FRAME_BYTES = 1 << 20;
    /** Default of {@link #maxFrameBytes}: 16 MiB. */
    public static final int DEFAULT_MAX_FRAME_BYTES = 16 << 20;
    /** Default of {@link #maxChannels}. */
    public static final int DEFAULT_MAX_CHANNELS = 256;
    /** Default of {@link #idleTimeout}. */
    public static final Duration DEFAULT_IDLE_TIMEOUT = Duration.ofMinutes(1);
    /** Default of {@link #leaseTime}. */
    public static final Duration DEFAULT_LEASE_TIME = Duration.ofSeconds(30);

    /** Checks that every bound is positive. */
    public PullerConfig {
        if (maxHttp2FrameBytes < LargeFrames.MIN || maxHttp2FrameBytes > LargeFrames.MAX) {
            throw new IllegalArgumentException("max-http2-frame-bytes must be from " + LargeFrames.MIN + " to "
                    + LargeFrames.MAX + ", not " + maxHttp2FrameBytes);
        }
        if (maxConcurrentPulls < 1
                || maxQueuedPulls < 0
                || !noProgressTimeout.isPositive()
                || !deadline.isPositive()
                || flowControlWindow < 1
                || maxFrameBytes < 1
                || maxChannels < 1
                || !idleTimeout.isPositive()
                || !leaseTime.isPositive()) {
            throw new IllegalArgumentException(
                    "every limit of a puller must be positive; max-queued-pulls may be zero");
        }
    }

    /** The defaults. */
    public static PullerConfig defaults() {
        return new PullerConfig(
                DEFAULT_MAX_CONCURRENT_PULLS,
                DEFAULT_MAX_QUEUED_PULLS,
                DEFAULT_NO_PROGRESS_TIMEOUT,
                DEFAULT_DEADLINE,
                DEFAULT_FLOW_CONTROL_WINDOW,
                DEFAULT_MAX_HTTP2_FRAME_BYTES,
                DEFAULT_MAX_FRAME_BYTES,
                DEFAULT_MAX_CHANNELS,
                DEFAULT_IDLE_TIMEOUT,
                DEFAULT_LEASE_TIME);
    }

    /** The same with other bounds on pulls. */
    public PullerConfig withPulls(int concurrent, int queued) {
        return new PullerConfig(
                concurrent,
                queued,
                noProgressTimeout,
                deadline,
                flowControlWindow,
                maxHttp2FrameBytes,
                maxFrameBytes,
                maxChannels,
                idleTimeout,
                leaseTime);
    }

    /** The same with other time limits. */
    public PullerConfig withTimeouts(Duration newNoProgressTimeout, Duration newDeadline) {
        return new PullerConfig(
                maxConcurrentPulls,
                maxQueuedPulls,
                newNoProgressTimeout,
                newDeadline,
                flowControlWindow,
                maxHttp2FrameBytes,
                maxFrameBytes,
                maxChannels,
                idleTimeout,
                leaseTime);
    }

    /** The same with another lease time. */
    public PullerConfig withLeaseTime(Duration newLeaseTime) {
        return new PullerConfig(
                maxConcurrentPulls,
                maxQueuedPulls,
                noProgressTimeout,
                deadline,
                flowControlWindow,
                maxHttp2FrameBytes,
                maxFrameBytes,
                maxChannels,
                idleTimeout,
                newLeaseTime);
    }
}
