package io.baton.engine.llamacpp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.baton.error.BatonException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The fingerprint tells models apart, and broken files are refused with the reason. */
class GgufFileTest {
    @TempDir
    Path temp = Path.of(".");

    @Test
    void shouldChangeFingerprintWithOneByteOfATensor() throws IOException {
        // Given
        byte[] model = Files.readAllBytes(TestModels.any());
        Path same = Files.write(temp.resolve("same.gguf"), model);
        model[model.length - 5] ^= 1;
        Path other = Files.write(temp.resolve("other.gguf"), model);
        // When / Then
        String fingerprint = GgufFile.fingerprint(TestModels.any());
        assertThat(fingerprint).matches("[0-9a-f]{64}");
        assertThat(GgufFile.fingerprint(same)).isEqualTo(fingerprint);
        assertThat(GgufFile.fingerprint(other)).isNotEqualTo(fingerprint);
    }

    @Test
    void shouldRefuseFilesThatAreNoUsableModel() throws IOException {
        byte[] model = Files.readAllBytes(TestModels.any());
        Path text = Files.writeString(temp.resolve("a.gguf"), "once upon a time");
        Path cut = Files.write(temp.resolve("b.gguf"), Arrays.copyOf(model, 2000));
        Path empty = Files.createFile(temp.resolve("c.gguf"));
        assertThatThrownBy(() -> GgufFile.fingerprint(text)).hasMessageContaining("does not begin with GGUF");
        assertThatThrownBy(() -> GgufFile.fingerprint(cut)).hasMessageContaining("cut off");
        assertThatThrownBy(() -> GgufFile.fingerprint(empty)).hasMessageContaining("cut off");
        assertThatThrownBy(() -> LlamaEngine.start(LlamaEngineConfig.of(temp.resolve("none.gguf"))))
                .isInstanceOf(BatonException.class)
                .hasMessageContaining("no readable model file");
    }

    @Test
    void shouldFindAllPartsOfASplitModel() {
        assertThat(GgufFile.parts(Path.of("/m/x-00001-of-00003.gguf")))
                .containsExactly(
                        Path.of("/m/x-00001-of-00003.gguf"),
                        Path.of("/m/x-00002-of-00003.gguf"),
                        Path.of("/m/x-00003-of-00003.gguf"));
        assertThat(GgufFile.parts(Path.of("/m/x.gguf"))).containsExactly(Path.of("/m/x.gguf"));
    }
}
