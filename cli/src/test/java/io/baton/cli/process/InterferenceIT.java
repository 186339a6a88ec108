package io.baton.cli.process;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.baton.cli.bench.InterferenceBench;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** The benchmark runs from the model that it writes to the report; how fast anything is says nothing here. */
class InterferenceIT {
    @TempDir
    @SuppressWarnings("NullAway.Init") // JUnit sets it
    private Path directory;

    @Test
    void shouldMeasurePairAndOneWorker() throws IOException {
        // Given
        SharedFleet.close();
        Path json = directory.resolve("result.json");
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        String runs = System.getProperty("baton.runs");
        System.setProperty("baton.runs", SharedFleet.runs().toString());
        int status;
        try {
            // When
            status = new CommandLine(new InterferenceBench())
                    .setOut(new PrintWriter(out))
                    .setErr(new PrintWriter(err))
                    .execute("--quick", "--cache", directory.toString(), "--json", json.toString(), "--gaps", "60");
        } finally {
            if (runs == null) {
                System.clearProperty("baton.runs");
            } else {
                System.setProperty("baton.runs", runs);
            }
        }
        // Then
        assertThat(status).as(() -> err.toString()).isZero();
        assertThat(out.toString())
                .contains("prefill + decode, one core each", "one worker, both cores", "at most 1.50");
        JsonNode run = new ObjectMapper().readTree(json.toFile()).get("runs").get(0);
        for (String phase : List.of("engine", "pairIdle", "pairLoaded", "aggregatedIdle", "aggregatedLoaded")) {
            assertThat(run.get(phase).get("count").asInt()).as(phase).isGreaterThanOrEqualTo(60);
            assertThat(run.get(phase).get("p50").asDouble()).as(phase).isPositive();
        }
        for (String rate : List.of(
                "prefillAlone",
                "prefillLoaded",
                "aggregatedPrefillAlone",
                "aggregatedPrefillLoaded",
                "secondTokenAlone",
                "secondTokenLoaded")) {
            assertThat(run.get(rate).asDouble()).as(rate).isPositive();
        }
        assertThat(run.get("prompts").asInt()).isGreaterThanOrEqualTo(3);
    }
}
