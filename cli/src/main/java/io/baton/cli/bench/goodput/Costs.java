package io.baton.cli.bench.goodput;

import java.util.List;

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
 * @param detail what the formulas leave out, for a fleet that was measured
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
        double reportSeconds,
        Detail detail) {

    /** The formulas alone. */
    Costs(
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
        this(
                prefillBase,
                prefillToken,
                stepBase,
                stepSequence,
                handOver,
                pullBytes,
                kvTokenBytes,
                chunk,
                cells,
                cacheTokens,
                reportSeconds,
                Detail.NONE);
    }

    /**
     * What a measured fleet shows beside the formulas.
     *
     * @param prefillSquare seconds that a whole prompt of n tokens takes longer, ÷ n²: attention
     * @param steps seconds of a step with 1, 2, 3... sequences, in place of the formula, without attention; larger batches add the
     *     formula's part of each sequence. Kernels compute rows in groups, so steps do not grow evenly
     * @param stepCell seconds of a step per token in its sequences' caches: attention
     * @param prefillBeside fraction by which prompts take longer while a decode worker generates on the same machine
     * @param stepBeside fraction by which a step with 1, 2, 3... sequences takes longer while a prefill worker computes on the same
     *     machine; the last one is that of larger batches, too
     * @param importSteps what a hand-over takes longer at a decode worker that generates, beside the rest of its step, in steps
     */
    record Detail(
            double prefillSquare,
            List<Double> steps,
            double stepCell,
            double prefillBeside,
            List<Double> stepBeside,
            double importSteps) {
        /** Nothing. */
        static final Detail NONE = new Detail(0, List.of(), 0, 0, List.of(), 0);

        /** Copies the lists. */
        Detail {
            steps = List.copyOf(steps);
            stepBeside = List.copyOf(stepBeside);
        }
    }

    /** About an 8B model with grouped-query attention in F16 on one GPU of 80 GB with a link of 100 Gbit/s. */
    static Costs example() {
        return new Costs(0.01, 1 / 20_000.0, 0.008, 0.0005, 0.005, 10e9, 131_072, 512, 400_000, 1_000_000, 0.1);
    }

    /** What a step of so many sequences takes beside a prefill worker ÷ what it takes alone. */
    double besidePrompts(int sequences) {
        List<Double> known = detail.stepBeside();
        return known.isEmpty() ? 1 : 1 + known.get(Math.min(sequences, known.size()) - 1);
    }

    /** Seconds for a prompt's next tokens, after those before them; without the prompt's base. */
    double chunk(int before, int tokens) {
        double end = before + tokens;
        return prefillToken * tokens + detail.prefillSquare() * (end * end - (double) before * before);
    }

    /** Seconds of a step of so many sequences with so many tokens in their caches together. */
    double step(int sequences, long cells) {
        List<Double> known = detail.steps();
        double rows = known.isEmpty()
                ? stepBase + stepSequence * sequences
                : known.get(Math.min(sequences, known.size()) - 1)
                        + stepSequence * Math.max(0, sequences - known.size());
        return rows + detail.stepCell() * cells;
    }

    /** Seconds to pull so many tokens. */
    double pull(int tokens) {
        return (double) tokens * kvTokenBytes / pullBytes;
    }
}
