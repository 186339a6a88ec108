package io.baton.kv.lease;

import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.kv.block.DescriptorSignatures;
import io.baton.kv.key.KvKeys;
import io.baton.kv.v1.AcknowledgeRequest;
import io.baton.kv.v1.DescriptorKind;
import io.baton.kv.v1.KvDescriptor;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The leases of a holder. Decides whether a descriptor that comes back is one that this holder gave out and still
 * honours.
 *
 * <p>A lease ends when it is closed, when its time runs out, or when it is sealed and its last block was acknowledged. Why is
 * remembered of as many leases as may be open, so that a descriptor that comes back is answered with what became of it; of
 * older ones it is {@code BLOCK_NOT_FOUND}.
 *
 * <p>Time is this table's clock's alone: no clock of a peer is ever compared with it.
 *
 * <p><em>Thread-safety:</em> safe.
 */
public final class LeaseTable {
    private final Supplier<String> holderAddress;
    private final long epoch;
    private final LeaseLimits limits;
    private final Supplier<KvKeys> keys;
    private final LongSupplier clock;
    private final LongAdder renewed = new LongAdder();
    private final LongAdder expired = new LongAdder();
    private final ConcurrentHashMap<Long, Lease> leases = new ConcurrentHashMap<>();
    private final SecureRandom random = new SecureRandom();
    /** The last leases that ended, the eldest first. */
    private final LinkedHashMap<Long, Lease> ended = new LinkedHashMap<>();

    /** A table of the holder at {@code holderAddress} (host:port) in its epoch, with default limits. */
    public LeaseTable(String holderAddress, long epoch) {
        this(() -> holderAddress, epoch, LeaseLimits.defaults());
    }

    /**
     * A table.
     *
     * @param holderAddress host:port of the holder's gRPC server as receivers reach it; asked with every offer, so it
     *     may be known later than the table
     * @param epoch drawn at random when the process started
     */
    public LeaseTable(Supplier<String> holderAddress, long epoch, LeaseLimits limits) {
        this(holderAddress, epoch, limits, KvKeys::none, System::nanoTime);
    }

    /**
     * A table that signs.
     *
     * @param keys the cluster's keys, asked whenever they are needed
     * @param clock nanoseconds of a monotonic clock
     */
    public LeaseTable(
            Supplier<String> holderAddress, long epoch, LeaseLimits limits, Supplier<KvKeys> keys, LongSupplier clock) {
        this.keys = keys;
        this.clock = clock;
        this.holderAddress = holderAddress;
        this.epoch = epoch;
        this.limits = limits;
    }

    /**
     * Opens a lease without blocks.
     *
     * @param requestId the request
     * @param attempt attempt number of the leg, from 1
     * @param tenant tenant of the request, empty where there is only one
     * @param receiver id of the worker that may pull
     * @throws BatonException {@code QUEUE_FULL} over the limit of leases
     */
    public Lease open(String requestId, int attempt, String tenant, String receiver) {
        if (requestId.isEmpty() || attempt < 1 || receiver.isEmpty()) {
            throw new IllegalArgumentException("a lease needs a request, an attempt from 1 and a receiver");
        }
        if (leases.size() >= limits.maxLeases()) {
            throw new BatonException(
                    ErrorCode.QUEUE_FULL,
                    leases.size() + " leases on KV blocks are open, as many as max-leases allows; retry later");
        }
        while (true) {
            var lease = new Lease(this, random.nextLong(), requestId, attempt, tenant, receiver);
            if (leases.putIfAbsent(lease.id(), lease) == null) {
                return lease;
            }
        }
    }

    /**
     * The block that a descriptor stands for, for reading by {@code receiver}.
     *
     * @param onRevoked called, without a lock, when the block is acknowledged or given up before the read was closed
     * @throws BatonException {@code SIGNATURE_INVALID}; {@code EPOCH_MISMATCH} if this holder was restarted since;
     *     {@code RECEIVER_MISMATCH}; {@code TENANT_MISMATCH}; {@code LAYOUT_MISMATCH}; {@code LEASE_EXPIRED};
     *     {@code BLOCK_SPENT} after it was acknowledged; {@code BLOCK_NOT_FOUND} if the lease is not known (any more);
     *     {@code DESCRIPTOR_REFUSED} if anything else differs from what was given out
     */
    public BlockRead read(KvDescriptor d, String receiver, Consumer<BatonException> onRevoked) {
        if (d.getKind() != DescriptorKind.DESCRIPTOR_KIND_BATON) {
            throw LeaseErrors.refused("its kind is " + d.getKind() + "; only BATON blocks are held here");
        }
        DescriptorSignatures.verify(d, keys());
        if (d.getHolderEpoch() != epoch) {
            throw LeaseErrors.otherEpoch();
        }
        if (!d.getReceiver().equals(receiver)) {
            throw LeaseErrors.otherReceiver(d.getReceiver(), receiver);
        }
        Lease lease = leases.get(d.getLeaseId());
        if (lease == null) {
            throw goneError(d);
        }
        lease.expireIfDue();
        return lease.read(d, onRevoked);
    }

    private BatonException goneError(KvDescriptor d) {
        Lease lease;
        synchronized (ended) {
            lease = ended.get(d.getLeaseId());
        }
        return lease == null ? LeaseErrors.unknown(d.getRequestId()) : lease.goneError(d.getBlockIndex());
    }

    /**
     * Lets the time of a lease begin anew, on behalf of its receiver.
     *
     * @return whether it is open; false if it has ended, or was never here
     * @throws BatonException {@code RECEIVER_MISMATCH} if it is another worker's
     */
    public boolean renew(long holderEpoch, long leaseId, String receiver) {
        @Nullable Lease lease = holderEpoch == epoch ? leases.get(leaseId) : null;
        if (lease == null) {
            return false;
        }
        checkReceiver(lease, receiver);
        lease.expireIfDue();
        boolean open = lease.renew();
        if (open) {
            renewed.increment();
        }
        return open;
    }

    /** Ends the leases whose time has run out. To be called every now and then; a read asks by itself. */
    public void expire() {
        leases.values().forEach(Lease::expireIfDue);
    }

    private static void checkReceiver(Lease lease, String receiver) {
        if (!lease.receiver().equals(receiver)) {
            throw LeaseErrors.otherReceiver(lease.receiver(), receiver);
        }
    }

    /**
     * Gives blocks back on behalf of their receiver. Unknown leases and blocks, and those of another epoch, are ignored.
     *
     * @return how many blocks were still pinned
     * @throws BatonException {@code RECEIVER_MISMATCH} if the lease is of another receiver, {@code DESCRIPTOR_REFUSED} if of
     *     another request
     */
    public int acknowledge(AcknowledgeRequest request) {
        @Nullable Lease lease = request.getHolderEpoch() == epoch ? leases.get(request.getLeaseId()) : null;
        if (lease == null) {
            return 0;
        }
        checkReceiver(lease, request.getReceiver());
        if (!lease.requestId().equals(request.getRequestId())) {
            throw LeaseErrors.refused("the lease is of another request");
        }
        return lease.acknowledge(request.getBlockIndexesList());
    }

    /** A snapshot. */
    public LeaseStats stats() {
        int open = 0;
        int blocks = 0;
        long bytes = 0;
        int reads = 0;
        for (Lease lease : leases.values()) {
            LeaseStats s = lease.stats();
            open++;
            blocks += s.pinnedBlocks();
            bytes += s.pinnedBytes();
            reads += s.openReads();
        }
        return new LeaseStats(open, blocks, bytes, reads, renewed.sum(), expired.sum());
    }

    /** Address of the holder, host:port. */
    public String holderAddress() {
        return holderAddress.get();
    }

    /** The holder's epoch. */
    public long epoch() {
        return epoch;
    }

    /** How long blocks stay pinned when nobody renews their lease. */
    public Duration leaseTime() {
        return limits.leaseTime();
    }

    LeaseLimits limits() {
        return limits;
    }

    KvKeys keys() {
        return keys.get();
    }

    long now() {
        return clock.getAsLong();
    }

    long leaseNanos() {
        return limits.leaseTime().toNanos();
    }

    void countExpired() {
        expired.increment();
    }

    void forget(Lease lease) {
        if (leases.containsKey(lease.id())) {
            synchronized (ended) {
                ended.putIfAbsent(lease.id(), lease);
                if (ended.size() > limits.maxLeases()) {
                    ended.pollFirstEntry();
                }
            }
            leases.remove(lease.id(), lease);
        }
    }
}
