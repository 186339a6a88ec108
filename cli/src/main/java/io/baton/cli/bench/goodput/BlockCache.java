package io.baton.cli.bench.goodput;

import java.util.HashSet;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Set;

/**
 * A prefix cache: blocks, of which the least recently used ones go first. Of a prefix, the last block is the oldest.
 *
 * <p><em>Thread-safety:</em> none.
 */
final class BlockCache {
    private final int capacity;
    private final LinkedHashMap<Long, Boolean> blocks = new LinkedHashMap<>(16, 0.75f, true);
    private final Set<Long> changed = new HashSet<>();

    /** Of so many blocks; 0 for none. */
    BlockCache(int capacity) {
        this.capacity = capacity;
    }

    /** How many of the first {@code count} blocks are there without a gap; they count as used. */
    int match(long[] prefix, int count) {
        int found = cached(prefix, count);
        for (int i = found - 1; i >= 0; i--) {
            blocks.get(prefix[i]);
        }
        return found;
    }

    /** The same without using them. */
    int cached(long[] prefix, int count) {
        int found = 0;
        while (found < count && blocks.containsKey(prefix[found])) {
            found++;
        }
        return found;
    }

    /** Adds the first {@code count} blocks. */
    void add(long[] prefix, int count) {
        for (int i = count - 1; i >= 0; i--) {
            if (blocks.put(prefix[i], Boolean.TRUE) == null) {
                changed.add(prefix[i]);
            }
        }
        Iterator<Long> oldest = blocks.keySet().iterator();
        for (int over = blocks.size() - capacity; over > 0; over--) {
            changed.add(oldest.next());
            oldest.remove();
        }
    }

    /** Makes {@code told}, which was right after the last call or empty before the first, right again. */
    void tell(Set<Long> told) {
        for (Long block : changed) {
            if (blocks.containsKey(block)) {
                told.add(block);
            } else {
                told.remove(block);
            }
        }
        changed.clear();
    }

    int size() {
        return blocks.size();
    }
}
