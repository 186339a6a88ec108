package io.baton.cli.bench.goodput;

/**
 * What things take on one worker. A prompt takes a + b·n seconds for n computed tokens, a step c + d·batch, a transfer
 * bytes ÷ rate.
 *
 * @param prefillBase a, seconds
 * @param prefillToken b, seconds
 * @param stepBase c, seconds
 * @param stepSequence d, seconds
 * @param handOver seconds that the last block of a prompt takes to decode's batch, beside its bytes
 * @param pullBytes bytes per second that one decode worker pulls, over 0
 * @param kvTokenBytes KV bytes of one token
 * @param chunk most prompt tokens in a step, at least 4
 * @param cells KV cells of a decode worker
 * @param cacheTokens tokens of prompt blocks that a worker keeps, beside its cells
 * @param reportSeconds between two reports of a worker's load and blocks, over 0
 */
record Costs(
        double prefillBase,
        double prefillToken,
        double stepBase,
        double stepSequence,
        double handOver,
        double pullBytes,
        int kvTokenBytes,
        int chunk,
        int cells,
        int cacheTokens,
        double reportSeconds) {

    /** About an 8B model with grouped-query attention in F16 on one GPU of 80 GB with a link of 100 Gbit/s. */
    static Costs example() {
        return new Costs(0.01, 1 / 20_000.0, 0.008, 0.0005, 0.005, 10e9, 131_072, 512, 400_000, 1_000_000, 0.1);
    }

    /** Seconds to pull so many tokens. */
    double pull(int tokens) {
        return (double) tokens * kvTokenBytes / pullBytes;
    }
}
