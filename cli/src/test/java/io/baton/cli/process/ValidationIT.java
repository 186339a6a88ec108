package io.baton.cli.process;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.baton.cli.bench.goodput.GoodputBench;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The figures are those of what was asked, and the verdict follows from them; how good the prediction is says nothing here. */
class ValidationIT {
    private static final int REQUESTS = 60;
    /** Buckets of the histogram are 1 % wide. */
    private static final double BUCKET = 0.011;

    @Test
    void shouldCompareARealFleetWithTheSimulationOfIt(@TempDir Path directory) throws Exception {
        // Given
        Path json = directory.resolve("result.json");

        // When
        BenchRun run = BenchRun.of(
                new GoodputBench(),
                "--validate-quick",
                "--validate-requests",
                String.valueOf(REQUESTS),
                "--cache",
                directory.toString(),
                "--json",
                json.toString());

        // Then
        assertThat(run.status()).as(run::toString).isZero();
        JsonNode result = new ObjectMapper().readTree(json.toFile());
        List<Double> real = new ArrayList<>();
        List<Double> simulated = new ArrayList<>();
        int gaps = 0;
        assertThat(result.get("requests")).hasSize(REQUESTS);
        for (JsonNode request : result.get("requests")) {
            assertThat(request.get("real_ttft").asDouble()).isPositive();
            assertThat(request.get("simulated_ttft").asDouble()).isPositive();
            if (request.get("counted").asBoolean()) {
                real.add(request.get("real_ttft").asDouble());
                simulated.add(request.get("simulated_ttft").asDouble());
                gaps += request.get("output_tokens").asInt() - 1;
            }
        }
        List<Double> realGaps = new ArrayList<>();
        result.get("real_gaps").forEach(gap -> realGaps.add(gap.asDouble()));
        assertThat(realGaps).hasSize(gaps);
        assertThat(result.at("/conditions/requests").asInt())
                .isEqualTo(real.size())
                .isEqualTo(REQUESTS * 7 / 10);
        assertThat(result.at("/conditions/gaps").asInt()).isEqualTo(gaps);
        JsonNode figures = result.get("figures");
        assertThat(figures.findValuesAsText("name")).containsExactly("TTFT p50", "TTFT p99", "ITL p50", "ITL p99");
        assertIsPercentile(figures.get(0).get("real"), real, 50);
        assertIsPercentile(figures.get(1).get("real"), real, 99);
        assertIsPercentile(figures.get(0).get("simulated"), simulated, 50);
        assertIsPercentile(figures.get(1).get("simulated"), simulated, 99);
        assertIsPercentile(figures.get(2).get("real"), realGaps, 50);
        assertIsPercentile(figures.get(3).get("real"), realGaps, 99);
        boolean all = true;
        for (JsonNode figure : figures) {
            double ratio =
                    figure.get("simulated").asDouble() / figure.get("real").asDouble();
            assertThat(figure.get("simulated").asDouble()).isPositive();
            assertThat(figure.get("ratio").asDouble()).isCloseTo(ratio, within(1e-9));
            all &= Math.abs(ratio - 1) <= 0.2;
        }
        assertThat(result.get("predicted").asBoolean()).isEqualTo(all);
        assertThat(run.out()).contains("All within 20 %: " + (all ? "yes" : "no"));
        assertThat(ProcessHandle.current().descendants().filter(ProcessHandle::isAlive))
                .as("processes left behind")
                .isEmpty();
    }

    /** By nearest rank. */
    private static void assertIsPercentile(JsonNode figure, List<Double> values, int percent) {
        List<Double> sorted = values.stream().sorted().toList();
        double exact = sorted.get((int) Math.ceil(sorted.size() * percent / 100.0) - 1);
        assertThat(figure.asDouble()).isBetween(exact * (1 - 1e-9), exact * (1 + BUCKET));
    }
}
