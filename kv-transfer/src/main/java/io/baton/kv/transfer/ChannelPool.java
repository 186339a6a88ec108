package io.baton.kv.transfer;

import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.grpc.AddedHandler;
import io.baton.kv.block.HolderAddress;
import io.baton.tls.ServiceRole;
import io.baton.tls.ServiceTls;
import io.grpc.Channel;
import io.grpc.ConnectivityState;
import io.grpc.ManagedChannel;
import io.grpc.netty.InternalNettyChannelBuilder;
import io.grpc.netty.InternalProtocolNegotiator.ProtocolNegotiator;
import io.grpc.netty.NettyChannelBuilder;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.PooledByteBufAllocator;
import io.netty.channel.AdaptiveRecvByteBufAllocator;
import io.netty.channel.ChannelOption;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

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

    /** Prefill hands out prompts' blocks, a draining decode worker those of its streams. */
    private static final Set<ServiceRole> HOLDERS = Set.of(ServiceRole.PREFILL, ServiceRole.DECODE);

    private static final AtomicReference<@Nullable ByteBufAllocator> READS = new AtomicReference<>();

    private final int maxChannels;
    private final Function<HolderAddress, ManagedChannel> opener;
    private final Map<HolderAddress, Entry> entries = new LinkedHashMap<>(16, 0.75f, true);
    private int uses;
    private boolean closed;

    private static final class Entry {
        final ManagedChannel channel;
        int users;

        Entry(ManagedChannel channel) {
            this.channel = channel;
        }
    }

    ChannelPool(PullerConfig config, ServiceTls tls) {
        this(config.maxChannels(), opener(config, tls));
    }

    /** With another way to make a connection. */
    ChannelPool(int maxChannels, Function<HolderAddress, ManagedChannel> opener) {
        this.maxChannels = maxChannels;
        this.opener = opener;
    }

    /** A use of a channel, which stays open until then. Closing is idempotent. */
    final class Use implements AutoCloseable {
        private final Entry entry;
        private boolean over;

        private Use(Entry entry) {
            this.entry = entry;
            entry.users++;
            uses++;
        }

        Channel channel() {
            return entry.channel;
        }

        @Override
        public void close() {
            synchronized (ChannelPool.this) {
                if (!over) {
                    over = true;
                    entry.users--;
                    uses--;
                }
            }
        }
    }

    /**
     * Begins a use of the channel to a holder. One that could not connect is replaced: gRPC would let every call fail until a
     * wait is over that doubles to minutes, and a holder that was away for a second would be lost for many.
     */
    Use acquire(HolderAddress holder) {
        @Nullable ManagedChannel failed = null;
        @Nullable ManagedChannel evicted = null;
        try {
            synchronized (this) {
                if (closed) {
                    throw new BatonException(ErrorCode.CANCELLED, "the puller of KV blocks is closed");
                }
                Entry entry = entries.get(holder);
                if (entry != null && entry.channel.getState(false) == ConnectivityState.TRANSIENT_FAILURE) {
                    failed = entry.channel;
                    entries.remove(holder);
                    entry = null;
                }
                if (entry == null) {
                    if (entries.size() >= maxChannels) {
                        evicted = evict();
                    }
                    entry = new Entry(opener.apply(holder));
                    entries.put(holder, entry);
                }
                return new Use(entry);
            }
        } finally {
            // Without the lock, as everywhere: a channel calls those back that use it.
            if (failed != null) {
                failed.shutdown();
            }
            if (evicted != null) {
                evicted.shutdown();
            }
        }
    }

    /** The holder does not answer: let the next call make a new connection instead of waiting on this one. */
    void suspect(HolderAddress holder) {
        Entry entry;
        synchronized (this) {
            entry = entries.get(holder);
        }
        if (entry != null) {
            entry.channel.enterIdle();
        }
    }

    synchronized int size() {
        return entries.size();
    }

    /** Uses that are not over. */
    synchronized int uses() {
        return uses;
    }

    private ManagedChannel evict() {
        for (Iterator<Entry> i = entries.values().iterator(); i.hasNext(); ) {
            Entry entry = i.next();
            if (entry.users == 0) {
                i.remove();
                return entry.channel;
            }
        }
        throw new BatonException(
                ErrorCode.QUEUE_FULL,
                "blocks are being pulled from " + entries.size()
                        + " holders, as many as max-channels allows; retry later");
    }

    /**
     * Has chunks of 16 MiB, of which a connection's reads fill less than a quarter. Of gRPC's own of 2 MiB each is filled by
     * a few reads, then emptied and given back, and the next one costs page faults and zeroes. One for all connections of the
     * process, made when the first is opened: native-image takes no buffers into an image.
     */
    private static ByteBufAllocator reads() {
        synchronized (READS) {
            ByteBufAllocator reads = READS.get();
            if (reads == null) {
                reads = new PooledByteBufAllocator(
                        true,
                        0,
                        1,
                        PooledByteBufAllocator.defaultPageSize(),
                        11,
                        PooledByteBufAllocator.defaultSmallCacheSize(),
                        PooledByteBufAllocator.defaultNormalCacheSize(),
                        true);
                READS.set(reads);
            }
            return reads;
        }
    }

    private static Function<HolderAddress, ManagedChannel> opener(PullerConfig config, ServiceTls tls) {
        var negotiator = tls.client(HOLDERS);
        return holder -> open(holder, config, negotiator);
    }

    private static ManagedChannel open(HolderAddress holder, PullerConfig config, ProtocolNegotiator negotiator) {
        NettyChannelBuilder builder = NettyChannelBuilder.forAddress(holder.host(), holder.port());
        InternalNettyChannelBuilder.setProtocolNegotiatorFactory(
                builder,
                () -> new AddedHandler(
                        negotiator, connection -> new LargeFrames(connection, config.maxHttp2FrameBytes())));
        return builder.directExecutor()
                .flowControlWindow(config.flowControlWindow())
                .withOption(ChannelOption.ALLOCATOR, reads())
                .withOption(
                        ChannelOption.RCVBUF_ALLOCATOR, new AdaptiveRecvByteBufAllocator(MIN_READ, MIN_READ, MAX_READ))
                .maxInboundMessageSize(config.maxFrameBytes() + FRAME_SLACK)
                .idleTimeout(config.idleTimeout().toNanos(), TimeUnit.NANOSECONDS)
                .disableRetry()
                .build();
    }

    @Override
    public void close() {
        List<Entry> all;
        synchronized (this) {
            closed = true;
            all = List.copyOf(entries.values());
            entries.clear();
        }
        all.forEach(entry -> entry.channel.shutdownNow());
    }
}
