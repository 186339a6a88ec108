package io.baton.worker;

import static io.baton.worker.SettingException.check;

import io.smallrye.config.WithDefault;
import java.time.Duration;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;

/** Settings of a worker's inference engine. Their prefix is {@code baton.engine}. */
public interface EngineSettings {
    /** Which engine: {@code llamacpp}, {@code simulated} or {@code vllm}, a vLLM server beside the worker. */
    @WithDefault("llamacpp")
    String kind();

    /** GGUF file of the model; llamacpp needs it. */
    Optional<String> model();

    /** Name of the model as clients use it; the file's name without {@code .gguf} unless set. */
    Optional<String> modelName();

    /** Directory of libllama and its backends; a pinned release is fetched once into the cache directory unless set. */
    Optional<String> libraryDir();

    /** KV cells in all: tokens of all requests at once. */
    @WithDefault("16384")
    int ctxSize();

    /** Most tokens of prompt and output of one request; the smaller of ctx-size and the model's own context unless set. */
    OptionalInt maxRequestTokens();

    /** Element type of the KV cache: {@code f32}, {@code f16} or {@code q8_0}. */
    @WithDefault("f16")
    String kvType();

    /** Whether to use flash attention; without it V lies transposed, and {@code q8_0} is not possible. */
    @WithDefault("true")
    boolean flashAttention();

    /** Threads that compute; one per processor that the process may use unless set. */
    OptionalInt threads();

    /** Most tokens computed in one batch: the longest that a running generation waits for a prompt's chunk. */
    @WithDefault("256")
    int batchTokens();

    /** Prompts that share the prompt tokens of a batch; later ones wait. */
    @WithDefault("4")
    int maxConcurrentPrefills();

    /** Most open sequences. */
    @WithDefault("64")
    int maxSequences();

    /** Time between two steps that goes to imports of KV rows; at least one bounded piece is imported. */
    @WithDefault("5ms")
    Duration importBudget();

    /** Most bytes of KV rows moved in one piece. */
    @WithDefault("4M")
    MemorySize transferPiece();

    /** Commands that may wait for the engine thread; a further one is refused. */
    @WithDefault("4096")
    int commandQueue();

    /** Layers to keep in GPU memory if there is one; −1 for all. */
    @WithDefault("-1")
    int gpuLayers();

    /** Whether to map the model file instead of reading it. */
    @WithDefault("true")
    boolean mmap();

    /** Whether libllama's own log goes to standard error. */
    @WithDefault("false")
    boolean libraryLog();

    /** Settings of the engine {@code simulated}. */
    Simulated simulated();

    /** A performance model instead of a model: prefill costs a + b·tokens, a step c + d·sequences. */
    interface Simulated {
        /** Part of the model's fingerprint: workers with different seeds have different models. */
        @WithDefault("0")
        long seed();

        /** Number of tokens of the vocabulary. */
        @WithDefault("1024")
        int vocabulary();

        /** Layers of the KV cache. */
        @WithDefault("2")
        int layers();

        /** Bytes of one token's KV rows; a multiple of 8 × layers. */
        @WithDefault("256")
        int kvBytesPerToken();

        /** a, in microseconds. */
        @WithDefault("2000")
        double prefillBaseMicros();

        /** b, in microseconds. */
        @WithDefault("4000")
        double prefillPerTokenMicros();

        /** c, in microseconds. */
        @WithDefault("80000")
        double stepBaseMicros();

        /** d, in microseconds. */
        @WithDefault("1250")
        double stepPerSequenceMicros();

        /** Rate of imports and exports, in bytes per microsecond; 0 for no cost. */
        @WithDefault("5000")
        double importBytesPerMicro();

        /** How many times faster than real time; 0 for no delays at all. */
        @WithDefault("1")
        double speed();

        /** The engine fails after this many steps, to see what then happens; 0 for never. */
        @WithDefault("0")
        long failAfterSteps();
    }

    /** Fails with a {@link SettingException} on the first value out of range. */
    default void validate() {
        check(
                Set.of("llamacpp", "simulated", "vllm").contains(kind()),
                "baton.engine.kind",
                kind(),
                "must be llamacpp, simulated or vllm");
        check(
                Set.of("f32", "f16", "q8_0").contains(kvType().toLowerCase(Locale.ROOT)),
                "baton.engine.kv-type",
                kvType(),
                "must be f32, f16 or q8_0");
        check(
                flashAttention() || !kvType().equalsIgnoreCase("q8_0"),
                "baton.engine.flash-attention",
                flashAttention(),
                "must be true with baton.engine.kv-type=q8_0, because V lies transposed without it");
        range("baton.engine.ctx-size", ctxSize(), 16, 1 << 28);
        maxRequestTokens()
                .ifPresent(v -> check(
                        v >= 2 && v <= ctxSize(),
                        "baton.engine.max-request-tokens",
                        v,
                        "must be in [2, " + ctxSize() + "], the upper end being baton.engine.ctx-size"));
        threads().ifPresent(v -> range("baton.engine.threads", v, 1, 1024));
        range("baton.engine.batch-tokens", batchTokens(), 1, 1 << 16);
        range("baton.engine.max-concurrent-prefills", maxConcurrentPrefills(), 1, 255);
        range("baton.engine.max-sequences", maxSequences(), 1, 255);
        check(importBudget().isPositive(), "baton.engine.import-budget", importBudget(), "must be longer than zero");
        check(transferPiece().bytes() >= 1, "baton.engine.transfer-piece", transferPiece(), "must be at least 1 byte");
        range("baton.engine.command-queue", commandQueue(), 16, 1 << 20);
        range("baton.engine.gpu-layers", gpuLayers(), -1, 1 << 16);
        check(
                model().isPresent() || !kind().equals("llamacpp"),
                "baton.engine.model",
                "",
                "must name a GGUF file for baton.engine.kind=llamacpp");
    }

    private static void range(String name, int value, int least, int most) {
        check(value >= least && value <= most, name, value, "must be in [" + least + ", " + most + "]");
    }
}
