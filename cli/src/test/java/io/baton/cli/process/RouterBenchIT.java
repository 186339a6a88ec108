package io.baton.cli.process;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.baton.cli.bench.RouterBench;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The benchmark counts what it sends; how fast anything is says nothing here. */
class RouterBenchIT {
    @Test
    void shouldCountRequestsAndTokensThroughARealRouter(@TempDir Path directory) throws Exception {
        // Given: none of the processes that other tests share
        Path json = directory.resolve("result.json");
        Path trace = directory.resolve("trace.jsonl");
        Files.writeString(trace, """
                {"timestamp": 0, "input_length": 700, "output_length": 3}
                {"timestamp": 100, "input_length": 20, "output_length": 5}
                {"timestamp": 200, "input_length": 3000, "output_length": 1}
                """);
        Path csv = directory.resolve("other.csv");
        Files.writeString(csv, """
                TIMESTAMP,ContextTokens,GeneratedTokens
                2023-11-16 18:15:46.0000000,374,2
                2023-11-16 18:15:46.1000000,396,3
                """);

        // When
        BenchRun run = BenchRun.of(
                new RouterBench(),
                "--quick",
                "--trace",
                trace.toString(),
                "--trace",
                csv.toString(),
                "--json",
                json.toString());

        // Then
        assertThat(run.status()).as(run::err).isZero();
        JsonNode figures = new ObjectMapper().readTree(json.toFile());
        assertThat(figures.get("fleets")).hasSize(2);
        assertCounts(figures.get("fleets").get(0), Set.of("GRPC", "HTTP"));
        assertCounts(figures.get("fleets").get(1), Set.of("MTLS"));
        assertThat(figures.at("/added_latency_ms/direct/count").asInt()).isEqualTo(20);
        assertThat(figures.get("relays")).hasSize(3).allSatisfy(relay -> {
            assertThat(relay.get("tokens").asLong()).isPositive();
            assertThat(relay.get("failures").asInt()).isZero();
        });
        assertThat(ProcessHandle.current().descendants().filter(ProcessHandle::isAlive))
                .as("processes left behind")
                .isEmpty();
    }

    private static void assertCounts(JsonNode fleet, Set<String> protocols) {
        assertThat(fleet.get("workers").asInt()).isEqualTo(4);
        assertThat(fleet.get("idle_bytes").asLong()).isPositive();
        assertThat(fleet.get("cells")).hasSize(3 * protocols.size()).allSatisfy(cell -> {
            int requests = cell.get("requests").asInt();
            assertThat(protocols).contains(cell.get("protocol").asText());
            assertThat(cell.get("failures").asInt()).isZero();
            switch (cell.get("prompts").asText()) {
                case "trace" -> {
                    assertThat(requests).isEqualTo(3);
                    assertThat(cell.get("tokens").asInt()).isEqualTo(9);
                }
                case "other" -> {
                    assertThat(requests).isEqualTo(2);
                    assertThat(cell.get("tokens").asInt()).isEqualTo(5);
                }
                default -> {
                    assertThat(requests).isPositive();
                    assertThat(cell.get("prompt_tokens").asInt()).isEqualTo(1000);
                    assertThat(cell.get("tokens").asInt()).isEqualTo(16 * requests);
                }
            }
        });
    }
}
