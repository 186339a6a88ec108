package io.baton.kv.transfer;

import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.kv.block.HolderAddress;
import io.grpc.ManagedChannel;
import io.grpc.netty.NettyChannelBuilder;
import io.netty.channel.AdaptiveRecvByteBufAllocator;
import io.netty.channel.ChannelOption;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * One connection per holder, at most a number of holders; of those that nobody uses, the one that was not used for the
 * longest time makes room.
 *
 * <p><em>Thread-safety:</em> safe. Owns the channels.
 */
final class ChannelPool implements AutoCloseable {
    /** Bytes of a frame beside its rows, generously. */
    private static final int FRAME_SLACK = 1 << 10;

    /** Netty's own most is 64 KiB; larger reads halve the system calls and save a tenth of a pull's CPU time. */
    private static final int MAX_READ = 512 << 10;

    private static final int MIN_READ = 16 << 10;

    private final PullerConfig config;
    private final Map<HolderAddress, Entry> entries = new LinkedHashMap<>(16, 0.75f, true);
    private boolean closed;

    private static final class Entry {
        final ManagedChannel channel;
        int users;

        Entry(ManagedChannel channel) {
            this.channel = channel;
        }
    }

    ChannelPool(PullerConfig config) {
        this.config = config;
    }

    /** The channel to a holder, until {@link #release}. */
    synchronized ManagedChannel acquire(HolderAddress holder) {
        if (closed) {
            throw new BatonException(ErrorCode.CANCELLED, "the puller of KV blocks is closed");
        }
        Entry entry = entries.get(holder);
        if (entry == null) {
            if (entries.size() >= config.maxChannels()) {
                evict();
            }
            entry = new Entry(open(holder));
            entries.put(holder, entry);
        }
        entry.users++;
        return entry.channel;
    }

    synchronized void release(HolderAddress holder) {
        Entry entry = entries.get(holder);
        if (entry != null) {
            entry.users--;
        }
    }

    /** The holder does not answer: let the next call make a new connection instead of waiting on this one. */
    synchronized void suspect(HolderAddress holder) {
        Entry entry = entries.get(holder);
        if (entry != null) {
            entry.channel.enterIdle();
        }
    }

    synchronized int size() {
        return entries.size();
    }

    private void evict() {
        for (Iterator<Entry> i = entries.values().iterator(); i.hasNext(); ) {
            Entry entry = i.next();
            if (entry.users == 0) {
                i.remove();
                entry.channel.shutdown();
                return;
            }
        }
        throw new BatonException(
                ErrorCode.QUEUE_FULL,
                "blocks are being pulled from " + entries.size()
                        + " holders, as many as max-channels allows; retry later");
    }

    private ManagedChannel open(HolderAddress holder) {
        return NettyChannelBuilder.forAddress(holder.host(), holder.port())
                .usePlaintext()
                .directExecutor()
                .flowControlWindow(config.flowControlWindow())
                .withOption(
                        ChannelOption.RCVBUF_ALLOCATOR, new AdaptiveRecvByteBufAllocator(MIN_READ, MIN_READ, MAX_READ))
                .maxInboundMessageSize(config.maxFrameBytes() + FRAME_SLACK)
                .idleTimeout(config.idleTimeout().toNanos(), TimeUnit.NANOSECONDS)
                .disableRetry()
                .build();
    }

    @Override
    public synchronized void close() {
        closed = true;
        entries.values().forEach(entry -> entry.channel.shutdownNow());
        entries.clear();
    }
}
