package io.baton.kv.lease;

import io.baton.engine.KvLayout;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.kv.block.BlockName;
import io.baton.kv.block.DescriptorSignatures;
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
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The blocks that one attempt of a request holds ready for one receiver. Each is pinned from {@link #offer} until the
 * receiver acknowledges it, the lease is closed, or the lease runs out; a read that is under way then is revoked.
 *
 * <p>Its time runs while it pins something. It begins anew with every block that is offered, and with everything that the
 * receiver does with the lease: {@link LeaseTable#renew}, a pull, an acknowledgement.
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
    private final List<Runnable> expiryListeners = new ArrayList<>();
    private final BitSet spent = new BitSet();
    private final CompletableFuture<Void> drained = new CompletableFuture<>();
    private long heldBytes;
    private boolean sealed;
    private boolean closed;
    private boolean expired;
    /** On the table's clock. */
    private long runsOutAt;

    private record Held(KvDescriptor descriptor, BlockRef pin) {}

    Lease(LeaseTable table, long id, String requestId, int attempt, String tenant, String receiver) {
        this.table = table;
        this.id = id;
        this.requestId = requestId;
        this.attempt = attempt;
        this.tenant = tenant;
        this.receiver = receiver;
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
     * @throws BatonException {@code CANCELLED} after {@link #close}, {@code LEASE_EXPIRED}; {@code KV_FULL} over the limit of blocks
     */
    public KvDescriptor offer(int blockIndex, int begin, int end, BlockRef ref, KvLayout layout) {
        if (blockIndex < 0 || begin < 0 || end <= begin || ref.byteSize() != layout.bytes(end - begin)) {
            throw new IllegalArgumentException("block " + blockIndex + " of tokens [" + begin + ", " + end
                    + ") cannot have " + ref.byteSize() + " bytes in " + layout);
        }
        KvDescriptor unsigned = KvDescriptor.newBuilder()
                .setKind(DescriptorKind.DESCRIPTOR_KIND_BATON)
                .setBlockName(ref.name().map(BlockName::toByteString).orElse(com.google.protobuf.ByteString.EMPTY))
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
                .build();
        KvDescriptor descriptor = DescriptorSignatures.sign(unsigned, table.keys());
        lock.lock();
        try {
            if (expired) {
                throw LeaseErrors.expired(requestId);
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
            restart();
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
        return release(blockIndexes, End.ACKNOWLEDGED);
    }

    /** The error of a leg whose lease ran out. */
    public static BatonException expiredError(String requestId) {
        return LeaseErrors.expired(requestId);
    }

    /** Calls {@code listener} once if the lease runs out; it must not block or throw. */
    public void onExpired(Runnable listener) {
        boolean already;
        lock.lock();
        try {
            already = expired;
            if (!already) {
                expiryListeners.add(listener);
            }
        } finally {
            lock.unlock();
        }
        if (already) {
            listener.run();
        }
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
        release(List.of(), End.CLOSED);
    }

    /** The receiver lives and still wants what it was offered. */
    boolean renew() {
        lock.lock();
        try {
            restart();
            return !closed;
        } finally {
            lock.unlock();
        }
    }

    private void restart() {
        runsOutAt = table.now() + table.leaseNanos();
    }

    /** Gives everything up if the time has run out. */
    void expireIfDue() {
        boolean due;
        lock.lock();
        try {
            due = isDue();
        } finally {
            lock.unlock();
        }
        if (due) {
            release(List.of(), End.EXPIRED);
        }
    }

    private boolean isDue() {
        return !closed && !held.isEmpty() && table.now() - runsOutAt >= 0;
    }

    /** The block that was offered with exactly this descriptor, for reading. */
    BlockRead read(KvDescriptor d, Consumer<BatonException> onRevoked) {
        if (!d.getReceiver().equals(receiver)) {
            throw LeaseErrors.otherReceiver(receiver, d.getReceiver());
        }
        if (!d.getTenant().equals(tenant)) {
            throw LeaseErrors.otherTenant();
        }
        if (!d.getRequestId().equals(requestId)) {
            throw LeaseErrors.refused("it is of another request");
        }
        if (d.getAttempt() != attempt) {
            throw LeaseErrors.refused("it is of attempt " + d.getAttempt() + ", the lease of attempt " + attempt);
        }
        lock.lock();
        try {
            Held block = held.get(d.getBlockIndex());
            if (block == null) {
                throw goneError(d.getBlockIndex());
            }
            if (!d.getLayout().equals(block.descriptor.getLayout())) {
                throw LeaseErrors.otherLayout(requestId, d.getBlockIndex());
            }
            if (!d.equals(block.descriptor)) {
                throw LeaseErrors.refused("block " + d.getBlockIndex() + " was given out as another one: "
                        + LeaseErrors.difference(d, block.descriptor));
            }
            var read = new BlockRead(this, d.getBlockIndex(), block.pin.retain(), onRevoked);
            reads.add(read);
            restart();
            return read;
        } finally {
            lock.unlock();
        }
    }

    /** What a descriptor of a block is answered with that is not held any more, now or after the lease has ended. */
    BatonException goneError(int blockIndex) {
        lock.lock();
        try {
            if (blockIndex >= 0 && spent.get(blockIndex)) {
                return LeaseErrors.spent(requestId, blockIndex);
            }
            return expired ? LeaseErrors.expired(requestId) : LeaseErrors.givenUp(requestId, blockIndex);
        } finally {
            lock.unlock();
        }
    }

    void readEnded(BlockRead read) {
        boolean done;
        lock.lock();
        try {
            reads.remove(read);
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
            return new LeaseStats(1, held.size(), heldBytes, reads.size(), 0, 0);
        } finally {
            lock.unlock();
        }
    }

    private enum End {
        ACKNOWLEDGED,
        EXPIRED,
        CLOSED
    }

    private int release(Collection<Integer> blockIndexes, End end) {
        var pins = new TreeMap<Integer, BlockRef>();
        var revoked = new ArrayList<BlockRead>();
        List<Runnable> listeners = new ArrayList<>();
        boolean done;
        lock.lock();
        try {
            if (end == End.EXPIRED) {
                if (!isDue()) {
                    return 0;
                }
                expired = true;
                table.countExpired();
                listeners.addAll(expiryListeners);
            }
            closed |= end != End.ACKNOWLEDGED;
            for (Integer index : closed ? List.copyOf(held.keySet()) : blockIndexes) {
                @Nullable Held block = held.remove(index);
                if (block != null) {
                    pins.put(index, block.pin);
                    heldBytes -= block.pin.byteSize();
                    if (end == End.ACKNOWLEDGED) {
                        spent.set(index);
                    }
                }
            }
            for (BlockRead read : reads) {
                if (pins.containsKey(read.blockIndex())) {
                    revoked.add(read);
                }
            }
            // Under the lock, so that nobody sees the lease drained while a pin is still there.
            pins.descendingMap().values().forEach(BlockRef::close);
            if (!pins.isEmpty()) {
                listeners.addAll(releaseListeners);
            }
            if (end == End.ACKNOWLEDGED) {
                restart();
            }
            done = isDrained();
        } finally {
            lock.unlock();
        }
        for (BlockRead read : revoked) {
            read.revoke(goneError(read.blockIndex()));
        }
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
        lock.lock();
        try {
            // The table remembers the lease for a while, but nobody whom it could still tell something.
            releaseListeners.clear();
            expiryListeners.clear();
        } finally {
            lock.unlock();
        }
        table.forget(this);
        drained.complete(null);
    }
}
