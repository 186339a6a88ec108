package io.baton.kv.lease;

import io.baton.error.BatonException;
import io.baton.kv.store.BlockRef;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;

/**
 * A receiver's read of a leased block. It has a pin of its own, so the rows stay valid until it is closed, whatever
 * happens to the lease; whoever reads closes it.
 *
 * <p><em>Thread-safety:</em> safe.
 */
public final class BlockRead implements AutoCloseable {
    private final Lease lease;
    private final int blockIndex;
    private final BlockRef pin;
    private final Consumer<BatonException> onRevoked;
    private final AtomicBoolean closed = new AtomicBoolean();

    BlockRead(Lease lease, int blockIndex, BlockRef pin, Consumer<BatonException> onRevoked) {
        this.lease = lease;
        this.blockIndex = blockIndex;
        this.pin = pin;
        this.onRevoked = onRevoked;
    }

    /** The rows, read-only. Not to be touched after {@link #close}. */
    public MemorySegment rows() {
        return pin.rows();
    }

    int blockIndex() {
        return blockIndex;
    }

    void revoke(BatonException why) {
        onRevoked.accept(why);
    }

    /** Ends the read and gives its pin up. Idempotent. */
    @Override
    public void close() {
        if (!closed.getAndSet(true)) {
            pin.close();
            lease.readEnded(this);
        }
    }
}
