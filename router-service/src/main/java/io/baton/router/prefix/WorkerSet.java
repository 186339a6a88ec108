package io.baton.router.prefix;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * A set of workers by their slots. A value; but it remembers the last set that was made of it, so that the pieces of a prompt,
 * which come and go together, share one object, and a walk over them sees at a glance that nothing has changed.
 *
 * <p><em>Thread-safety:</em> the bits are immutable; sets are made under the index's lock.
 */
final class WorkerSet {
    private final long[] bits;
    private int addedSlot = -1;
    private int removedSlot = -1;
    private @Nullable WorkerSet added;
    private @Nullable WorkerSet removed;

    private WorkerSet(long[] bits) {
        this.bits = bits;
    }

    static WorkerSet empty() {
        return new WorkerSet(new long[0]);
    }

    boolean isEmpty() {
        return bits.length == 0;
    }

    boolean contains(int slot) {
        return slot >> 6 < bits.length && (bits[slot >> 6] & 1L << slot) != 0;
    }

    WorkerSet with(int slot) {
        if (contains(slot)) {
            return this;
        }
        WorkerSet made = added;
        if (made == null || addedSlot != slot) {
            long[] more = Arrays.copyOf(bits, Math.max(bits.length, (slot >> 6) + 1));
            more[slot >> 6] |= 1L << slot;
            made = new WorkerSet(more);
            added = made;
            addedSlot = slot;
        }
        return made;
    }

    WorkerSet without(int slot) {
        if (!contains(slot)) {
            return this;
        }
        WorkerSet made = removed;
        if (made == null || removedSlot != slot) {
            long[] less = bits.clone();
            less[slot >> 6] &= ~(1L << slot);
            int length = less.length;
            while (length > 0 && less[length - 1] == 0) {
                length--;
            }
            made = new WorkerSet(Arrays.copyOf(less, length));
            removed = made;
            removedSlot = slot;
        }
        return made;
    }

    /** A copy of the bits, to intersect with others. */
    long[] toBits() {
        return bits.clone();
    }

    /**
     * Leaves in {@code alive} only who is in this set too, and notes for the others how far they came.
     *
     * @return whether anybody is left
     */
    boolean narrow(long[] alive, int pieces, int[] bySlot) {
        long any = 0;
        for (int w = 0; w < alive.length; w++) {
            long kept = w < bits.length ? alive[w] & bits[w] : 0;
            note(w, alive[w] & ~kept, pieces, bySlot);
            alive[w] = kept;
            any |= kept;
        }
        return any != 0;
    }

    /** Notes for everybody in {@code alive} how far they came. */
    static void note(long[] alive, int pieces, int[] bySlot) {
        for (int w = 0; w < alive.length; w++) {
            note(w, alive[w], pieces, bySlot);
        }
    }

    private static void note(int word, long slots, int pieces, int[] bySlot) {
        for (long left = slots; left != 0; left &= left - 1) {
            int slot = (word << 6) + Long.numberOfTrailingZeros(left);
            if (slot < bySlot.length) {
                bySlot[slot] = pieces;
            }
        }
    }
}
