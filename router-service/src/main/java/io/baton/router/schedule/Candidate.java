package io.baton.router.schedule;

import static java.util.Objects.requireNonNull;

import io.baton.router.fleet.KvKind;
import io.baton.worker.v1.WorkerRole;
import org.jspecify.annotations.Nullable;

/**
 * A worker as it reported itself last.
 *
 * <p><em>Thread-safety:</em> immutable.
 *
 * @param address host:port; its name in the router
 * @param role what it does
 * @param kind its kind of KV cache, with its model; null until it was heard
 * @param available whether it takes work
 * @param computesPrompts whether a decode worker can compute prompts itself
 * @param slot its number in the prefix index; −1 for none
 * @param kvTokenBytes KV bytes of one token; 0 if not known
 * @param cells KV cells in all; 0 if not known
 * @param reservedCells cells promised to requests
 * @param running sequences that compute
 * @param waiting requests that wait for anything
 * @param queuedTokens prompt tokens that are accepted and not computed yet
 * @param rates what it measured of itself
 */
public record Candidate(
        String address,
        WorkerRole role,
        @Nullable KvKind kind,
        boolean available,
        boolean computesPrompts,
        int slot,
        int kvTokenBytes,
        int cells,
        int reservedCells,
        int running,
        int waiting,
        long queuedTokens,
        Rates rates) {
    /** Refuses absent parts. */
    public Candidate {
        requireNonNull(address);
        requireNonNull(role);
        requireNonNull(rates);
    }
}
