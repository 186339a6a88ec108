package io.baton.kv.store;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.LongFunction;
import org.jspecify.annotations.Nullable;

/**
 * Cuts contiguous extents out of large slabs of native memory, first fit, joining neighbours when they come back. Slabs
 * are taken when they are first needed; the allocator never gives one back.
 *
 * <p>Full blocks all have one size and are cut from the low end; tails are smaller and short-lived and are cut from the
 * high end, so that they do not break up the room for full blocks.
 *
 * <p><em>Thread-safety:</em> none; the store's lock guards it.
 */
final class SlabAllocator {
    /** Extents start on a cache line. */
    static final long ALIGNMENT = 64;

    private final long capacity;
    private final long slabBytes;
    private final LongFunction<MemorySegment> memory;
    private final List<Slab> slabs = new ArrayList<>();
    private long reserved;
    private long free;

    SlabAllocator(long capacity, long slabBytes, LongFunction<MemorySegment> memory) {
        this.capacity = capacity;
        this.slabBytes = slabBytes;
        this.memory = memory;
    }

    /** Memory of one block; {@code rows} has the bytes asked for, {@code length} what was taken. */
    record Extent(Slab slab, long offset, long length, MemorySegment rows) {}

    /** A slab and the gaps in it, by offset. */
    static final class Slab {
        private final MemorySegment memory;
        private final TreeMap<Long, Long> gaps = new TreeMap<>();
        private long free;

        private Slab(MemorySegment memory) {
            this.memory = memory;
            this.free = memory.byteSize();
            gaps.put(0L, free);
        }
    }

    /** Bytes that no extent covers, of slabs not taken yet too. */
    long freeBytes() {
        return free + (capacity - reserved);
    }

    /** An extent of {@code bytes} bytes, or null if no gap is large enough. */
    @Nullable
    Extent take(long bytes, boolean fromTop) {
        long length = roundUp(bytes);
        for (int i = 0; i < slabs.size(); i++) {
            Slab slab = slabs.get(fromTop ? slabs.size() - 1 - i : i);
            Extent extent = slab.free < length ? null : cut(slab, bytes, length, fromTop);
            if (extent != null) {
                return extent;
            }
        }
        long size = Math.min(Math.max(slabBytes, length), capacity - reserved) / ALIGNMENT * ALIGNMENT;
        if (size < length) {
            return null;
        }
        var slab = new Slab(memory.apply(size));
        slabs.add(slab);
        reserved += size;
        free += size;
        return cut(slab, bytes, length, fromTop);
    }

    private @Nullable Extent cut(Slab slab, long bytes, long length, boolean fromTop) {
        for (Map.Entry<Long, Long> gap : (fromTop ? slab.gaps.descendingMap() : slab.gaps).entrySet()) {
            long gapAt = gap.getKey();
            long gapLength = gap.getValue();
            if (gapLength < length) {
                continue;
            }
            long at = fromTop ? gapAt + gapLength - length : gapAt;
            slab.gaps.remove(gapAt);
            if (gapLength > length) {
                slab.gaps.put(fromTop ? gapAt : gapAt + length, gapLength - length);
            }
            slab.free -= length;
            free -= length;
            return new Extent(slab, at, length, slab.memory.asSlice(at, bytes));
        }
        return null;
    }

    /** Takes an extent back. */
    void give(Extent extent) {
        TreeMap<Long, Long> gaps = extent.slab.gaps;
        long at = extent.offset;
        long length = extent.length;
        Map.Entry<Long, Long> before = gaps.lowerEntry(at);
        if (before != null && before.getKey() + before.getValue() == at) {
            at = before.getKey();
            length += before.getValue();
        }
        Long after = gaps.remove(extent.offset + extent.length);
        if (after != null) {
            length += after;
        }
        gaps.put(at, length);
        extent.slab.free += extent.length;
        free += extent.length;
    }

    static long roundUp(long bytes) {
        return Math.addExact(bytes, ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    }
}
