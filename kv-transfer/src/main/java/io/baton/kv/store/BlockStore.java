package io.baton.kv.store;

import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.kv.block.BlockName;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.function.LongFunction;
import org.jspecify.annotations.Nullable;

/**
 * Holds KV blocks in native memory, up to a number of bytes. A block stays where it is while somebody holds a
 * {@link BlockRef} on it; named blocks that nobody holds are kept as prefix cache and evicted, least recently used
 * first, when room is needed.
 *
 * <p>Names are chained, so a block without its predecessor is worth nothing: whoever gives up the blocks of a prompt
 * closes the last one first.
 *
 * <p>The memory belongs to the arena given at construction. A worker has one store for as long as its process lives and
 * uses the global arena, which also works in a native image without shared-arena support; slabs are taken from it when
 * they are first needed.
 *
 * <p><em>Thread-safety:</em> safe. Operations take one lock for a short time.
 */
public final class BlockStore {
    /** Blocks start on a cache line. */
    public static final long ALIGNMENT = SlabAllocator.ALIGNMENT;

    /** Default size of a slab: 64 MiB. */
    public static final long DEFAULT_SLAB_BYTES = 64L << 20;

    private final ReentrantLock lock = new ReentrantLock();
    private final long capacity;
    private final SlabAllocator allocator;
    private final Map<BlockName, Block> byName = new HashMap<>();
    /** Named, published, unpinned; the least recently used one first. */
    private final LinkedHashSet<Block> evictable = new LinkedHashSet<>();

    private volatile Consumer<BlockName> evicted = _ -> {};
    private long usedBytes;
    private long pinnedBytes;
    private int blocks;
    private int pinnedBlocks;
    private long hits;
    private long misses;
    private long insertions;
    private long evictions;

    /** A block. Guarded by the store's lock, except what is final and what {@code published} publishes. */
    static final class Block {
        final @Nullable BlockName name;
        final SlabAllocator.Extent extent;
        final long bytes;
        final MemorySegment readOnlyRows;
        int pins = 1;
        int crc32c;
        volatile boolean published;

        Block(@Nullable BlockName name, SlabAllocator.Extent extent, long bytes) {
            this.name = name;
            this.extent = extent;
            this.bytes = bytes;
            this.readOnlyRows = extent.rows().asReadOnly();
        }
    }

    /** A store of at most {@code capacityBytes} bytes in the global arena, in slabs of the default size. */
    public BlockStore(long capacityBytes) {
        this(capacityBytes, DEFAULT_SLAB_BYTES, Arena.global());
    }

    /**
     * A store.
     *
     * @param capacityBytes most bytes of native memory, at least 64
     * @param slabBytes bytes taken from the arena at once; a multiple of a full block's bytes wastes nothing
     * @param arena owner of the memory; must allow access from every thread and outlive the store and all refs
     */
    public BlockStore(long capacityBytes, long slabBytes, Arena arena) {
        this(capacityBytes, slabBytes, bytes -> arena.allocate(bytes, SlabAllocator.ALIGNMENT));
    }

    private BlockStore(long capacityBytes, long slabBytes, LongFunction<MemorySegment> memory) {
        if (capacityBytes < SlabAllocator.ALIGNMENT || slabBytes < SlabAllocator.ALIGNMENT) {
            throw new IllegalArgumentException("a block store needs at least " + SlabAllocator.ALIGNMENT
                    + " bytes of capacity and per slab, not " + capacityBytes + " and " + slabBytes);
        }
        this.capacity = capacityBytes;
        this.allocator = new SlabAllocator(capacityBytes, slabBytes, memory);
    }

    /**
     * A store whose slabs hold a whole number of blocks of {@code blockBytes} bytes, so that blocks of this size waste no
     * memory.
     *
     * @param memory gives this many bytes of native memory, aligned to {@link #ALIGNMENT}, that every thread may use for as long as the
     *     process lives; what they hold does not matter
     */
    public static BlockStore forBlocks(long capacityBytes, long blockBytes, LongFunction<MemorySegment> memory) {
        long block = SlabAllocator.roundUp(blockBytes);
        return new BlockStore(capacityBytes, Math.max(1, DEFAULT_SLAB_BYTES / block) * block, memory);
    }

    /** The published block of this name, pinned; counts a hit or a miss. */
    public Optional<BlockRef> find(BlockName name) {
        lock.lock();
        try {
            Block block = byName.get(name);
            if (block == null) {
                misses++;
                return Optional.empty();
            }
            hits++;
            pin(block);
            return Optional.of(new BlockRef(this, block));
        } finally {
            lock.unlock();
        }
    }

    /** How many of the names, from the first on, are here without a gap. Pins and counts nothing. */
    public int countLeading(List<BlockName> names) {
        lock.lock();
        try {
            int n = 0;
            while (n < names.size() && byName.containsKey(names.get(n))) {
                n++;
            }
            return n;
        } finally {
            lock.unlock();
        }
    }

    /**
     * Room for a block, pinned; evicts what nobody holds as far as needed. Its bytes are whatever was there before.
     *
     * @param name its name; null for a tail, which is freed when its last pin goes
     * @param bytes bytes of its rows, at least 1
     * @throws BatonException {@code KV_FULL} if there is no room even without everything that nobody holds
     */
    public BlockRef allocate(@Nullable BlockName name, long bytes) {
        if (bytes < 1) {
            throw new IllegalArgumentException("a block has at least 1 byte, not " + bytes);
        }
        lock.lock();
        try {
            SlabAllocator.Extent extent = allocator.take(bytes, name == null);
            if (extent == null && !canMakeRoom(bytes)) {
                throw full(bytes);
            }
            while (extent == null) {
                if (!evictOne()) {
                    throw full(bytes);
                }
                extent = allocator.take(bytes, name == null);
            }
            var block = new Block(name, extent, bytes);
            usedBytes += bytes;
            pinnedBytes += bytes;
            blocks++;
            pinnedBlocks++;
            return new BlockRef(this, block);
        } finally {
            lock.unlock();
        }
    }

    /** Tells of every named block that is evicted from now on. Called under the store's lock: must not call back, or block. */
    public void onEviction(Consumer<BlockName> listener) {
        evicted = listener;
    }

    /** A snapshot of counters and gauges. */
    public BlockStoreStats stats() {
        lock.lock();
        try {
            return new BlockStoreStats(
                    capacity, usedBytes, pinnedBytes, blocks, pinnedBlocks, hits, misses, insertions, evictions);
        } finally {
            lock.unlock();
        }
    }

    boolean publish(Block block, int crc32c) {
        lock.lock();
        try {
            if (block.published) {
                throw new IllegalStateException("the block is published already");
            }
            block.crc32c = crc32c;
            block.published = true;
            if (block.name == null || byName.putIfAbsent(block.name, block) != null) {
                return false;
            }
            insertions++;
            return true;
        } finally {
            lock.unlock();
        }
    }

    BlockRef retain(BlockRef ref) {
        lock.lock();
        try {
            // Under the lock: a ref that is still open here keeps its block from being freed until the new pin counts.
            ref.checkOpen();
            pin(ref.block());
            return new BlockRef(this, ref.block());
        } finally {
            lock.unlock();
        }
    }

    void unpin(BlockRef ref, AtomicBoolean closed) {
        lock.lock();
        try {
            if (closed.getAndSet(true)) {
                return;
            }
            Block block = ref.block();
            if (--block.pins > 0) {
                return;
            }
            pinnedBytes -= block.bytes;
            pinnedBlocks--;
            if (isFindable(block)) {
                evictable.add(block);
            } else {
                free(block);
            }
        } finally {
            lock.unlock();
        }
    }

    private void pin(Block block) {
        if (block.pins++ == 0) {
            evictable.remove(block);
            pinnedBytes += block.bytes;
            pinnedBlocks++;
        }
    }

    private boolean isFindable(Block block) {
        return block.name != null && byName.get(block.name) == block;
    }

    private void free(Block block) {
        usedBytes -= block.bytes;
        blocks--;
        allocator.give(block.extent);
    }

    /** Without this check a request that cannot succeed would first throw the whole prefix cache away. */
    private boolean canMakeRoom(long bytes) {
        return bytes <= capacity && allocator.freeBytes() + (usedBytes - pinnedBytes) >= bytes;
    }

    private boolean evictOne() {
        Iterator<Block> eldest = evictable.iterator();
        if (!eldest.hasNext()) {
            return false;
        }
        Block block = eldest.next();
        eldest.remove();
        BlockName name = block.name;
        byName.remove(name);
        evictions++;
        free(block);
        if (name != null) {
            evicted.accept(name);
        }
        return true;
    }

    private BatonException full(long bytes) {
        String message = bytes > capacity
                ? "a KV block of " + bytes + " bytes never fits the block store of " + capacity
                        + " bytes; raise its capacity"
                : "KV block store full: no room for " + bytes + " bytes, " + pinnedBytes + " of " + capacity
                        + " bytes are pinned by running requests; retry later or raise its capacity";
        return new BatonException(ErrorCode.KV_FULL, message);
    }
}
