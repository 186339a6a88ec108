package io.baton.router.prefix;

import org.jspecify.annotations.Nullable;

/**
 * Sets of workers by the hash of a piece: open addressing with linear probing, at most half full. Hashes are uniform as they
 * come, so the low bits are the place.
 *
 * <p><em>Thread-safety:</em> none; guarded by its index.
 */
final class PieceTable {
    private static final int LEAST = 1024;

    private long[] keys = new long[LEAST];
    private @Nullable WorkerSet[] sets = new WorkerSet[LEAST];
    private int size;

    /** Pieces that are known. */
    int size() {
        return size;
    }

    /** Who has a piece; null if nobody has. */
    @Nullable
    WorkerSet get(long key) {
        int mask = keys.length - 1;
        int at = (int) key & mask;
        while (true) {
            WorkerSet set = sets[at];
            if (set == null || keys[at] == key) {
                return set;
            }
            at = at + 1 & mask;
        }
    }

    /** Replaces the set of a piece, or adds it; not empty. */
    void put(long key, WorkerSet set) {
        if (place(key, set)) {
            size++;
            if (size * 2 > keys.length) {
                resize(keys.length * 2, -1);
            }
        }
    }

    private boolean place(long key, WorkerSet set) {
        int mask = keys.length - 1;
        int at = (int) key & mask;
        while (true) {
            WorkerSet old = sets[at];
            if (old == null || keys[at] == key) {
                keys[at] = key;
                sets[at] = set;
                return old == null;
            }
            at = at + 1 & mask;
        }
    }

    /** Forgets a piece. Entries behind it move up, so that no gap hides them. */
    void remove(long key) {
        int mask = keys.length - 1;
        int at = (int) key & mask;
        while (sets[at] != null && keys[at] != key) {
            at = at + 1 & mask;
        }
        if (sets[at] == null) {
            return;
        }
        size--;
        int gap = at;
        for (int next = gap + 1 & mask; sets[next] != null; next = next + 1 & mask) {
            int home = (int) keys[next] & mask;
            if ((next - home & mask) >= (next - gap & mask)) {
                keys[gap] = keys[next];
                sets[gap] = sets[next];
                gap = next;
            }
        }
        sets[gap] = null;
    }

    /** Takes a worker out of every set. */
    void removeSlot(int slot) {
        resize(keys.length, slot);
    }

    private void resize(int capacity, int slot) {
        long[] oldKeys = keys;
        @Nullable WorkerSet[] oldSets = sets;
        keys = new long[capacity];
        sets = new WorkerSet[capacity];
        size = 0;
        for (int i = 0; i < oldSets.length; i++) {
            WorkerSet set = oldSets[i];
            WorkerSet left = set == null || slot < 0 ? set : set.without(slot);
            if (left != null && !left.isEmpty()) {
                place(oldKeys[i], left);
                size++;
            }
        }
    }
}
