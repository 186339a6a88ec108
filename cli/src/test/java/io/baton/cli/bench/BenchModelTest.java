package io.baton.cli.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.baton.cli.bench.BenchModel.Weights;
import io.baton.cli.launch.GgufFile;
import io.baton.cli.launch.LaunchException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class BenchModelTest {
    @TempDir
    @SuppressWarnings("NullAway.Init") // JUnit sets it
    private Path directory;

    @ParameterizedTest
    @EnumSource
    void shouldBeWrittenOnceAndWhole(Weights type) throws IOException {
        // When
        List<String> progress = new ArrayList<>();
        Path file = BenchModel.small(type).ensure(directory.resolve("a/b"), progress::add);
        // Then: 256 × 2048 + 4 × (2 × 256² + 2 × 256 × 128 + 3 × 256 × 768) weights of 18 or 34 bytes per 32
        long weights = 256 * 2048 + 4 * (2 * 256 * 256 + 2 * 256 * 128 + 3 * 256 * 768);
        assertThat(Files.size(file))
                .isBetween(weights / 32 * type.blockBytes, weights / 32 * type.blockBytes + 200_000);
        assertThat(GgufFile.open(file).chatTemplate()).isFalse();
        assertThat(progress).isNotEmpty();
        // and no unfinished file is left
        try (Stream<Path> files = Files.list(directory.resolve("a/b"))) {
            assertThat(files).containsExactly(file);
        }
        // When asked again, it is taken as it is
        Files.setLastModifiedTime(file, FileTime.fromMillis(1000));
        assertThat(BenchModel.small(type).ensure(directory.resolve("a/b"), progress::add))
                .isEqualTo(file);
        assertThat(Files.getLastModifiedTime(file).toMillis()).isEqualTo(1000);
    }

    @Test
    void shouldSayWhereItCannotBeWritten() throws IOException {
        Path file = Files.writeString(directory.resolve("file"), "x");
        assertThatThrownBy(() -> BenchModel.small(Weights.Q4_0).ensure(file, line -> {}))
                .isInstanceOf(LaunchException.class)
                .hasMessageContaining("--cache");
    }
}
