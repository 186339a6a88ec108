package io.baton.cli.docs;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** The numbers of the sizing table follow from its formula. */
class SizingTableTest {
    private static final Pattern ROW =
            Pattern.compile("(?m)^\\| ([^|]+) \\| (\\d+) \\| (\\d+) \\| (\\d+) \\| (\\d+) \\| ([\\d.]+) GiB \\|$");
    private static final int F16_BYTES = 2;
    private static final long CELLS = 32_768;

    @Test
    void shouldFollowFromTheFormula() throws IOException {
        // Given
        String page = Files.readString(Path.of(System.getProperty("baton.root"), "docs", "operations.md"));

        // When
        List<MatchResult> rows = ROW.matcher(page).results().toList();

        // Then
        assertThat(rows).hasSizeGreaterThanOrEqualTo(6);
        for (MatchResult row : rows) {
            long bytes = 2L
                    * Integer.parseInt(row.group(2))
                    * Integer.parseInt(row.group(3))
                    * Integer.parseInt(row.group(4))
                    * F16_BYTES;
            assertThat(Long.parseLong(row.group(5)) * 1024).as(row.group(1)).isEqualTo(bytes);
            assertThat(Double.parseDouble(row.group(6)) * (1L << 30))
                    .as(row.group(1))
                    .isEqualTo((double) (bytes * CELLS));
        }
    }
}
