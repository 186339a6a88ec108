package io.baton.cli.bench;

/**
 * What is asked of an engine or a fleet.
 *
 * @param streams streams that generate
 * @param streamPromptTokens tokens of a stream's prompt
 * @param streamTokens tokens that a stream generates before it starts again
 * @param promptTokens tokens of the prompts that arrive meanwhile
 * @param contextCells KV cells of an engine
 */
record Workload(int streams, int streamPromptTokens, int streamTokens, int promptTokens, int contextCells) {
    /**
     * Streams begin with 128 tokens and end with 1152: what attention reads of the cache for four of them, at 32 KiB per
     * token, grows from 16 to at most 144 MiB beside 585 MB of weights. In the length of a phase that makes a step slower by
     * a third (59 ms at 128 tokens, 90 ms at 750), so phases are compared over the same lengths.
     *
     * <p>There is room for twice the streams: those of one phase may still be on their way out when the next one's begin.
     */
    static Workload of(int streams, int promptTokens) {
        int cells = Math.max(4096, 2 * streams * (128 + 1024) + 3 * (promptTokens + 2));
        return new Workload(streams, 128, 1024, promptTokens, (cells + 1023) / 1024 * 1024);
    }
}
