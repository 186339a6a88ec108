package io.baton.cli.chaos;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.baton.cli.launch.LaunchException;
import io.baton.engine.text.TokenIds;
import io.baton.inference.v1.GenerateRequest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.DoubleStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class TraceTest {
    private static final String FIRST =
            "{\"timestamp\": 0, \"input_length\": 6144, \"output_length\": 500, \"hash_ids\": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]}";
    private static final String LATER =
            "{\"timestamp\": 3000, \"input_length\": 6144, \"output_length\": 50, \"hash_ids\": [1, 2, 3, 4, 5, 6, 77, 88, 99, 100, 111, 122]}";
    private static final String LAST = "{\"timestamp\": 4000, \"input_length\": 100000, \"output_length\": 1}";

    @TempDir
    private Path directory;

    private Path file(String... lines) throws IOException {
        return Files.write(directory.resolve("trace.jsonl"), List.of(lines));
    }

    @Test
    void shouldReadLinesInTheirOrder() throws IOException {
        Trace trace = Trace.read(file(FIRST, "", LATER, LAST));

        assertThat(trace.lines()).extracting(Trace.Line::millis).containsExactly(0L, 3000L, 4000L);
        assertThat(trace.lines()).extracting(Trace.Line::output).containsExactly(500, 50, 1);
        assertThat(trace.lines().getLast().blocks()).isEmpty();
    }

    @Test
    void shouldReadWhatAzurePublishes() throws IOException {
        Trace trace = Trace.read(file(
                "TIMESTAMP,ContextTokens,GeneratedTokens",
                "2023-11-16 18:15:46.6805900,374,44",
                "2023-11-16 18:16:00.0000000,396,109"));

        assertThat(trace.lines()).extracting(Trace.Line::input).containsExactly(374, 396);
        assertThat(trace.lines()).extracting(Trace.Line::output).containsExactly(44, 109);
        assertThat(trace.lines().getLast().millis() - trace.lines().getFirst().millis())
                .isEqualTo(13_320L);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "2023-11-16 18:15:46.6805900,374",
                "2023-11-16 18:15:46.6805900,374,0",
                "2023-11-16T18:15:46.6805900,374,44",
                "2023-11-16 18:15:46.6805900,many,44",
                "{\"timestamp\": 0, \"input_length\": 6144, \"output_length\": 500}"
            })
    void shouldNameTheLineOfACsvFileThatIsNoRequest(String line) throws IOException {
        Path file = file("TIMESTAMP,ContextTokens,GeneratedTokens", "2023-11-16 18:15:46.6,374,44", line);

        assertThatThrownBy(() -> Trace.read(file))
                .isInstanceOf(LaunchException.class)
                .hasMessageContaining("line 3 is no request");
    }

    @Test
    void shouldKeepTheShapeOfArrivalsAtAMeanOfOne() throws IOException {
        Arrivals arrivals = Arrivals.of(Trace.read(file(FIRST, LATER, LAST)));

        double[] gaps = DoubleStream.generate(arrivals::next).limit(6).toArray();

        assertThat(gaps[0] / gaps[1]).isEqualTo(3, within(1e-9));
        assertThat(Arrays.stream(gaps, 0, 3).sum()).isEqualTo(4, within(1e-3));
        assertThat(Arrays.copyOfRange(gaps, 3, 6)).containsExactly(Arrays.copyOf(gaps, 3));
    }

    @Test
    void shouldHaveAMeanOfOneWithoutATrace() {
        Arrivals arrivals = Arrivals.bursts(new Random(5));

        assertThat(DoubleStream.generate(arrivals::next)
                        .limit(100_000)
                        .average()
                        .orElse(0))
                .isEqualTo(1, within(0.02));
    }

    @Test
    void shouldMakePromptsThatBeginAlikeBeginAlike() throws IOException {
        List<GenerateRequest> asked =
                Asked.of(Trace.read(file(FIRST, LATER, LAST)), 10, 7).requests();

        assertThat(asked).hasSize(3);
        int[] one = ids(asked.get(0));
        int[] other = ids(asked.get(1));
        assertThat(one).hasSize(120);
        assertThat(Arrays.mismatch(one, other)).isEqualTo(60);
        assertThat(ids(asked.get(2))).hasSize(Asked.MAX_PROMPT);
        assertThat(asked.get(0).getStop().getMaxTokens()).isEqualTo(Asked.MAX_OUTPUT);
        assertThat(asked.get(1).getStop().getMaxTokens()).isEqualTo(30);
        assertThat(asked.get(2).getStop().getMaxTokens()).isEqualTo(2);
    }

    private static int[] ids(GenerateRequest request) {
        return TokenIds.decode(request.getPrompt().getTokenIds(), Integer.MAX_VALUE, "token_ids");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "no JSON | is no JSON object",
                "{\"timestamp\": 9} | input_length must be a whole number from 1, and is missing",
                "{\"timestamp\": -1, \"input_length\": 1, \"output_length\": 1} | timestamp must be",
                "{\"timestamp\": 9, \"input_length\": 0, \"output_length\": 1} | input_length must be",
                "{\"timestamp\": 9, \"input_length\": 1, \"output_length\": 1.5} | output_length must be",
                "{\"timestamp\": 9, \"input_length\": 1, \"output_length\": 1, \"hash_ids\": [\"a\"]} | hash_ids must be",
                "{\"timestamp\": 2999, \"input_length\": 1, \"output_length\": 1} | timestamp falls"
            })
    void shouldNameTheLineThatIsWrong(String line, String message) throws IOException {
        Path file = file(FIRST, LATER, line);

        assertThatThrownBy(() -> Trace.read(file))
                .isInstanceOf(LaunchException.class)
                .hasMessageContaining("line 3")
                .hasMessageContaining(message);
    }

    @Test
    void shouldRefuseAFileThatIsNoTrace() throws IOException {
        Path one = file(FIRST);
        Path none = directory.resolve("none");

        assertThatThrownBy(() -> Trace.read(one)).hasMessageContaining("fewer than two requests");
        assertThatThrownBy(() -> Trace.read(none)).hasMessageContaining("cannot be read");
    }
}
