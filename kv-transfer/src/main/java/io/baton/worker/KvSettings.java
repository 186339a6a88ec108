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

    /** How long a holder keeps blocks for a receiver that gives no sign; the receiver renews every third of it. */
    @WithDefault("30s")
    Duration leaseTime();

    /** Leases that a holder remembers after their end, to say why they ended. */
    @WithDefault("4096")
    int maxEndedLeases();

    /** File with the cluster's keys, the same for all workers; without it descriptors are not signed and names are plain hashes. */
    Optional<String> keysFile();

    /** How often the file of keys is looked at for a change. */
    @WithDefault("5s")
    Duration keysReload();

    /** Holders that a worker keeps connections to. */
    @WithDefault("256")
    int maxHolders();

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
        check(
                leaseTime().compareTo(Duration.ofSeconds(1)) >= 0,
                "baton.kv.lease-time",
                leaseTime(),
                "must be at least 1s");
        check(maxEndedLeases() >= 1, "baton.kv.max-ended-leases", maxEndedLeases(), "must be at least 1");
        check(keysReload().isPositive(), "baton.kv.keys-reload", keysReload(), "must be longer than zero");
        check(maxHolders() >= 1, "baton.kv.max-holders", maxHolders(), "must be at least 1");
        check(pullDeadline().isPositive(), "baton.kv.pull-deadline", pullDeadline(), "must be longer than zero");
        check(stallTimeout().isPositive(), "baton.kv.stall-timeout", stallTimeout(), "must be longer than zero");
        check(unpulledBudget().bytes() >= 1, "baton.kv.unpulled-budget", unpulledBudget(), "must be at least 1 byte");
        check(
                noProgressTimeout().isPositive(),
                "baton.kv.no-progress-timeout",
                noProgressTimeout(),
                "must be longer than zero");
    }
}
