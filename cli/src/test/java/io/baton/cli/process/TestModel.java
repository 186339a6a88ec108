package io.baton.cli.process;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.baton.cli.launch.EngineSpec;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Assumptions;

/**
 * A model file with prompts whose greedy continuation was computed without libllama, in double precision.
 *
 * @param file the GGUF, with F32 weights
 * @param goldens the prompts
 * @param vocabulary number of token ids that any of the models used here has at least
 */
record TestModel(Path file, Path goldens, int vocabulary) {
    private static final Path ROOT =
            Path.of(System.getProperty("baton.root", "..")).toAbsolutePath().normalize();
    private static final Path SHARED = ROOT.resolve("../shared/data/models").normalize();
    private static final int SMALLEST_VOCABULARY = 512;

    static Path root() {
        return ROOT;
    }

    /** The model of the project; skips the test where it is not there. */
    static TestModel demo() {
        return existing(ROOT.resolve("demo-model/baton-demo-3m-f32.gguf"), ROOT.resolve("demo-model/goldens.json"));
    }

    /** The model among the shared test data; skips the test where they are not there. */
    static TestModel stories() {
        return existing(SHARED.resolve("stories260K-hd64-f32.gguf"), SHARED.resolve("stories260K-goldens.json"));
    }

    /** The smaller of the two that are there. */
    static TestModel any() {
        return Files.exists(SHARED.resolve("stories260K-hd64-f32.gguf")) ? stories() : demo();
    }

    /** The arithmetic in which results do not depend on how the work is batched. */
    EngineSpec exact() {
        return EngineSpec.llamacpp(file)
                .withModelName("test-model")
                .withKvType("f32")
                .withFlashAttention(false)
                .withMaxRequestTokens(4096);
    }

    /** A prompt and what must follow. */
    record Golden(String name, String prompt, List<Integer> promptIds, List<Integer> greedyIds) {
        @Override
        public String toString() {
            return name;
        }
    }

    List<Golden> readGoldens() {
        try {
            List<Golden> read = new ArrayList<>();
            JsonNode all = new ObjectMapper().readTree(goldens.toFile());
            for (JsonNode node : all.has("cases") ? all.get("cases") : all.get("prompts")) {
                read.add(new Golden(
                        "golden " + read.size(),
                        node.get("prompt").asText(),
                        ids(node.get("prompt_ids")),
                        ids(node.has("greedy_ids") ? node.get("greedy_ids") : node.get("output_ids"))));
            }
            return read;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static List<Integer> ids(JsonNode array) {
        List<Integer> ids = new ArrayList<>();
        array.forEach(n -> ids.add(n.asInt()));
        return ids;
    }

    private static TestModel existing(Path file, Path goldens) {
        Assumptions.assumeTrue(Files.exists(file), () -> "skipped: there is no " + file);
        Assumptions.assumeTrue(Files.exists(goldens), () -> "skipped: there is no " + goldens);
        return new TestModel(file, goldens, SMALLEST_VOCABULARY);
    }
}
