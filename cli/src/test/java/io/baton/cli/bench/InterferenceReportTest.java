package io.baton.cli.bench;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

class InterferenceReportTest {
    private static InterferenceRun run(
            double pairIdleP99, double pairLoadedP99, double engineP50, double prefillLoaded) {
        return new InterferenceRun(
                new Percentiles(500, engineP50, 100, 110),
                new Percentiles(500, 104, 106, pairIdleP99),
                new Percentiles(500, 110, 120, pairLoadedP99),
                new Percentiles(500, 60, 62, 64),
                new Percentiles(500, 600, 900, 960),
                200,
                prefillLoaded,
                380,
                300,
                90,
                120,
                0.02,
                0.01,
                3);
    }

    private static InterferenceReport report(InterferenceRun... runs) {
        return new InterferenceReport(
                new InterferenceRun.Setup(
                        Path.of("."),
                        Path.of("."),
                        Path.of("m"),
                        BenchModel.large(BenchModel.Weights.Q4_0),
                        Workload.of(4, 2000),
                        new Phase.Plan(4, 8, 500, 3, Duration.ofMinutes(1)),
                        256),
                List.of(runs));
    }

    @Test
    void shouldTakeRatiosWithinRunsAndThenTheirMedian() {
        // Given ratios of p99 of 1.2, 1.6 and 1.4; of p50 of 1.04; of prefill of 0.9, 0.8 and 0.7
        InterferenceReport report = report(run(100, 120, 100, 180), run(200, 320, 100, 160), run(100, 140, 100, 140));
        // Then
        assertThat(report.bars()).extracting(InterferenceReport.Bar::value).containsExactly(1.4, 1.04, 0.8);
        assertThat(report.bars()).extracting(InterferenceReport.Bar::met).containsExactly(true, true, false);
    }

    @Test
    void shouldPrintBothAndTheBars() {
        // When
        StringWriter text = new StringWriter();
        report(run(100, 120, 100, 180)).print(new PrintWriter(text));
        // Then
        assertThat(text.toString())
                .contains("prefill + decode, one core each")
                .containsPattern(
                        "one worker, both cores +60\\.0 +62\\.0 +64\\.0 +500 +600\\.0 +900\\.0 +960\\.0 +500 +15\\.00")
                .contains("40.0 tokens/s over 4 streams")
                .contains("200 tokens/s alone, 180 beside streams")
                .contains("router 2.0 %, client 1.0 % of one core")
                .containsPattern("p99 under prompts / idle +1\\.20 +at most 1\\.50 +met");
    }

    @Test
    void shouldWriteEveryRunAsJson() {
        JsonNode json = report(run(100, 120, 100, 180), run(100, 130, 100, 180)).json();
        assertThat(json.get("runs")).hasSize(2);
        assertThat(json.get("runs").get(1).get("pairLoaded").get("p99").asDouble())
                .isEqualTo(130);
        assertThat(json.get("bars").get(0).get("value").asDouble()).isEqualTo(1.25);
        assertThat(json.get("bars").get(0).get("met").asBoolean()).isTrue();
    }
}
