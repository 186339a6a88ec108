package io.baton.kv.lease;

import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.kv.key.DescriptorSigner;
import io.baton.kv.v1.AcknowledgeRequest;
import io.baton.kv.v1.DescriptorKind;
import io.baton.kv.v1.KvDescriptor;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The leases of a holder. Decides whether a descriptor that comes back is one that this holder gave out and still
 * honours.
 *
 * <p>A lease ends when it is closed, when it is sealed and its last block was acknowledged, or when it pins blocks and was not
 * renewed for its lease time: an offer, a pull and {@link #renew} renew it, and only this holder's monotonic clock judges. Why
 * it ended is remembered for a while, so that a descriptor that comes late gets its own error.
 *
 * <p><em>Thread-safety:</em> safe.
 */
public final class LeaseTable {
    private final Supplier<String> holderAddress;
    private final long epoch;
    private final LeaseLimits limits;
    private final DescriptorSigner signer;
    private final LongSupplier clock;
    private final ConcurrentHashMap<Long, Lease> leases = new ConcurrentHashMap<>();
    private final Map<Long, ErrorCode> ended;
    private final LongAdder expired = new LongAdder();
    private final LongAdder renewed = new LongAdder();
    private final SecureRandom random = new SecureRandom();

    /** A table of the holder at {@code holderAddress} (host:port) in its epoch, with default limits. */
    public LeaseTable(String holderAddress, long epoch) {
        this(() -> holderAddress, epoch, LeaseLimits.defaults());
    }

    /**
     * A table that signs nothing.
     *
     * @param holderAddress host:port of the holder's gRPC server as receivers reach it; asked with every offer, so it
     *     may be known later than the table
     * @param epoch drawn at random when the process started
     */
    public LeaseTable(Supplier<String> holderAddress, long epoch, LeaseLimits limits) {
        this(holderAddress, epoch, limits, DescriptorSigner.unsigned(), System::nanoTime);
    }

    /**
     * A table.
     *
     * @param holderAddress as above
     * @param epoch as above
     * @param signer of the descriptors
     * @param clock monotonic, in nanoseconds
     */
    public LeaseTable(
            Supplier<String> holderAddress,
            long epoch,
            LeaseLimits limits,
            DescriptorSigner signer,
            LongSupplier clock) {
        this.holderAddress = holderAddress;
        this.epoch = epoch;
        this.limits = limits;
        this.signer = signer;
        this.clock = clock;
        this.ended = Collections.synchronizedMap(new LinkedHashMap<>() {
            private static final long serialVersionUID = 1L;

            @Override
            protected boolean removeEldestEntry(Map.Entry<Long, ErrorCode> eldest) {
                return size() > limits.maxEnded();
            }
        });
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
     * @throws BatonException {@code DESCRIPTOR_FORGED}, {@code EPOCH_MISMATCH}, {@code RECEIVER_MISMATCH} or
     *     {@code TENANT_MISMATCH} as they say; {@code LEASE_EXPIRED}, {@code BLOCK_SPENT} or, for anything else that is not held
     *     (any more), {@code BLOCK_NOT_FOUND}; {@code LAYOUT_MISMATCH} for another layout; {@code DESCRIPTOR_REFUSED} if anything
     *     else differs from what was given out
     */
    public BlockRead read(KvDescriptor d, String receiver, Runnable onRevoked) {
        if (d.getKind() != DescriptorKind.DESCRIPTOR_KIND_BATON) {
            throw refused("its kind is " + d.getKind() + "; only BATON blocks are held here");
        }
        signer.verify(d);
        if (d.getHolderEpoch() != epoch) {
            throw new BatonException(
                    ErrorCode.EPOCH_MISMATCH,
                    "KV descriptor refused by its holder: it is of another epoch: the holder was restarted since");
        }
        if (!d.getReceiver().equals(receiver)) {
            throw new BatonException(
                    ErrorCode.RECEIVER_MISMATCH,
                    "KV descriptor refused by its holder: it is for receiver '" + d.getReceiver() + "', but '"
                            + receiver + "' pulls");
        }
        Lease lease = leases.get(d.getLeaseId());
        if (lease == null) {
            throw gone(d);
        }
        return lease.read(d, onRevoked);
    }

    private BatonException gone(KvDescriptor d) {
        ErrorCode why = ended.getOrDefault(d.getLeaseId(), ErrorCode.BLOCK_NOT_FOUND);
        String what = "the lease of request " + d.getRequestId();
        return new BatonException(
                why,
                switch (why) {
                    case LEASE_EXPIRED ->
                        what + " was not renewed within " + limits.leaseTime().toMillis() + " ms; prefill again";
                    case BLOCK_SPENT -> what + " is over: its receiver has given every block back; prefill again";
                    default -> what + " is not open here any more; prefill again";
                });
    }

    /**
     * Renews leases on behalf of their receiver.
     *
     * @return those of them that are not held here, or not for this receiver
     * @throws BatonException {@code EPOCH_MISMATCH} if the holder was restarted since
     */
    public List<Long> renew(long holderEpoch, String receiver, List<Long> leaseIds) {
        if (holderEpoch != epoch) {
            throw new BatonException(
                    ErrorCode.EPOCH_MISMATCH, "the leases are of another epoch: the holder was restarted since");
        }
        var unknown = new ArrayList<Long>();
        for (Long id : leaseIds) {
            @Nullable Lease lease = leases.get(id);
            if (lease == null || !lease.receiver().equals(receiver)) {
                unknown.add(id);
            } else {
                lease.renew();
                renewed.increment();
            }
        }
        return unknown;
    }

    /**
     * Ends the leases that were not renewed in time. To be called every now and then; a lease lasts up to that much longer.
     *
     * @return how many ended
     */
    public int expire() {
        int n = 0;
        for (Lease lease : leases.values()) {
            if (lease.expireIfDue(now(), limits.leaseTime().toNanos())) {
                n++;
            }
        }
        expired.add(n);
        return n;
    }

    /** Leases that ended because they were not renewed. */
    public long expired() {
        return expired.sum();
    }

    /** Leases that were renewed by their receivers, counted each time. */
    public long renewed() {
        return renewed.sum();
    }

    /**
     * Gives blocks back on behalf of their receiver. Unknown leases and blocks, and those of another epoch, are ignored.
     *
     * @return how many blocks were still pinned
     * @throws BatonException {@code RECEIVER_MISMATCH} if the lease is of another receiver, {@code DESCRIPTOR_REFUSED} if it is of
     *     another request
     */
    public int acknowledge(AcknowledgeRequest request) {
        @Nullable Lease lease = request.getHolderEpoch() == epoch ? leases.get(request.getLeaseId()) : null;
        if (lease == null) {
            return 0;
        }
        if (!lease.receiver().equals(request.getReceiver())) {
            throw new BatonException(
                    ErrorCode.RECEIVER_MISMATCH,
                    "the lease is of another receiver, and only its receiver may give blocks back");
        }
        if (!lease.requestId().equals(request.getRequestId())) {
            throw refused("the lease is of another request");
        }
        return lease.acknowledge(request.getBlockIndexesList());
    }

    /** A snapshot of gauges. */
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
        return new LeaseStats(open, blocks, bytes, reads);
    }

    /** Address of the holder, host:port. */
    public String holderAddress() {
        return holderAddress.get();
    }

    /** The holder's epoch. */
    public long epoch() {
        return epoch;
    }

    LeaseLimits limits() {
        return limits;
    }

    DescriptorSigner signer() {
        return signer;
    }

    long now() {
        return clock.getAsLong();
    }

    /** The lease is over; {@code why} is what its descriptors are answered with from now on. */
    void forget(Lease lease, ErrorCode why) {
        if (leases.remove(lease.id(), lease)) {
            ended.put(lease.id(), why);
        }
    }

    private static BatonException refused(String why) {
        return new BatonException(ErrorCode.DESCRIPTOR_REFUSED, "KV descriptor refused by its holder: " + why);
    }
}
