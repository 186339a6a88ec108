package io.baton.router.schedule;

/**
 * The fleet at one moment. Workers tell of all their work; a router adds only what it sent itself and what they cannot have
 * told of yet, so that several routers do not count anything twice.
 *
 * <p><em>Thread-safety:</em> as the implementation says; the scheduler reads from the calling thread only.
 */
public interface FleetView {
    /** How many workers there are. */
    int size();

    /** The worker of that number, in [0, size). */
    Candidate get(int index);

    /** Legs that this router opened at the worker and that are not in its last report. */
    int pendingLegs(int index);

    /** Prompt tokens of those legs. */
    long pendingTokens(int index);

    /** Cells that those legs reserve. */
    long pendingCells(int index);
}
