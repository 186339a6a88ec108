package io.baton.worker;

import io.baton.engine.Engine;
import io.baton.engine.llamacpp.KvType;
import io.baton.engine.llamacpp.LlamaEngine;
import io.baton.engine.llamacpp.LlamaEngineConfig;
import io.baton.engine.llamacpp.ffi.SystemMemory;
import io.baton.engine.simulated.SimulatedEngine;
import io.baton.engine.simulated.SimulatedEngineConfig;
import io.baton.kv.store.BlockStore;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Locale;

/**
 * Makes the engine that the settings ask for. The only place that knows which engines there are.
 *
 * <p><em>Thread-safety:</em> stateless.
 */
public final class EngineFactory {
    private EngineFactory() {}

    /**
     * Loads the engine; may take long.
     *
     * @throws SettingException if a setting is out of range
     * @throws io.baton.error.BatonException {@code ENGINE_FAILED} if library or model is refused
     */
    public static Engine create(EngineSettings settings) {
        settings.validate();
        return switch (settings.kind()) {
            case "simulated" -> simulated(settings);
            case "llamacpp" -> llamacpp(settings);
            default ->
                throw new IllegalArgumentException("'" + settings.kind() + "' is no engine that runs in this process");
        };
    }

    private static Engine llamacpp(EngineSettings s) {
        LlamaEngineConfig config;
        try {
            int processors = Runtime.getRuntime().availableProcessors();
            config = LlamaEngineConfig.of(Path.of(s.model().orElseThrow()))
                    .withModelName(s.modelName().orElse(null))
                    .withLibraryDirectory(s.libraryDir().map(Path::of).orElse(null))
                    .withContext(s.ctxSize(), s.maxRequestTokens().orElse(0))
                    .withKv(KvType.valueOf(s.kvType().toUpperCase(Locale.ROOT)), s.flashAttention())
                    .withThreads(s.threads().orElse(processors))
                    .withBatch(s.batchTokens(), s.maxConcurrentPrefills())
                    .withLimits(s.maxSequences(), s.commandQueue())
                    .withTransfers(s.importBudget(), s.transferPiece().bytes())
                    .withLoading(s.gpuLayers(), s.mmap(), s.libraryLog());
        } catch (IllegalArgumentException e) {
            throw new SettingException("baton.engine", "…", String.valueOf(e.getMessage()), e);
        }
        return LlamaEngine.start(config);
    }

    private static Engine simulated(EngineSettings s) {
        EngineSettings.Simulated m = s.simulated();
        int maxRequestTokens = s.maxRequestTokens().orElse(s.ctxSize());
        try {
            return new SimulatedEngine(new SimulatedEngineConfig(
                    s.modelName().orElse("simulated"),
                    m.seed(),
                    m.vocabulary(),
                    maxRequestTokens,
                    m.layers(),
                    m.kvBytesPerToken(),
                    s.ctxSize(),
                    s.maxSequences(),
                    maxRequestTokens,
                    s.batchTokens(),
                    s.commandQueue(),
                    m.prefillBaseMicros(),
                    m.prefillPerTokenMicros(),
                    m.stepBaseMicros(),
                    m.stepPerSequenceMicros(),
                    m.importBytesPerMicro(),
                    s.importBudget().toNanos() / 1000.0,
                    m.speed(),
                    m.failAfterSteps()));
        } catch (IllegalArgumentException e) {
            throw new SettingException("baton.engine.simulated", "…", String.valueOf(e.getMessage()), e);
        }
    }

    /** Memory for KV blocks that is taken from the system page by page, as it is used; kept for the life of the process. */
    static MemorySegment blockMemory(long bytes) {
        return SystemMemory.allocate(bytes, BlockStore.ALIGNMENT, Arena.global());
    }
}
