package io.baton.router.schedule;

/**
 * One worker and one request: all that a scorer sees. Reused for every worker, so that nothing is allocated for any.
 *
 * <p><em>Thread-safety:</em> none; belongs to one pick.
 */
final class Situation {
    /** The worker; set before every question. */
    Candidate worker;
    /** Tokens of the prompt that are in the worker's prefix cache; fewer than there are. */
    int cachedTokens;

    int pendingLegs;
    long pendingTokens;
    long pendingCells;

    /** Tokens of the prompt. */
    int promptTokens;
    /** Tokens that are expected to be generated. */
    int outputTokens;
    /** Cells that decode reserves. */
    int cells;
    /** Time of the prefill that runs meanwhile. */
    double prefillSeconds;

    Situation(Candidate any) {
        this.worker = any;
    }

    int uncachedTokens() {
        return promptTokens - cachedTokens;
    }

    /** Requests at the worker. */
    int legs() {
        return worker.running() + worker.waiting() + pendingLegs;
    }

    /** Prompt tokens before this request's. */
    long tokensBefore() {
        return worker.queuedTokens() + pendingTokens;
    }

    /** Whether the cells that are needed are there, as far as is known. */
    boolean hasRoom() {
        return worker.cells() == 0 || worker.cells() - worker.reservedCells() - pendingCells >= cells;
    }
}
