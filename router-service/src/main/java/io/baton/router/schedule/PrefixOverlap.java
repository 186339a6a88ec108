package io.baton.router.schedule;

/** Knows which leading pieces of a prompt each worker has in its prefix cache. */
@FunctionalInterface
public interface PrefixOverlap {
    /** Knows nothing. */
    PrefixOverlap NONE = (pieces, bySlot) -> {};

    /**
     * Fills in, for each worker that has any, how many leading pieces it has.
     *
     * @param pieces hashes of the pieces, in order
     * @param bySlot all zero; index is the worker's slot. Slots beyond its length are left out
     */
    void count(long[] pieces, int[] bySlot);
}
