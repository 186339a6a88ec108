package io.baton.router.app;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SchedulingPartsTest {
    @TempDir
    Path directory;

    @Test
    void shouldReadTheSecretWithoutTheLinesEnd() throws IOException {
        Path file = Files.writeString(directory.resolve("secret"), "0123456789abcdef\n");
        assertThat(SchedulingParts.secret(file.toString())).asString().isEqualTo("0123456789abcdef");
    }

    @Test
    void shouldRefuseASecretThatIsShortOrMissing() throws IOException {
        Path file = Files.writeString(directory.resolve("short"), "0123456789abcde\n");
        assertThatThrownBy(() -> SchedulingParts.secret(file.toString()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("baton.router.prefix.secret-file")
                .hasMessageContaining("at least 16");
        String missing = directory.resolve("missing").toString();
        assertThatThrownBy(() -> SchedulingParts.secret(missing))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("cannot be read");
    }
}
