package io.baton.cli.bench;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.baton.engine.Engine;
import io.baton.engine.llamacpp.LlamaEngine;
import io.baton.engine.llamacpp.LlamaEngineConfig;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

/**
 * The process that runs one engine for a measurement, so that it can be pinned and is gone afterwards. It takes one JSON
 * object as its argument, prints one JSON object as its last line, and ends when its standard input does.
 */
final class EngineRunner {
    private static final ObjectMapper JSON = new ObjectMapper();

    private EngineRunner() {}

    /**
     * What to run.
     *
     * @param model the GGUF
     * @param library directory of libllama
     * @param threads engine threads
     * @param batchTokens most prompt tokens of a step
     * @param seed of the prompts
     * @param vocabulary of the model
     * @param load the workload
     * @param warmUp tokens before a phase begins
     * @param gaps gaps of a phase, at least; the idle one is as long as the loaded one
     * @param prompts prompts of the loaded phase; 0 for the idle phase only
     * @param timeoutSeconds of each phase
     */
    record Job(
            String model,
            String library,
            int threads,
            int batchTokens,
            long seed,
            int vocabulary,
            Workload load,
            int warmUp,
            int gaps,
            int prompts,
            long timeoutSeconds) {}

    /** Runs a job. */
    public static void main(String[] args) throws IOException {
        Thread.ofPlatform().daemon().name("end-with-parent").start(EngineRunner::endWithInput);
        Job job = JSON.readValue(args[0], Job.class);
        LlamaEngineConfig config = LlamaEngineConfig.of(Path.of(job.model()))
                .withLibraryDirectory(Path.of(job.library()))
                .withContext(job.load().contextCells(), 0)
                .withThreads(job.threads())
                .withBatch(job.batchTokens(), 4);
        ObjectNode result = JSON.createObjectNode();
        try (Engine engine = LlamaEngine.start(config)) {
            EngineTarget target = new EngineTarget(engine, new RandomPrompts(job.seed(), job.vocabulary()), job.load());
            Phase.Plan plan = new Phase.Plan(
                    job.load().streams(), job.warmUp(), job.gaps(), 0, Duration.ofSeconds(job.timeoutSeconds()));
            Phase.Plan idle = plan;
            if (job.prompts() > 0) {
                ArrayNode alone = result.putArray("alone");
                Phase.alone(target, 2).forEach(p -> alone.add(p.tokensPerSecond()));
                Phase loaded = Phase.run(target, plan.withPrompts(job.prompts()), List.of());
                write(result.putArray("loaded"), loaded);
                ArrayNode prefill = result.putArray("prefill");
                loaded.prompts().forEach(p -> prefill.add(p.tokensPerSecond()));
                idle = plan.asLongAs(loaded);
            }
            write(result.putArray("idle"), Phase.run(target, idle, List.of()));
        }
        System.out.println(JSON.writeValueAsString(result));
        System.out.flush();
    }

    private static void write(ArrayNode array, Phase phase) {
        phase.gaps().forEach(array::add);
    }

    private static void endWithInput() {
        try {
            while (System.in.read() >= 0) {
                // Nothing is said to this process; only the end counts.
            }
        } catch (IOException e) {
            System.err.println("standard input failed: " + e.getMessage());
        }
        Runtime.getRuntime().halt(3);
    }
}
