package io.baton.kv.transfer;

import io.baton.engine.KvLayout;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.kv.block.Descriptors;
import io.baton.kv.block.HolderAddress;
import io.baton.kv.v1.AcknowledgeRequest;
import io.baton.kv.v1.AcknowledgeResponse;
import io.baton.kv.v1.KvDescriptor;
import io.baton.kv.v1.KvTransferServiceGrpc;
import io.baton.tls.ServiceTls;
import io.grpc.stub.StreamObserver;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/**
 * The receiver's side of {@code KvTransferService}: pulls described blocks into memory of the caller and gives them
 * back to their holders.
 *
 * <p>A pull succeeds only if exactly the described bytes arrived and their CRC32C is the described one. At most a number
 * of blocks is pulled at once; a bounded number waits.
 *
 * <p><em>Thread-safety:</em> safe. Futures complete on network threads; what depends on them must not block. The target
 * stays the caller's: it must be valid until the future is complete, and nothing touches it afterwards.
 */
public final class KvPuller implements AutoCloseable {
    private final PullerConfig config;
    private final String receiverId;
    private final KvLayout layout;
    private final ChannelPool channels;
    private final ScheduledThreadPoolExecutor timer;
    private final LeaseRenewer renewer;

    private final Object lock = new Object();
    private final LinkedHashSet<PullCall> queued = new LinkedHashSet<>();
    private final Set<PullCall> open = new HashSet<>();
    private boolean starting;
    private boolean closed;

    private final LongAdder pulledBlocks = new LongAdder();
    private final LongAdder pulledBytes = new LongAdder();
    private final LongAdder pullNanos = new LongAdder();
    private final LongAdder acknowledgedBlocks = new LongAdder();
    private final LongAdder cancelledPulls = new LongAdder();
    private final ErrorCounts failed = new ErrorCounts();

    /**
     * A puller over connections without TLS.
     *
     * @param receiverId id of this worker, which descriptors must name as receiver
     * @param layout layout of this worker's KV rows, which descriptors must have
     */
    public KvPuller(PullerConfig config, String receiverId, KvLayout layout) {
        this(config, receiverId, layout, ServiceTls.plaintext());
    }

    /**
     * A puller.
     *
     * @param tls how its connections begin
     */
    public KvPuller(PullerConfig config, String receiverId, KvLayout layout, ServiceTls tls) {
        this(config, receiverId, layout, new ChannelPool(config, tls));
    }

    /** With another way to reach holders. Owns it. */
    KvPuller(PullerConfig config, String receiverId, KvLayout layout, ChannelPool channels) {
        this.config = config;
        this.receiverId = receiverId;
        this.layout = layout;
        this.channels = channels;
        this.timer = new ScheduledThreadPoolExecutor(
                1, Thread.ofPlatform().daemon().name("baton-kv-puller-timer").factory());
        timer.setRemoveOnCancelPolicy(true);
        this.renewer = new LeaseRenewer(
                receiverId, channels, timer, config.noProgressTimeout().toNanos());
    }

    /** The block is wanted: the lease on it is renewed until {@link #letGo}. */
    public void hold(KvDescriptor block) {
        renewer.hold(block);
    }

    /** The block is not wanted any more. To be called once for each {@link #hold}. */
    public void letGo(KvDescriptor block) {
        renewer.release(block);
    }

    /** Leases that are being renewed. */
    public int heldLeases() {
        return renewer.held();
    }

    /**
     * Pulls a block. Fails with a {@link BatonException}: {@code DESCRIPTOR_REFUSED} or {@code LAYOUT_MISMATCH} before
     * anything is sent or as the holder says, {@code BLOCK_NOT_FOUND} if the holder has it no more,
     * {@code BLOCK_CORRUPT} if other bytes came than were described, {@code PULL_FAILED} if the holder is gone or makes
     * no progress, {@code QUEUE_FULL} if too many pulls wait.
     *
     * @param target at least the described bytes; what lands in it counts only if the future completes normally
     * @return completes when the rows are in {@code target} and verified; cancelling it breaks the pull off
     */
    public CompletableFuture<PulledBlock> pull(KvDescriptor descriptor, MemorySegment target) {
        PullCall call;
        try {
            Descriptors.check(descriptor, layout, receiverId);
            if (target.byteSize() < descriptor.getSizeBytes() || target.isReadOnly()) {
                throw new IllegalArgumentException("the target of a pull must be writable and have "
                        + descriptor.getSizeBytes() + " bytes, not " + target.byteSize());
            }
            call = new PullCall(
                    this,
                    descriptor,
                    HolderAddress.parse(descriptor.getHolderAddress()),
                    target.asSlice(0, descriptor.getSizeBytes()));
            enqueue(call);
        } catch (BatonException e) {
            failed.add(e.code());
            return CompletableFuture.failedFuture(e);
        }
        startNext();
        return call;
    }

    private void enqueue(PullCall call) {
        synchronized (lock) {
            if (closed) {
                throw closedError();
            }
            if (open.size() >= config.maxConcurrentPulls() && queued.size() >= config.maxQueuedPulls()) {
                throw new BatonException(
                        ErrorCode.QUEUE_FULL,
                        queued.size() + " KV pulls wait, as many as max-queued-pulls allows; retry later");
            }
            queued.add(call);
        }
    }

    /**
     * Starts the pulls that there is room for. One thread at a time does so: a pull that fails at its start comes back
     * here, and a queue of such pulls must not become a stack of them.
     */
    private void startNext() {
        synchronized (lock) {
            if (starting) {
                return;
            }
            starting = true;
        }
        for (PullCall next = takeNext(); next != null; next = takeNext()) {
            next.start(channels, config, timer);
        }
    }

    private @Nullable PullCall takeNext() {
        synchronized (lock) {
            if (closed || queued.isEmpty() || open.size() >= config.maxConcurrentPulls()) {
                starting = false;
                return null;
            }
            PullCall next = queued.removeFirst();
            open.add(next);
            return next;
        }
    }

    /** A pull is over, told once and before its future completes; null and null if it was cancelled. */
    void ended(PullCall call, @Nullable PulledBlock block, @Nullable Throwable cause) {
        synchronized (lock) {
            if (!open.remove(call)) {
                queued.remove(call);
            }
        }
        if (block != null) {
            pulledBlocks.increment();
            pulledBytes.add(block.bytes());
            pullNanos.add(block.nanos());
        } else if (cause != null) {
            failed.add(BatonException.from(cause).code());
        } else {
            cancelledPulls.increment();
        }
        startNext();
    }

    void suspect(HolderAddress holder) {
        channels.suspect(holder);
    }

    /**
     * Gives blocks back to their holders, with one call per lease. Fails with a {@link BatonException} if a holder
     * cannot be reached or refuses; what it holds is then released when the request's stream to it ends.
     *
     * @return how many blocks were still pinned
     */
    public CompletableFuture<Integer> acknowledge(KvDescriptor... blocks) {
        record Lease(String holder, long epoch, long id, String requestId) {}
        var leases = new LinkedHashMap<Lease, List<Integer>>();
        for (KvDescriptor d : blocks) {
            leases.computeIfAbsent(
                            new Lease(d.getHolderAddress(), d.getHolderEpoch(), d.getLeaseId(), d.getRequestId()),
                            _ -> new ArrayList<>())
                    .add(d.getBlockIndex());
        }
        CompletableFuture<Integer> sum = CompletableFuture.completedFuture(0);
        for (Map.Entry<Lease, List<Integer>> e : leases.entrySet()) {
            Lease lease = e.getKey();
            AcknowledgeRequest request = AcknowledgeRequest.newBuilder()
                    .setLeaseId(lease.id())
                    .setHolderEpoch(lease.epoch())
                    .setRequestId(lease.requestId())
                    .setReceiver(receiverId)
                    .addAllBlockIndexes(e.getValue())
                    .build();
            sum = sum.thenCombine(acknowledge(lease.holder(), request), Integer::sum);
        }
        return sum;
    }

    private CompletableFuture<Integer> acknowledge(String address, AcknowledgeRequest request) {
        var released = new CompletableFuture<Integer>();
        ChannelPool.Use use;
        try {
            use = channels.acquire(HolderAddress.parse(address));
        } catch (BatonException e) {
            return CompletableFuture.failedFuture(e);
        }
        try {
            KvTransferServiceGrpc.newStub(use.channel())
                    .withDeadlineAfter(config.noProgressTimeout().toNanos(), TimeUnit.NANOSECONDS)
                    .acknowledge(request, new StreamObserver<>() {
                        @Override
                        public void onNext(AcknowledgeResponse response) {
                            use.close();
                            acknowledgedBlocks.add(response.getReleasedBlocks());
                            released.complete(response.getReleasedBlocks());
                        }

                        @Override
                        public void onError(Throwable t) {
                            use.close();
                            released.completeExceptionally(BatonException.from(t));
                        }

                        @Override
                        public void onCompleted() {
                            use.close();
                        }
                    });
        } catch (RuntimeException e) {
            // The connection can break while the call is being made.
            use.close();
            released.completeExceptionally(new BatonException(
                    ErrorCode.WORKER_LOST,
                    "blocks could not be acknowledged to " + address + ": " + e.getMessage(),
                    e));
        }
        return released;
    }

    /** A snapshot of counters and gauges. */
    public PullerStats stats() {
        int opened;
        int waiting;
        synchronized (lock) {
            opened = open.size();
            waiting = queued.size();
        }
        return new PullerStats(
                opened,
                waiting,
                channels.size(),
                channels.uses(),
                pulledBlocks.sum(),
                pulledBytes.sum(),
                pullNanos.sum(),
                acknowledgedBlocks.sum(),
                cancelledPulls.sum(),
                failed.snapshot());
    }

    /** Fails every pull with {@code CANCELLED} and closes the connections. Idempotent. */
    @Override
    public void close() {
        List<PullCall> all;
        synchronized (lock) {
            closed = true;
            all = new ArrayList<>(open);
            all.addAll(queued);
        }
        all.forEach(call -> call.completeExceptionally(closedError()));
        channels.close();
        timer.shutdownNow();
    }

    private static BatonException closedError() {
        return new BatonException(ErrorCode.CANCELLED, "the puller of KV blocks is closed");
    }
}
