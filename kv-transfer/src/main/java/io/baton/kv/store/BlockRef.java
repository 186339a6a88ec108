package io.baton.kv.store;

import io.baton.kv.block.BlockName;
import java.lang.foreign.MemorySegment;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * A pin on a block of a {@link BlockStore}. While at least one is open the block's memory is neither freed nor reused;
 * a segment taken from {@link #rows()} must not be touched after the pin that it came from was closed.
 *
 * <p>Whoever received a ref closes it, once; what is passed on is a {@link #retain() pin of its own}.
 *
 * <p><em>Thread-safety:</em> safe. Rows are written by one thread, before {@link #publish}.
 */
public final class BlockRef implements AutoCloseable {
    private final BlockStore store;
    private final BlockStore.Block block;
    private final AtomicBoolean closed = new AtomicBoolean();

    BlockRef(BlockStore store, BlockStore.Block block) {
        this.store = store;
        this.block = block;
    }

    /** The block's memory, exactly its bytes: writable until it is published, read-only afterwards. */
    public MemorySegment rows() {
        checkOpen();
        return block.published ? block.readOnlyRows : block.extent.rows();
    }

    /** Bytes of the rows. */
    public long byteSize() {
        return block.bytes;
    }

    /** CRC32C of the rows, as given when the block was published. */
    public int crc32c() {
        if (!block.published) {
            throw new IllegalStateException("the block is not published yet");
        }
        return block.crc32c;
    }

    /** Name of the block; empty for a tail. */
    public Optional<BlockName> name() {
        return Optional.ofNullable(block.name);
    }

    /** Whether {@link #publish} was called. */
    public boolean isPublished() {
        return block.published;
    }

    /**
     * Says that the rows are complete. A named block can be found from now on, unless another block of the same name
     * was published first: then that one stays, and this one is freed when its last pin goes. A block that is never
     * published is freed likewise.
     *
     * @param crc32c CRC32C of the rows
     * @return whether it is this block that can be found
     */
    public boolean publish(int crc32c) {
        checkOpen();
        return store.publish(block, crc32c);
    }

    /** One more pin on the same block, to be closed separately. */
    public BlockRef retain() {
        return store.retain(this);
    }

    BlockStore.Block block() {
        return block;
    }

    boolean isClosed() {
        return closed.get();
    }

    void checkOpen() {
        if (closed.get()) {
            throw new IllegalStateException(
                    "the pin on block " + name().map(Object::toString).orElse("(tail)")
                            + " was closed; its memory may belong to another block");
        }
    }

    /** Gives the pin up. Idempotent. */
    @Override
    public void close() {
        store.unpin(this, closed);
    }
}
