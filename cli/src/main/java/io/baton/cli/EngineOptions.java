package io.baton.cli;

import io.baton.cli.launch.EngineSpec;
import io.baton.cli.launch.LaunchException;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The options that describe the workers' engine. */
final class EngineOptions {
    @Option(
            names = "--engine",
            paramLabel = "KIND",
            description = "llamacpp (libllama), or simulated: a performance model that needs no model file and"
                    + " writes made-up text. Default: ${DEFAULT-VALUE}")
    String kind = EngineSpec.LLAMACPP;

    @Option(
            names = "--model",
            paramLabel = "FILE",
            description = "A GGUF file. Default: demo-model/baton-demo-3m-f32.gguf, which comes with the project")
    @Nullable
    Path model;

    @Option(
            names = "--model-name",
            paramLabel = "NAME",
            description = "The name under which requests ask for the model. Default: the file's name without .gguf")
    @Nullable
    String modelName;

    @Option(
            names = "--kv-type",
            paramLabel = "TYPE",
            description = "Element type of the KV cache: f32, f16 or q8_0. Default: ${DEFAULT-VALUE}")
    String kvType = "f16";

    @Option(
            names = "--flash-attn",
            paramLabel = "on|off",
            description = "Flash attention. Text is exact, token for token, only with F32 weights, --kv-type f32 and"
                    + " --flash-attn off. Default: ${DEFAULT-VALUE}")
    OnOff flashAttention = OnOff.on;

    @Option(
            names = "--ctx-size",
            paramLabel = "CELLS",
            description = "KV cells per worker, shared by all its running requests: one per token of prompt and output."
                    + " Default: ${DEFAULT-VALUE}")
    int contextCells = EngineSpec.DEFAULT_CELLS;

    @Option(
            names = "--max-request-tokens",
            paramLabel = "N",
            description = "Most tokens of prompt and output of one request. Default: the context that the model was"
                    + " trained for, at most --ctx-size")
    int maxRequestTokens;

    /** A switch, written as people write it. */
    enum OnOff {
        on,
        off
    }

    EngineSpec spec() {
        checkOneOf("--engine", kind, EngineSpec.LLAMACPP, EngineSpec.SIMULATED);
        checkOneOf("--kv-type", kvType, "f32", "f16", "q8_0");
        if (kvType.equals("q8_0") && flashAttention == OnOff.off) {
            throw new LaunchException(
                    "--kv-type q8_0 needs --flash-attn on: without it V lies transposed, and rows of" + " q8_0 cannot");
        }
        boolean simulated = kind.equals(EngineSpec.SIMULATED);
        Path file = model != null || simulated ? model : Project.demoModel();
        return new EngineSpec(
                kind, file, modelName, kvType, flashAttention == OnOff.on, contextCells, maxRequestTokens);
    }

    private static void checkOneOf(String option, String value, String... allowed) {
        if (!List.of(allowed).contains(value)) {
            throw new LaunchException(
                    option + " " + value + " is not known; it takes one of " + String.join(", ", allowed));
        }
    }
}
