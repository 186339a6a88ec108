package io.baton.kv.lease;

import io.baton.engine.KvLayout;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.kv.block.BlockName;
import io.baton.kv.block.Descriptors;
import io.baton.kv.store.BlockRef;
import io.baton.kv.v1.DescriptorKind;
import io.baton.kv.v1.KvDescriptor;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * The blocks that one attempt of a request holds ready for one receiver. Each is pinned from {@link #offer} until the
 * receiver acknowledges it or the lease is closed; a read that is under way then is revoked.
 *
 * <p>Blocks are given up last first, so that of a prompt's chained blocks the first stay longest in the store.
 *
 * <p><em>Thread-safety:</em> safe. Callbacks and futures run on the thread that released the block, without a lock.
 */
public final class Lease implements AutoCloseable {
    private final LeaseTable table;
    private final long id;
    private final String requestId;
    private final int attempt;
    private final String tenant;
    private final String receiver;

    private final ReentrantLock lock = new ReentrantLock();
    private final TreeMap<Integer, Held> held = new TreeMap<>();
    private final Set<BlockRead> reads = new HashSet<>();
    private final List<Runnable> releaseListeners = new ArrayList<>();
    private final CompletableFuture<Void> drained = new CompletableFuture<>();
    private long heldBytes;
    private boolean sealed;
    private boolean closed;
    private boolean expired;
    private long renewedNanos;
    private @Nullable Runnable onExpired;
    /** Blocks that the receiver gave back. */
    private final BitSet spent = new BitSet();

    private record Held(KvDescriptor descriptor, BlockRef pin) {}

    Lease(LeaseTable table, long id, String requestId, int attempt, String tenant, String receiver) {
        this.table = table;
        this.id = id;
        this.requestId = requestId;
        this.attempt = attempt;
        this.tenant = tenant;
        this.receiver = receiver;
        this.renewedNanos = table.now();
    }

    /** Number of the lease, unique at the holder in its epoch. */
    public long id() {
        return id;
    }

    /** The request. */
    public String requestId() {
        return requestId;
    }

    /** Attempt number of the leg. */
    public int attempt() {
        return attempt;
    }

    /** Tenant whose cache the blocks belong to. */
    public String tenant() {
        return tenant;
    }

    /** Id of the worker that may pull the blocks. */
    public String receiver() {
        return receiver;
    }

    /**
     * Holds a published block ready, with a pin of its own; the caller keeps and closes {@code ref}.
     *
     * @param blockIndex number of the block in the prompt, once per lease
     * @param begin first position that it covers
     * @param end one past the last position
     * @param layout layout of the rows
     * @return the descriptor for the receiver
     * @throws BatonException {@code CANCELLED} after {@link #close}; {@code LEASE_EXPIRED} after the lease has run out;
     *     {@code KV_FULL} over the limit of blocks
     */
    public KvDescriptor offer(int blockIndex, int begin, int end, BlockRef ref, KvLayout layout) {
        if (blockIndex < 0 || begin < 0 || end <= begin || ref.byteSize() != layout.bytes(end - begin)) {
            throw new IllegalArgumentException("block " + blockIndex + " of tokens [" + begin + ", " + end
                    + ") cannot have " + ref.byteSize() + " bytes in " + layout);
        }
        KvDescriptor descriptor = table.signer()
                .sign(KvDescriptor.newBuilder()
                        .setKind(DescriptorKind.DESCRIPTOR_KIND_BATON)
                        .setBlockName(
                                ref.name().map(BlockName::toByteString).orElse(com.google.protobuf.ByteString.EMPTY))
                        .setBlockIndex(blockIndex)
                        .setTokenBegin(begin)
                        .setTokenEnd(end)
                        .setLayout(Descriptors.toProto(layout))
                        .setSizeBytes(ref.byteSize())
                        .setCrc32C(ref.crc32c())
                        .setHolderAddress(table.holderAddress())
                        .setHolderEpoch(table.epoch())
                        .setLeaseId(id)
                        .setRequestId(requestId)
                        .setAttempt(attempt)
                        .setTenant(tenant)
                        .setReceiver(receiver)
                        .setLeaseUs(table.limits().leaseTime().toNanos() / 1000));
        lock.lock();
        try {
            renewedNanos = table.now();
            if (expired) {
                throw expiredError();
            }
            if (closed) {
                throw new BatonException(ErrorCode.CANCELLED, "the lease of request " + requestId + " is closed");
            }
            if (sealed || held.containsKey(blockIndex)) {
                throw new IllegalStateException("block " + blockIndex + " of request " + requestId
                        + " was offered twice or after the last one");
            }
            if (held.size() >= table.limits().maxBlocksPerLease()) {
                throw new BatonException(
                        ErrorCode.KV_FULL,
                        "request " + requestId + " holds " + held.size()
                                + " KV blocks that were not pulled; raise max-blocks-per-lease or the block size");
            }
            held.put(blockIndex, new Held(descriptor, ref.retain()));
            heldBytes += ref.byteSize();
        } finally {
            lock.unlock();
        }
        return descriptor;
    }

    /**
     * Gives blocks back. Unknown ones are ignored.
     *
     * @return how many were still pinned
     */
    public int acknowledge(Collection<Integer> blockIndexes) {
        return release(blockIndexes, false);
    }

    /** Calls {@code listener} if the lease runs out; it must not block or throw. */
    public void onExpired(Runnable listener) {
        lock.lock();
        try {
            onExpired = listener;
        } finally {
            lock.unlock();
        }
    }

    void renew() {
        lock.lock();
        try {
            renewedNanos = table.now();
        } finally {
            lock.unlock();
        }
    }

    /**
     * Gives all blocks up if the lease pins any, nobody reads, and it was renewed at least so long ago. What nobody is to pull is
     * not held for anybody, and needs no renewal.
     */
    boolean expireIfDue(long now, long leaseNanos) {
        @Nullable Runnable listener;
        lock.lock();
        try {
            if (closed || held.isEmpty() || !reads.isEmpty() || now - renewedNanos < leaseNanos) {
                return false;
            }
            expired = true;
            listener = onExpired;
        } finally {
            lock.unlock();
        }
        release(List.of(), true);
        if (listener != null) {
            listener.run();
        }
        return true;
    }

    private BatonException expiredError() {
        return new BatonException(
                ErrorCode.LEASE_EXPIRED,
                "the lease of request " + requestId + " was not renewed within "
                        + table.limits().leaseTime().toMillis() + " ms");
    }

    /** Bytes of the blocks that were offered and neither acknowledged nor given up. */
    public long unacknowledgedBytes() {
        lock.lock();
        try {
            return heldBytes;
        } finally {
            lock.unlock();
        }
    }

    /** Number of the blocks that were offered and neither acknowledged nor given up. */
    public int unacknowledgedBlocks() {
        lock.lock();
        try {
            return held.size();
        } finally {
            lock.unlock();
        }
    }

    /** Calls {@code listener} whenever blocks were given back; it must not block or throw. */
    public void onRelease(Runnable listener) {
        lock.lock();
        try {
            releaseListeners.add(listener);
        } finally {
            lock.unlock();
        }
    }

    /** Says that no block will be offered any more. Idempotent. */
    public void seal() {
        boolean done;
        lock.lock();
        try {
            sealed = true;
            done = isDrained();
        } finally {
            lock.unlock();
        }
        if (done) {
            finish();
        }
    }

    /**
     * Completes when the lease is {@link #seal sealed} or {@link #close closed}, pins nothing and nobody reads under
     * it. Never fails.
     */
    public CompletableFuture<Void> drained() {
        return drained.copy();
    }

    /** Gives all blocks up and revokes the reads that are under way. Idempotent. */
    @Override
    public void close() {
        release(List.of(), true);
    }

    /** The block that was offered with exactly this descriptor, for reading. */
    BlockRead read(KvDescriptor d, Runnable onRevoked) {
        if (!d.getReceiver().equals(receiver)) {
            throw new BatonException(
                    ErrorCode.RECEIVER_MISMATCH,
                    "KV descriptor refused by its holder: it is for receiver '" + receiver + "', not for '"
                            + d.getReceiver() + "'");
        }
        if (!d.getTenant().equals(tenant)) {
            throw new BatonException(
                    ErrorCode.TENANT_MISMATCH, "KV descriptor refused by its holder: it is of another tenant");
        }
        if (!d.getRequestId().equals(requestId)) {
            throw refused("is of another request");
        }
        if (d.getAttempt() != attempt) {
            throw refused("is of attempt " + d.getAttempt() + ", the lease of attempt " + attempt);
        }
        lock.lock();
        try {
            Held block = held.get(d.getBlockIndex());
            if (block == null && expired) {
                throw expiredError();
            }
            if (block == null) {
                boolean given = d.getBlockIndex() >= 0 && spent.get(d.getBlockIndex());
                throw new BatonException(
                        given ? ErrorCode.BLOCK_SPENT : ErrorCode.BLOCK_NOT_FOUND,
                        "block " + d.getBlockIndex() + " of request " + requestId
                                + " is not held here any more: it was "
                                + (given ? "given back by its receiver" : "given up"));
            }
            if (!d.getLayout().equals(block.descriptor.getLayout())) {
                throw new BatonException(
                        ErrorCode.LAYOUT_MISMATCH,
                        "block " + d.getBlockIndex() + " of request " + requestId + " has another KV layout");
            }
            if (!d.equals(block.descriptor)) {
                throw refused("of block " + d.getBlockIndex() + " is not the one that was given out: "
                        + difference(d, block));
            }
            renewedNanos = table.now();
            var read = new BlockRead(this, d.getBlockIndex(), block.pin.retain(), onRevoked);
            reads.add(read);
            return read;
        } finally {
            lock.unlock();
        }
    }

    private static String difference(KvDescriptor d, Held block) {
        for (var field : KvDescriptor.getDescriptor().getFields()) {
            if (!d.getField(field).equals(block.descriptor.getField(field))) {
                return "its " + field.getName() + " differs";
            }
        }
        return "it has unknown fields";
    }

    void readEnded(BlockRead read) {
        boolean done;
        lock.lock();
        try {
            reads.remove(read);
            renewedNanos = table.now();
            done = isDrained();
        } finally {
            lock.unlock();
        }
        if (done) {
            finish();
        }
    }

    LeaseStats stats() {
        lock.lock();
        try {
            return new LeaseStats(1, held.size(), heldBytes, reads.size());
        } finally {
            lock.unlock();
        }
    }

    private int release(Collection<Integer> blockIndexes, boolean all) {
        var pins = new TreeMap<Integer, BlockRef>();
        var revoked = new ArrayList<BlockRead>();
        List<Runnable> listeners;
        boolean done;
        lock.lock();
        try {
            closed |= all;
            for (Integer index : all ? List.copyOf(held.keySet()) : blockIndexes) {
                @Nullable Held block = held.remove(index);
                if (block != null) {
                    pins.put(index, block.pin);
                    if (!all) {
                        spent.set(index);
                    }
                    heldBytes -= block.pin.byteSize();
                }
            }
            for (BlockRead read : reads) {
                if (pins.containsKey(read.blockIndex())) {
                    revoked.add(read);
                }
            }
            // Under the lock, so that nobody sees the lease drained while a pin is still there.
            pins.descendingMap().values().forEach(BlockRef::close);
            listeners = pins.isEmpty() ? List.of() : List.copyOf(releaseListeners);
            done = isDrained();
        } finally {
            lock.unlock();
        }
        revoked.forEach(BlockRead::revoke);
        if (done) {
            finish();
        }
        listeners.forEach(Runnable::run);
        return pins.size();
    }

    private boolean isDrained() {
        return (sealed || closed) && held.isEmpty() && reads.isEmpty();
    }

    private void finish() {
        ErrorCode why;
        lock.lock();
        try {
            why = expired ? ErrorCode.LEASE_EXPIRED : closed ? ErrorCode.BLOCK_NOT_FOUND : ErrorCode.BLOCK_SPENT;
        } finally {
            lock.unlock();
        }
        table.forget(this, why);
        drained.complete(null);
    }

    private BatonException refused(String why) {
        return new BatonException(ErrorCode.DESCRIPTOR_REFUSED, "KV descriptor refused by its holder: it " + why);
    }
}
