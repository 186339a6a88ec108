package io.baton.kv.transfer;

import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.kv.block.HolderAddress;
import io.baton.kv.v1.KvDescriptor;
import io.baton.kv.v1.KvTransferServiceGrpc;
import io.baton.kv.v1.RenewRequest;
import io.baton.kv.v1.RenewResponse;
import io.grpc.stub.StreamObserver;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/**
 * Keeps the leases of offered blocks alive at their holders: every third of a lease's time one request per holder, on a stream
 * that stays open as long as there is something to renew. A request that is not answered by the time of the next one, or a
 * stream that breaks, is followed by a new stream; nothing is concluded from it, because only the holder's clock ends a lease.
 *
 * <p><em>Thread-safety:</em> safe. Streams are touched on the timer's thread only; one lock, under which nothing is called,
 * guards the rest.
 */
final class LeaseRenewer implements AutoCloseable {
    /** Renewals within the time of a lease: two may get lost. */
    static final int PER_LEASE = 3;

    private static final System.Logger LOG = System.getLogger(LeaseRenewer.class.getName());

    private final ChannelPool channels;
    private final String receiver;
    private final long leaseNanos;
    private final ScheduledExecutorService timer;
    private final LongAdder failures = new LongAdder();

    private final Object lock = new Object();
    private final Map<HolderAddress, Peer> peers = new HashMap<>();
    private boolean closed;

    private record LeaseName(long epoch, long id) {}

    private static final class Peer {
        final Map<LeaseName, Set<Integer>> leases = new HashMap<>();
        /** As the holder said; until then as set here. */
        long leaseNanos;
        /** Only on the timer's thread. */
        @Nullable
        Stream stream;

        Peer(long leaseNanos) {
            this.leaseNanos = leaseNanos;
        }
    }

    /**
     * A renewer that begins at once.
     *
     * @param timer its one thread must not be blocked; stays the caller's
     */
    LeaseRenewer(ChannelPool channels, String receiver, Duration leaseTime, ScheduledExecutorService timer) {
        this.channels = channels;
        this.receiver = receiver;
        this.leaseNanos = leaseTime.toNanos();
        this.timer = timer;
        scheduleNext();
    }

    /** Renews the lease of this block from now on. */
    void keep(KvDescriptor d) {
        HolderAddress holder = HolderAddress.parse(d.getHolderAddress());
        synchronized (lock) {
            peers.computeIfAbsent(holder, _ -> new Peer(leaseNanos))
                    .leases
                    .computeIfAbsent(name(d), _ -> new HashSet<>())
                    .add(d.getBlockIndex());
        }
    }

    /** Renews it on behalf of this block no longer. */
    void forget(KvDescriptor d) {
        HolderAddress holder = HolderAddress.parse(d.getHolderAddress());
        boolean last;
        synchronized (lock) {
            Peer peer = peers.get(holder);
            Set<Integer> blocks = peer == null ? null : peer.leases.get(name(d));
            if (peer == null || blocks == null) {
                return;
            }
            blocks.remove(d.getBlockIndex());
            if (blocks.isEmpty()) {
                peer.leases.remove(name(d));
            }
            last = peer.leases.isEmpty();
        }
        if (last) {
            onTimer(() -> endIfIdle(holder));
        }
    }

    private static LeaseName name(KvDescriptor d) {
        return new LeaseName(d.getHolderEpoch(), d.getLeaseId());
    }

    /** Leases that are kept alive. */
    int leases() {
        synchronized (lock) {
            return peers.values().stream().mapToInt(p -> p.leases.size()).sum();
        }
    }

    /** Requests that were not answered. */
    long failures() {
        return failures.sum();
    }

    // ---- on the timer's thread

    private void onTimer(Runnable task) {
        try {
            timer.execute(task);
        } catch (RejectedExecutionException e) {
            LOG.log(System.Logger.Level.DEBUG, "the puller is closed, and its streams with it", e);
        }
    }

    private void scheduleNext() {
        long shortest = leaseNanos;
        synchronized (lock) {
            for (Peer peer : peers.values()) {
                shortest = Math.min(shortest, peer.leaseNanos);
            }
            if (closed) {
                return;
            }
        }
        var _ = timer.schedule(this::tick, Math.max(1_000_000, shortest / PER_LEASE), TimeUnit.NANOSECONDS);
    }

    private void tick() {
        try {
            List<HolderAddress> holders;
            synchronized (lock) {
                holders = List.copyOf(peers.keySet());
            }
            holders.forEach(this::renew);
        } finally {
            scheduleNext();
        }
    }

    private void renew(HolderAddress holder) {
        Map<Long, RenewRequest.Builder> byEpoch = new HashMap<>();
        Peer peer;
        synchronized (lock) {
            peer = peers.get(holder);
            if (peer == null) {
                return;
            }
            for (LeaseName lease : peer.leases.keySet()) {
                byEpoch.computeIfAbsent(
                                lease.epoch(),
                                epoch -> RenewRequest.newBuilder()
                                        .setHolderEpoch(epoch)
                                        .setReceiver(receiver))
                        .addLeaseIds(lease.id());
            }
        }
        if (byEpoch.isEmpty()) {
            endIfIdle(holder);
            return;
        }
        Stream stream = peer.stream;
        if (stream != null && !stream.answered()) {
            failures.increment();
            stream.cancel();
            stream = null;
        }
        try {
            if (stream == null || stream.over()) {
                stream = new Stream(peer, channels.acquire(holder));
                peer.stream = stream;
                stream.begin();
            }
            for (RenewRequest.Builder request : byEpoch.values()) {
                stream.send(request.build());
            }
        } catch (RuntimeException e) {
            // Too many holders, or the connection breaks just now. The next tick tries again.
            failures.increment();
            LOG.log(System.Logger.Level.DEBUG, "leases at " + holder + " could not be renewed", e);
        }
    }

    private void endIfIdle(HolderAddress holder) {
        Stream stream;
        synchronized (lock) {
            Peer peer = peers.get(holder);
            if (peer == null || !peer.leases.isEmpty()) {
                return;
            }
            stream = peer.stream;
            peers.remove(holder);
        }
        if (stream != null) {
            stream.end();
        }
    }

    private void answered(Peer peer, RenewResponse response) {
        synchronized (lock) {
            peer.leaseNanos = Math.max(1, response.getLeaseTimeUs()) * 1000;
            var ended = new HashSet<>(response.getEndedLeaseIdsList());
            peer.leases.keySet().removeIf(lease -> ended.contains(lease.id()));
        }
    }

    /** One stream to one holder. Its own lock guards what network threads change. */
    private final class Stream implements StreamObserver<RenewResponse> {
        private final Peer peer;
        private final ChannelPool.Use use;
        private @Nullable StreamObserver<RenewRequest> requests;
        private int unanswered;
        private boolean over;

        Stream(Peer peer, ChannelPool.Use use) {
            this.peer = peer;
            this.use = use;
        }

        void begin() {
            try {
                requests = KvTransferServiceGrpc.newStub(use.channel()).renew(this);
            } catch (RuntimeException e) {
                close();
                throw e;
            }
        }

        void send(RenewRequest request) {
            StreamObserver<RenewRequest> r = requests;
            if (r == null || over()) {
                return;
            }
            synchronized (this) {
                unanswered++;
            }
            try {
                r.onNext(request);
            } catch (RuntimeException e) {
                close();
                throw e;
            }
        }

        synchronized boolean answered() {
            return unanswered == 0;
        }

        synchronized boolean over() {
            return over;
        }

        void cancel() {
            StreamObserver<RenewRequest> r = requests;
            if (r != null && !over()) {
                r.onError(new BatonException(ErrorCode.CANCELLED, "the holder does not answer"));
            }
            close();
        }

        void end() {
            StreamObserver<RenewRequest> r = requests;
            if (r != null && !over()) {
                r.onCompleted();
            }
        }

        private void close() {
            synchronized (this) {
                over = true;
                unanswered = 0;
            }
            use.close();
        }

        @Override
        public void onNext(RenewResponse response) {
            synchronized (this) {
                unanswered = Math.max(0, unanswered - 1);
            }
            LeaseRenewer.this.answered(peer, response);
        }

        @Override
        public void onError(Throwable t) {
            LOG.log(System.Logger.Level.DEBUG, "a stream of renewals has ended", t);
            close();
        }

        @Override
        public void onCompleted() {
            close();
        }
    }

    /** Renews nothing any more. The streams end with their channels. */
    @Override
    public void close() {
        synchronized (lock) {
            closed = true;
            peers.clear();
        }
    }
}
