package io.baton.engine.llamacpp;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Settings of a {@link LlamaEngine}. {@link #of} gives the defaults; each {@code with…} changes one.
 *
 * @param modelPath the GGUF file
 * @param modelName name by which clients know the model; null for the one in the file, or else the file's name
 * @param libraryDirectory directory with libllama; null to take it from the cache directory, fetching it once
 * @param contextCells KV cells in all, at least 16; default 4096
 * @param maxRequestTokens most tokens of one sequence; 0, the default, for what the model was trained for
 * @param kvType element type of the KV cache; default F16
 * @param flashAttention whether flash attention computes; default true. Exact agreement with a float64 reference needs F32
 *     weights, an F32 cache and no flash attention
 * @param threads threads that compute; default one per processor
 * @param batchTokens most prompt tokens of one step, which bounds how long a step takes; default 256
 * @param maxConcurrentPrefills prompts that share the prompt tokens of a step; later ones wait; default 4
 * @param maxSequences most open sequences, in [1, 255]; default 64
 * @param importBudget time that moving KV rows may take between two steps, but at least one piece is moved; default 5 ms
 * @param transferPieceBytes most bytes of KV rows moved at once; default 4 MiB
 * @param commandQueue most imports and exports that wait; default 1024
 * @param gpuLayers layers to keep in GPU memory if there is one; −1, the default, for all
 * @param mmap whether to map the model file instead of reading it; default true
 * @param libraryLog whether libllama's own log goes to standard error; default false
 */
public record LlamaEngineConfig(
        Path modelPath,
        @Nullable String modelName,
        @Nullable Path libraryDirectory,
        int contextCells,
        int maxRequestTokens,
        KvType kvType,
        boolean flashAttention,
        int threads,
        int batchTokens,
        int maxConcurrentPrefills,
        int maxSequences,
        Duration importBudget,
        long transferPieceBytes,
        int commandQueue,
        int gpuLayers,
        boolean mmap,
        boolean libraryLog) {

    /** libllama takes at most 256 sequence ids, and one is kept for moving rows. */
    public static final int MOST_SEQUENCES = 255;

    /** Checks every range. */
    public LlamaEngineConfig {
        Objects.requireNonNull(modelPath, "modelPath");
        Objects.requireNonNull(kvType, "kvType");
        range("context-cells", contextCells, 16, 1 << 28);
        range("max-request-tokens", maxRequestTokens, 0, 1 << 28);
        range("threads", threads, 1, 1024);
        range("batch-tokens", batchTokens, 1, 1 << 16);
        range("max-concurrent-prefills", maxConcurrentPrefills, 1, MOST_SEQUENCES);
        range("max-sequences", maxSequences, 1, MOST_SEQUENCES);
        range("command-queue", commandQueue, 1, 1 << 20);
        if (importBudget.isNegative()) {
            throw new IllegalArgumentException("import-budget is " + importBudget + "; it must not be negative");
        }
        if (transferPieceBytes < 1) {
            throw new IllegalArgumentException(
                    "transfer-piece-bytes is " + transferPieceBytes + "; it must be positive");
        }
    }

    private static void range(String setting, int value, int least, int most) {
        if (value < least || value > most) {
            throw new IllegalArgumentException(
                    setting + " is " + value + "; it must be in [" + least + ", " + most + "]");
        }
    }

    /** The defaults for a model. */
    public static LlamaEngineConfig of(Path modelPath) {
        return new LlamaEngineConfig(
                modelPath,
                null,
                null,
                4096,
                0,
                KvType.F16,
                true,
                Runtime.getRuntime().availableProcessors(),
                256,
                4,
                64,
                Duration.ofMillis(5),
                4L << 20,
                1024,
                -1,
                true,
                false);
    }

    /** With another {@link #modelName}. */
    public LlamaEngineConfig withModelName(@Nullable String value) {
        return new LlamaEngineConfig(
                modelPath,
                value,
                libraryDirectory,
                contextCells,
                maxRequestTokens,
                kvType,
                flashAttention,
                threads,
                batchTokens,
                maxConcurrentPrefills,
                maxSequences,
                importBudget,
                transferPieceBytes,
                commandQueue,
                gpuLayers,
                mmap,
                libraryLog);
    }

    /** With another {@link #libraryDirectory}. */
    public LlamaEngineConfig withLibraryDirectory(@Nullable Path value) {
        return new LlamaEngineConfig(
                modelPath,
                modelName,
                value,
                contextCells,
                maxRequestTokens,
                kvType,
                flashAttention,
                threads,
                batchTokens,
                maxConcurrentPrefills,
                maxSequences,
                importBudget,
                transferPieceBytes,
                commandQueue,
                gpuLayers,
                mmap,
                libraryLog);
    }

    /** With other {@link #contextCells} and {@link #maxRequestTokens}. */
    public LlamaEngineConfig withContext(int cells, int requestTokens) {
        return new LlamaEngineConfig(
                modelPath,
                modelName,
                libraryDirectory,
                cells,
                requestTokens,
                kvType,
                flashAttention,
                threads,
                batchTokens,
                maxConcurrentPrefills,
                maxSequences,
                importBudget,
                transferPieceBytes,
                commandQueue,
                gpuLayers,
                mmap,
                libraryLog);
    }

    /** With another {@link #kvType} and {@link #flashAttention}. */
    public LlamaEngineConfig withKv(KvType type, boolean flash) {
        return new LlamaEngineConfig(
                modelPath,
                modelName,
                libraryDirectory,
                contextCells,
                maxRequestTokens,
                type,
                flash,
                threads,
                batchTokens,
                maxConcurrentPrefills,
                maxSequences,
                importBudget,
                transferPieceBytes,
                commandQueue,
                gpuLayers,
                mmap,
                libraryLog);
    }

    /** With other {@link #threads}. */
    public LlamaEngineConfig withThreads(int value) {
        return new LlamaEngineConfig(
                modelPath,
                modelName,
                libraryDirectory,
                contextCells,
                maxRequestTokens,
                kvType,
                flashAttention,
                value,
                batchTokens,
                maxConcurrentPrefills,
                maxSequences,
                importBudget,
                transferPieceBytes,
                commandQueue,
                gpuLayers,
                mmap,
                libraryLog);
    }

    /** With other {@link #batchTokens} and {@link #maxConcurrentPrefills}. */
    public LlamaEngineConfig withBatch(int tokens, int concurrentPrefills) {
        return new LlamaEngineConfig(
                modelPath,
                modelName,
                libraryDirectory,
                contextCells,
                maxRequestTokens,
                kvType,
                flashAttention,
                threads,
                tokens,
                concurrentPrefills,
                maxSequences,
                importBudget,
                transferPieceBytes,
                commandQueue,
                gpuLayers,
                mmap,
                libraryLog);
    }

    /** With other {@link #maxSequences} and {@link #commandQueue}. */
    public LlamaEngineConfig withLimits(int sequences, int queue) {
        return new LlamaEngineConfig(
                modelPath,
                modelName,
                libraryDirectory,
                contextCells,
                maxRequestTokens,
                kvType,
                flashAttention,
                threads,
                batchTokens,
                maxConcurrentPrefills,
                sequences,
                importBudget,
                transferPieceBytes,
                queue,
                gpuLayers,
                mmap,
                libraryLog);
    }

    /** With another {@link #importBudget} and {@link #transferPieceBytes}. */
    public LlamaEngineConfig withTransfers(Duration budget, long pieceBytes) {
        return new LlamaEngineConfig(
                modelPath,
                modelName,
                libraryDirectory,
                contextCells,
                maxRequestTokens,
                kvType,
                flashAttention,
                threads,
                batchTokens,
                maxConcurrentPrefills,
                maxSequences,
                budget,
                pieceBytes,
                commandQueue,
                gpuLayers,
                mmap,
                libraryLog);
    }

    /** With other {@link #gpuLayers}, {@link #mmap} and {@link #libraryLog}. */
    public LlamaEngineConfig withLoading(int layers, boolean map, boolean log) {
        return new LlamaEngineConfig(
                modelPath,
                modelName,
                libraryDirectory,
                contextCells,
                maxRequestTokens,
                kvType,
                flashAttention,
                threads,
                batchTokens,
                maxConcurrentPrefills,
                maxSequences,
                importBudget,
                transferPieceBytes,
                commandQueue,
                layers,
                map,
                log);
    }
}
