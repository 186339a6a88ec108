package io.baton.cli.process;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.baton.cli.bench.InterferenceBench;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The benchmark runs from the model that it writes to the report; how fast anything is says nothing here. */
class InterferenceIT {
    @TempDir
    @SuppressWarnings("NullAway.Init") // JUnit sets it
    private Path directory;

    @Test
    void shouldMeasurePairAndOneWorker() throws IOException {
        // Given
        Path json = directory.resolve("result.json");

        // When
        BenchRun run = BenchRun.of(
                new InterferenceBench(),
                "--quick",
                "--cache",
                directory.toString(),
                "--json",
                json.toString(),
                "--gaps",
                "60");
        // Then
        assertThat(run.status()).as(run::err).isZero();
        assertThat(run.out()).contains("prefill + decode, one core each", "one worker, both cores", "at most 1.50");
        JsonNode figures =
                new ObjectMapper().readTree(json.toFile()).get("runs").get(0);
        for (String phase : List.of("engine", "pairIdle", "pairLoaded", "aggregatedIdle", "aggregatedLoaded")) {
            assertThat(figures.get(phase).get("count").asInt()).as(phase).isGreaterThanOrEqualTo(60);
            assertThat(figures.get(phase).get("p50").asDouble()).as(phase).isPositive();
        }
        for (String rate : List.of(
                "prefillAlone",
                "prefillLoaded",
                "aggregatedPrefillAlone",
                "aggregatedPrefillLoaded",
                "secondTokenAlone",
                "secondTokenLoaded")) {
            assertThat(figures.get(rate).asDouble()).as(rate).isPositive();
        }
        assertThat(figures.get("prompts").asInt()).isGreaterThanOrEqualTo(3);
    }
}
