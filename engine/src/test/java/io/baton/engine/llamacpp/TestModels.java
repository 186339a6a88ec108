package io.baton.engine.llamacpp;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Where tests find their models. */
final class TestModels {
    private TestModels() {}

    /** The project's root. */
    static Path root() {
        String root = System.getProperty("baton.root");
        return Path.of(root == null ? ".." : root).toAbsolutePath().normalize();
    }

    /** A file of the test data beside the project; skips the test without it. */
    static Path data(String name) {
        Path file = root().resolve("../shared/data").resolve(name).normalize();
        assumeTrue(Files.exists(file), "skipped: the test data " + file + " is not there");
        return file;
    }

    /** A small model: the one of the test data, or else the one that comes with the project. */
    static Path any() {
        Path data = root().resolve("../shared/data/models/stories260K-hd64-f32.gguf")
                .normalize();
        if (Files.exists(data)) {
            return data;
        }
        Path demo = root().resolve("demo-model/baton-demo-3m-f32.gguf");
        assumeTrue(Files.exists(demo), "skipped: neither " + data + " nor " + demo + " is there");
        return demo;
    }

    /** A golden: what an independent float64 computation chose. */
    record Golden(String prompt, int[] promptIds, int[] greedyIds) {}

    static List<Golden> goldens() throws IOException {
        JsonNode cases = new ObjectMapper()
                .readTree(data("models/stories260K-goldens.json").toFile())
                .get("cases");
        List<Golden> goldens = new ArrayList<>();
        for (JsonNode c : cases) {
            goldens.add(new Golden(c.get("prompt").asText(), ints(c.get("prompt_ids")), ints(c.get("greedy_ids"))));
        }
        return goldens;
    }

    private static int[] ints(JsonNode array) {
        int[] ints = new int[array.size()];
        for (int i = 0; i < ints.length; i++) {
            ints[i] = array.get(i).asInt();
        }
        return ints;
    }
}
