package io.baton.kv.lease;

import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.kv.v1.AcknowledgeRequest;
import io.baton.kv.v1.DescriptorKind;
import io.baton.kv.v1.KvDescriptor;
import java.security.SecureRandom;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The leases of a holder. Decides whether a descriptor that comes back is one that this holder gave out and still
 * honours.
 *
 * <p>A lease ends when it is closed, or when it is sealed and its last block was acknowledged; it is then forgotten, and
 * its descriptors are answered with {@code BLOCK_NOT_FOUND}.
 *
 * <p><em>Thread-safety:</em> safe.
 */
public final class LeaseTable {
    private final Supplier<String> holderAddress;
    private final long epoch;
    private final LeaseLimits limits;
    private final ConcurrentHashMap<Long, Lease> leases = new ConcurrentHashMap<>();
    private final SecureRandom random = new SecureRandom();

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
     * @throws BatonException {@code BLOCK_NOT_FOUND} if the lease or block is not held (any more),
     *     {@code LAYOUT_MISMATCH} for another layout, {@code DESCRIPTOR_REFUSED} if anything else differs from what was
     *     given out
     */
    public BlockRead read(KvDescriptor d, String receiver, Runnable onRevoked) {
        if (d.getKind() != DescriptorKind.DESCRIPTOR_KIND_BATON) {
            throw refused("its kind is " + d.getKind() + "; only BATON blocks are held here");
        }
        if (d.getHolderEpoch() != epoch) {
            throw refused("it is of another epoch: the holder was restarted since");
        }
        if (!d.getReceiver().equals(receiver)) {
            throw refused("it is for receiver '" + d.getReceiver() + "', but '" + receiver + "' pulls");
        }
        Lease lease = leases.get(d.getLeaseId());
        if (lease == null) {
            throw new BatonException(
                    ErrorCode.BLOCK_NOT_FOUND,
                    "the lease of request " + d.getRequestId() + " is not open here any more; prefill again");
        }
        return lease.read(d, onRevoked);
    }

    /**
     * Gives blocks back on behalf of their receiver. Unknown leases and blocks, and those of another epoch, are ignored.
     *
     * @return how many blocks were still pinned
     * @throws BatonException {@code DESCRIPTOR_REFUSED} if the lease is of another receiver or request
     */
    public int acknowledge(AcknowledgeRequest request) {
        @Nullable Lease lease = request.getHolderEpoch() == epoch ? leases.get(request.getLeaseId()) : null;
        if (lease == null) {
            return 0;
        }
        if (!lease.receiver().equals(request.getReceiver())
                || !lease.requestId().equals(request.getRequestId())) {
            throw refused("the lease is of another receiver or request, and only its receiver may give blocks back");
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

    void forget(Lease lease) {
        leases.remove(lease.id(), lease);
    }

    private static BatonException refused(String why) {
        return new BatonException(ErrorCode.DESCRIPTOR_REFUSED, "KV descriptor refused by its holder: " + why);
    }
}
