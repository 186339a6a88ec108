package io.baton.cli.bench.goodput;

/**
 * A request as a trace has it.
 *
 * @param seconds when it came, since the trace began
 * @param promptTokens at least 1
 * @param outputTokens at least 1
 * @param blocks ids of the prompt's blocks, in order; equal ids are equal prefixes. The last may be a part of a block
 */
record TraceRequest(double seconds, int promptTokens, int outputTokens, long[] blocks) {
    /** Tokens of a block, as in the published traces of Mooncake. */
    static final int BLOCK_TOKENS = 512;

    /** Refuses lengths out of range and blocks that do not fit the prompt. */
    TraceRequest {
        if (!(seconds >= 0) || promptTokens < 1 || outputTokens < 1) {
            throw new IllegalArgumentException("a request at " + seconds + " s with " + promptTokens + " prompt and "
                    + outputTokens + " output tokens; the time must be at least 0, both lengths at least 1");
        }
        if (blocks.length != Math.ceilDiv(promptTokens, BLOCK_TOKENS)) {
            throw new IllegalArgumentException(blocks.length + " block ids for " + promptTokens
                    + " prompt tokens; each " + BLOCK_TOKENS + " tokens have one");
        }
    }

    /** Blocks that a cache can hold: the whole ones. */
    int wholeBlocks() {
        return promptTokens / BLOCK_TOKENS;
    }
}
