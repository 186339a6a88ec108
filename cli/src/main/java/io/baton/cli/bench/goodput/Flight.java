package io.baton.cli.bench.goodput;

import org.jspecify.annotations.Nullable;

/**
 * A request on its way through the fleet, and what became of it. Times are seconds since the run began, NaN before they are
 * known.
 *
 * <p><em>Thread-safety:</em> none.
 */
final class Flight {
    final Job job;
    /** Cells that decode reserves for it. */
    final int cells;

    boolean local;

    @Nullable
    DecodeNode decode;

    int prefillCached;
    int decodeCached;
    /** Prompt tokens that the worker that computes the prompt has not cached. */
    int uncached;
    /** Those of them that it has still to compute. */
    int toCompute;

    double prefillStart = Double.NaN;
    double firstToken = Double.NaN;
    double secondToken = Double.NaN;
    double roomTime = Double.NaN;
    double lastToken = Double.NaN;
    double end = Double.NaN;
    int tokens;
    /** Whether admission refused it. */
    boolean refused;
    /** When it was admitted. */
    double admitted = Double.NaN;

    Runnable onEnd = () -> {};

    Flight(Job job, int cells) {
        this.job = job;
        this.cells = cells;
    }

    TraceRequest request() {
        return job.request();
    }

    /** Of the prompt; the last token is always computed. */
    int cachedTokens(int blocks) {
        return Math.min(blocks * TraceRequest.BLOCK_TOKENS, request().promptTokens() - 1);
    }

    double ttft() {
        return firstToken - job.arrival();
    }

    /** Mean time between its tokens, 0 if it has only one. */
    double meanItl() {
        return tokens < 2 ? 0 : (lastToken - firstToken) / (tokens - 1);
    }

    boolean ended() {
        return !Double.isNaN(end);
    }

    /** Counts a token; whether it was the last. */
    boolean token(double now) {
        if (tokens++ == 0) {
            firstToken = now;
        } else if (tokens == 2) {
            secondToken = now;
        }
        lastToken = now;
        if (tokens == request().outputTokens()) {
            end = now;
            onEnd.run();
        }
        return ended();
    }
}
