package io.baton.cli.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;

class KvBenchTest {
    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();

    private int run(String... arguments) {
        return new CommandLine(new KvBench())
                .setOut(new PrintWriter(out, true))
                .setErr(new PrintWriter(err, true))
                .execute(arguments);
    }

    @Test
    void shouldMeasureBothWaysBetweenTwoProcessesAndWriteTheFigures(@TempDir Path directory) throws Exception {
        // Given
        Path json = directory.resolve("kv.json");

        // When
        int exit = run("--seconds", "1", "--warm-up", "0", "--block-bytes", "64KiB", "--json", json.toString());

        // Then
        assertThat(exit).as(err::toString).isZero();
        assertThat(out.toString())
                .contains("median of 5 rounds", "ratio", "blocks of 65536 bytes, frames of 262144 bytes");
        JsonNode figures = new ObjectMapper().readTree(json.toFile());
        assertThat(figures.get("rounds")).hasSize(5);
        assertThat(figures.get("pull_bytes_per_second").asLong()).isPositive();
        assertThat(figures.get("bare_bytes_per_second").asLong()).isPositive();
        assertThat(figures.get("ratio").asDouble()).isPositive();
        assertThat(ProcessHandle.current().children().filter(ProcessHandle::isAlive))
                .as("processes left behind")
                .isEmpty();
    }

    @ParameterizedTest
    @CsvSource({"262144, 262144", "256KiB, 262144", "8MiB, 8388608", "1GiB, 1073741824", "4 kib, 4096"})
    void shouldReadNumbersOfBytes(String text, long bytes) {
        assertThat(KvBench.parseBytes(text)).isEqualTo(bytes);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "--block-bytes=4097",
                "--block-bytes=0",
                "--block-bytes=8MB",
                "--frame=1",
                "--seconds=0",
                "--pulls=0"
            })
    void shouldRefuseOptionsOutOfRange(String option) {
        assertThat(run(option)).isEqualTo(CommandLine.ExitCode.USAGE);
        assertThat(err.toString()).contains(option.substring(0, option.indexOf('=')), "must be");
    }

    @Test
    void shouldTakeTheMiddle() {
        assertThat(KvBench.median(List.of(3.0, 1.0, 2.0), d -> d)).isEqualTo(2.0);
        assertThat(KvBench.median(List.of(4.0, 1.0, 2.0, 3.0), d -> d)).isEqualTo(2.5);
        assertThatThrownBy(() -> KvBench.parseBytes("8MB")).isInstanceOf(NumberFormatException.class);
    }
}
