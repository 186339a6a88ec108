package io.baton.cli.launch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GgufFileTest {
    @TempDir
    private Path directory = Path.of("");

    @Test
    void shouldSayThatThereIsNoFile() {
        Path file = directory.resolve("none.gguf");
        assertThatThrownBy(() -> GgufFile.open(file))
                .isInstanceOf(LaunchException.class)
                .hasMessageContaining("there is no model file " + file)
                .hasMessageContaining("--model FILE");
    }

    @Test
    void shouldRefuseAFileThatIsNoGguf() throws IOException {
        Path file = Files.writeString(directory.resolve("a.gguf"), "GGU");
        assertThatThrownBy(() -> GgufFile.open(file))
                .isInstanceOf(LaunchException.class)
                .hasMessageContaining("is not a GGUF");
    }

    @Test
    void shouldSeeAChatTemplateInTheHead() throws IOException {
        Path with = Files.writeString(directory.resolve("a.gguf"), "GGUF....tokenizer.chat_template....");
        Path without = Files.writeString(directory.resolve("b.gguf"), "GGUF....");
        assertThat(GgufFile.open(with).chatTemplate()).isTrue();
        assertThat(GgufFile.open(without).chatTemplate()).isFalse();
    }

    @Test
    void shouldNameTheModelAfterItsFile() {
        assertThat(new GgufFile(Path.of("/models/llama-1b.gguf"), true).defaultName())
                .isEqualTo("llama-1b");
    }
}
