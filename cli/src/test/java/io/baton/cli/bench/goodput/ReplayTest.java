package io.baton.cli.bench.goodput;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.baton.cli.launch.LaunchException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ReplayTest {
    @TempDir
    private Path directory;

    @Test
    void shouldBringTheSameRequestsInTheSameOrderAtEveryRate() {
        // Given
        List<TraceRequest> trace = SyntheticTrace.make(500, 3);

        // When
        List<Job> slow = Replay.jobs(trace, 200, 2, 5);
        List<Job> fast = Replay.jobs(trace, 200, 8, 5);

        // Then
        assertThat(slow).hasSize(200);
        assertThat(fast)
                .extracting(Job::request)
                .isEqualTo(slow.stream().map(Job::request).toList());
        for (int i = 0; i < 200; i++) {
            assertThat(slow.get(i).arrival()).isCloseTo(4 * fast.get(i).arrival(), within(1e-6));
        }
        assertThat(fast.getLast().arrival()).isCloseTo(199 / 8.0, within(1e-6));
        assertThat(fast.stream().filter(Job::counted)).hasSize(140);
    }

    @Test
    void shouldMakeConversationsThatKeepTheirPrefixes() {
        // When
        List<TraceRequest> trace = SyntheticTrace.make(500, 3);

        // Then: all have the system prompt, and some have more in common
        assertThat(trace)
                .hasSizeGreaterThanOrEqualTo(500)
                .isSortedAccordingTo((a, b) -> Double.compare(a.seconds(), b.seconds()));
        assertThat(trace).allMatch(r -> r.blocks()[0] == 0);
        long seconds = trace.stream()
                .filter(r -> r.blocks().length > 1)
                .map(r -> r.blocks()[1])
                .distinct()
                .count();
        assertThat(seconds).isBetween(50L, (long) trace.size() - 100);
    }

    @Test
    void shouldReadATrace() throws IOException {
        // Given
        Path file = directory.resolve("trace.jsonl");
        Files.writeString(file, """
                {"timestamp": 1500, "input_length": 600, "output_length": 7, "hash_ids": [4, 9]}

                {"timestamp": 1600, "input_length": 6, "output_length": 1, "hash_ids": [4]}
                """);

        // When
        List<TraceRequest> trace = TraceFile.read(file);

        // Then
        assertThat(trace).hasSize(2);
        assertThat(trace.getFirst().seconds()).isEqualTo(1.5);
        assertThat(trace.getFirst().promptTokens()).isEqualTo(600);
        assertThat(trace.getFirst().outputTokens()).isEqualTo(7);
        assertThat(trace.getFirst().blocks()).containsExactly(4, 9);
        assertThat(trace.getFirst().wholeBlocks()).isEqualTo(1);
    }

    @Test
    void shouldSayWhichRequestLacksNamesOfBlocks() throws IOException {
        // Given
        Path file = directory.resolve("trace.jsonl");
        Files.writeString(file, """
                {"timestamp": 0, "input_length": 6, "output_length": 1, "hash_ids": [4]}
                {"timestamp": 0, "input_length": 600, "output_length": 7, "hash_ids": [4]}
                """);

        // Then
        assertThatThrownBy(() -> TraceFile.read(file))
                .isInstanceOf(LaunchException.class)
                .hasMessageContaining("request 2")
                .hasMessageContaining("1 block ids for 600 prompt tokens");
        assertThatThrownBy(() -> TraceFile.read(directory.resolve("none")))
                .isInstanceOf(LaunchException.class)
                .hasMessageContaining("none");
    }
}
