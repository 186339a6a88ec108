package io.baton.cli.launch;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * The engine of every worker of a fleet.
 *
 * @param kind {@code llamacpp} or {@code simulated}
 * @param model the model file; null for an engine that needs none
 * @param modelName the name under which the model is served; null for the file's name without its ending
 * @param kvType element type of the KV cache: {@code f32}, {@code f16} or {@code q8_0}
 * @param flashAttention whether flash attention is on
 * @param contextCells KV cells per worker
 * @param maxRequestTokens most tokens of prompt and output of one request; 0 leaves it to the worker
 */
public record EngineSpec(
        String kind,
        @Nullable Path model,
        @Nullable String modelName,
        String kvType,
        boolean flashAttention,
        int contextCells,
        int maxRequestTokens) {
    /** The engine over libllama. */
    public static final String LLAMACPP = "llamacpp";
    /** The performance model. */
    public static final String SIMULATED = "simulated";
    /** KV cells per worker unless set: eight requests of 2048 tokens; a third of a gigabyte for the 1B shape in f16. */
    public static final int DEFAULT_CELLS = 16_384;

    /** A model under libllama with the defaults: f16 cache, flash attention. */
    public static EngineSpec llamacpp(Path model) {
        return new EngineSpec(LLAMACPP, model, null, "f16", true, DEFAULT_CELLS, 0);
    }

    /** The performance model. */
    public static EngineSpec simulated() {
        return new EngineSpec(SIMULATED, null, null, "f16", true, DEFAULT_CELLS, 0);
    }

    /** The same with another element type of the cache. */
    public EngineSpec withKvType(String type) {
        return new EngineSpec(kind, model, modelName, type, flashAttention, contextCells, maxRequestTokens);
    }

    /** The same with flash attention on or off. */
    public EngineSpec withFlashAttention(boolean on) {
        return new EngineSpec(kind, model, modelName, kvType, on, contextCells, maxRequestTokens);
    }

    /** The same with another number of cells. */
    public EngineSpec withContextCells(int cells) {
        return new EngineSpec(kind, model, modelName, kvType, flashAttention, cells, maxRequestTokens);
    }

    /** The same with another limit on one request. */
    public EngineSpec withMaxRequestTokens(int tokens) {
        return new EngineSpec(kind, model, modelName, kvType, flashAttention, contextCells, tokens);
    }

    /** The same under another name. */
    public EngineSpec withModelName(@Nullable String name) {
        return new EngineSpec(kind, model, name, kvType, flashAttention, contextCells, maxRequestTokens);
    }

    /** The name under which the model is served. */
    public String servedName() {
        if (modelName != null) {
            return modelName;
        }
        return model == null ? kind : new GgufFile(model, false).defaultName();
    }
}
