package io.baton.error;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

class DocumentedErrorsTest {
    @Test
    void shouldHaveOneRowPerErrorWithItsStatuses() throws IOException {
        // Given
        Path page = Path.of(System.getProperty("baton.root"), "docs", "operations.md");
        List<String> documented = new ArrayList<>();

        // When
        for (String line : Files.readAllLines(page)) {
            if (line.matches("\\| `[A-Z_]+` \\| [A-Z_]+ \\| \\d+ \\|.*")) {
                String[] cells = line.split("\\|", -1);
                documented.add(cells[1].strip().replace("`", "") + " " + cells[2].strip() + " " + cells[3].strip() + " "
                        + cells[4].strip());
            }
        }

        // Then
        assertThat(documented)
                .containsExactlyElementsOf(Arrays.stream(ErrorCode.values())
                        .map(c -> c.name() + " " + c.grpc() + " " + c.http() + " " + c.openAiType())
                        .toList());
    }
}
