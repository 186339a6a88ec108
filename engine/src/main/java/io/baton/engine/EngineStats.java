package io.baton.engine;

/**
 * Counters since the start, and gauges.
 *
 * @param running sequences that compute now
 * @param waiting sequences that wait for their first chunk or step
 * @param openSequences sequences that hold cells
 * @param reservedCells cells set aside for open sequences
 * @param usedCells cells that hold rows
 * @param promptTokensComputed prompt tokens computed by prefills
 * @param decodePromptTokensComputed prompt tokens that decodes had to compute: 0 if every KV row was handed over
 * @param tokensGenerated tokens chosen
 * @param steps batches computed
 * @param importedBytes KV bytes imported
 * @param exportedBytes KV bytes exported
 * @param importNanos time of the engine thread spent importing
 * @param exportNanos time of the engine thread spent exporting
 * @param turnNanos how long the engine thread has been in its present turn (some commands, some rows, one batch); 0 while it
 *     has nothing to do. One that grows without end is a thread that hangs
 */
public record EngineStats(
        int running,
        int waiting,
        int openSequences,
        int reservedCells,
        int usedCells,
        long promptTokensComputed,
        long decodePromptTokensComputed,
        long tokensGenerated,
        long steps,
        long importedBytes,
        long exportedBytes,
        long importNanos,
        long exportNanos,
        long turnNanos) {}
