package io.baton.worker;

import static io.baton.worker.SettingException.check;

import io.smallrye.config.WithDefault;
import java.time.Duration;
import java.util.Optional;

/** Settings of KV blocks: how they are cut, kept and moved. Their prefix is {@code baton.kv}. */
public interface KvSettings {
    /** Tokens per KV block; the same on every worker that exchanges blocks. */
    @WithDefault("256")
    int blockSize();

    /** Off-heap memory of the block store: prefix cache and blocks on their way. */
    @WithDefault("1G")
    MemorySize storeSize();

    /** Bytes per message of a pull. */
    @WithDefault("256K")
    MemorySize frameSize();

    /** Bytes that may wait in each of a holder's connections; with fewer, each system call sends fewer. */
    @WithDefault("1M")
    MemorySize writeBuffer();

    /** Bytes of a message that a holder may send this worker as one HTTP/2 frame; with fewer, both work more per byte. */
    @WithDefault("1M")
    MemorySize http2FrameSize();

    /** Blocks that a worker pulls at the same time; further ones wait their turn. */
    @WithDefault("4")
    int maxConcurrentPulls();

    /** Blocks that may wait for their turn to be pulled; a further one fails its request with QUEUE_FULL. */
    @WithDefault("65536")
    int maxQueuedPulls();

    /** Pulls that a worker serves at the same time; a further one is refused with QUEUE_FULL. */
    @WithDefault("64")
    int maxServedPulls();

    /** Bytes of one request that prefill computes ahead of decode's acknowledgements before it pauses. */
    @WithDefault("256M")
    MemorySize unpulledBudget();

    /** A pull that receives nothing for this long has failed. */
    @WithDefault("2s")
    Duration noProgressTimeout();

    /** A pull that takes longer than this in all has failed. */
    @WithDefault("30s")
    Duration pullDeadline();

    /** A pull whose receiver takes nothing for this long is broken off by the holder; after as long again its connection. */
    @WithDefault("10s")
    Duration stallTimeout();

    /** Holders that a worker keeps connections to. */
    @WithDefault("256")
    int maxHolders();

    /** How long a worker keeps blocks pinned that it handed out when nobody renews their lease. */
    @WithDefault("30s")
    Duration leaseTime();

    /** File with the keys that sign descriptors and name blocks, the same on all workers; without it nothing is signed. */
    Optional<String> keys();

    /** How often the file of keys is read again. */
    @WithDefault("10s")
    Duration keysReload();

    /** Fails with a {@link SettingException} on the first value out of range. */
    default void validate() {
        check(
                blockSize() >= 1 && blockSize() <= 65_536,
                "baton.kv.block-size",
                blockSize(),
                "must be in [1, 65536] tokens");
        check(storeSize().bytes() >= 1, "baton.kv.store-size", storeSize(), "must be at least 1 byte");
        check(
                frameSize().bytes() >= 1024 && frameSize().bytes() <= 4 << 20,
                "baton.kv.frame-size",
                frameSize(),
                "must be in [1K, 4M]");
        check(
                writeBuffer().bytes() >= 64 << 10 && writeBuffer().bytes() <= 64 << 20,
                "baton.kv.write-buffer",
                writeBuffer(),
                "must be in [64K, 64M]");
        check(
                http2FrameSize().bytes() >= 16 << 10 && http2FrameSize().bytes() <= 8 << 20,
                "baton.kv.http2-frame-size",
                http2FrameSize(),
                "must be in [16K, 8M]");
        check(
                maxConcurrentPulls() >= 1 && maxConcurrentPulls() <= 256,
                "baton.kv.max-concurrent-pulls",
                maxConcurrentPulls(),
                "must be in [1, 256]");
        check(maxQueuedPulls() >= 1, "baton.kv.max-queued-pulls", maxQueuedPulls(), "must be at least 1");
        check(maxServedPulls() >= 1, "baton.kv.max-served-pulls", maxServedPulls(), "must be at least 1");
        check(maxHolders() >= 1, "baton.kv.max-holders", maxHolders(), "must be at least 1");
        check(pullDeadline().isPositive(), "baton.kv.pull-deadline", pullDeadline(), "must be longer than zero");
        check(stallTimeout().isPositive(), "baton.kv.stall-timeout", stallTimeout(), "must be longer than zero");
        check(
                leaseTime().compareTo(Duration.ofMillis(100)) >= 0,
                "baton.kv.lease-time",
                leaseTime(),
                "must be at least 100ms");
        check(keysReload().isPositive(), "baton.kv.keys-reload", keysReload(), "must be longer than zero");
        check(unpulledBudget().bytes() >= 1, "baton.kv.unpulled-budget", unpulledBudget(), "must be at least 1 byte");
        check(
                noProgressTimeout().isPositive(),
                "baton.kv.no-progress-timeout",
                noProgressTimeout(),
                "must be longer than zero");
    }
}
