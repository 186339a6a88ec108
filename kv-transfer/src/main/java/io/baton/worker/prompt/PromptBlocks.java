package io.baton.worker.prompt;

import io.baton.engine.KvLayout;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.kv.block.BlockName;
import io.baton.kv.block.Checksums;
import io.baton.kv.store.BlockRef;
import io.baton.kv.store.BlockStore;
import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The store memory of one leg: pins on cached blocks until they are imported, and room for blocks that the engine is to
 * write.
 *
 * <p><em>Thread-safety:</em> none; guarded by its leg. Owns every pin that it has not handed out.
 */
public final class PromptBlocks {
    private final BlockStore store;
    private final KvLayout layout;
    private final int blockSize;
    private final int length;
    private final List<BlockName> names;
    private final ArrayDeque<BlockRef> cached = new ArrayDeque<>();
    private final Map<Integer, BlockRef> targets = new HashMap<>();

    /** The blocks of {@code tokens}, of which the leading {@code reusable} ones are taken from the store if they are there. */
    PromptBlocks(BlockStore store, KvLayout layout, int blockSize, int length, List<BlockName> names, int reusable) {
        this.store = store;
        this.layout = layout;
        this.blockSize = blockSize;
        this.length = length;
        this.names = names;
        for (int i = 0; i < reusable; i++) {
            Optional<BlockRef> ref = store.find(names.get(i));
            if (ref.isEmpty()) {
                break;
            }
            cached.add(ref.get());
        }
    }

    /** Leading blocks that were in the store. */
    public int cachedBlocks() {
        return cached.size();
    }

    /** The first cached block that was not handed out. */
    public BlockRef firstCached() {
        return cached.getFirst();
    }

    /** Hands out the first of the cached blocks that are left. */
    public BlockRef takeFirstCached() {
        return cached.removeFirst();
    }

    /** Names of the full blocks, in order. */
    public List<BlockName> names() {
        return names;
    }

    /** Number of the block in which a position is. */
    public int index(int begin) {
        return begin / blockSize;
    }

    /** First position of block {@code index}. */
    public int begin(int index) {
        return index * blockSize;
    }

    /** One past the last position of block {@code index}. */
    public int end(int index) {
        return Math.min(length, (index + 1) * blockSize);
    }

    private @Nullable BlockName name(int index) {
        return index < names.size() ? names.get(index) : null;
    }

    /** Whether block {@code index} is full and so has a name under which it is kept. */
    public boolean named(int index) {
        return index < names.size();
    }

    /** Makes room for a block; false if the store is full of pinned blocks. */
    public boolean reserve(int index) {
        if (targets.containsKey(index)) {
            return true;
        }
        try {
            targets.put(index, store.allocate(name(index), layout.bytes(end(index) - begin(index))));
            return true;
        } catch (BatonException e) {
            if (e.code() == ErrorCode.KV_FULL) {
                return false;
            }
            throw e;
        }
    }

    /** The room of a block; null if none was reserved. */
    public @Nullable BlockRef target(int index) {
        return targets.get(index);
    }

    /** Hands out the room of a block, which the engine has written. */
    public BlockRef takeTarget(int index) {
        BlockRef ref = targets.remove(index);
        if (ref == null) {
            throw new IllegalStateException("the engine wrote block " + index + ", for which no room was reserved");
        }
        return ref;
    }

    /** Makes a written block known to the store. */
    public static void publish(BlockRef ref) {
        ref.publish(Checksums.crc32c(ref.rows()));
    }

    /** Gives up every pin that was not handed out; only when the engine writes no more. The last one first. */
    public void close() {
        targets.values().forEach(BlockRef::close);
        targets.clear();
        for (BlockRef ref : cached.reversed()) {
            ref.close();
        }
        cached.clear();
    }
}
