package io.baton.engine.llamacpp;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.baton.engine.llamacpp.ffi.NativeCalls;
import io.baton.engine.llamacpp.library.LibraryProvider;
import io.baton.error.BatonException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Only the version that the struct layouts are of is used. */
class LlamaLibraryTest {
    @TempDir
    Path temp = Path.of(".");

    @Test
    void shouldRefuseAnotherVersionAndNameBoth() {
        Path directory = LibraryProvider.provide(null);
        assertThatThrownBy(() -> new LlamaLibrary(NativeCalls.platform(), directory, "9.9.9"))
                .isInstanceOf(BatonException.class)
                .hasMessageContaining("is libllama 0.5.0")
                .hasMessageContaining("version 9.9.9");
    }

    @Test
    void shouldRefuseADirectoryWithoutLibllama() throws IOException {
        Files.createFile(temp.resolve("libllama-common.so"));
        assertThatThrownBy(() -> new LlamaLibrary(NativeCalls.platform(), temp, LlamaLibrary.WANTED_VERSION))
                .isInstanceOf(BatonException.class)
                .hasMessageContaining("no libllama in");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "libllama.so",
                "libllama.so.0.5.0",
                "libllama.v0.5.0.so",
                "libllama.cuda.v0.5.0.so",
                "libllama.vulkan.v0.5.0.so"
            })
    void shouldFindLibllamaUnderTheNamesOfItsBuilds(String name) throws IOException {
        // Given
        Path file = Files.createFile(temp.resolve(name));
        Files.createFile(temp.resolve("libllama-common.so"));
        Files.createFile(temp.resolve("libggml.cuda.v0.5.0.so"));
        // When / Then
        assertThat(LlamaLibrary.libraryFile(temp)).isEqualTo(file);
    }

    @Test
    void shouldRefuseAFileThatIsNoLibrary() throws IOException {
        Files.writeString(temp.resolve("libllama.so"), "not a library");
        assertThatThrownBy(() -> new LlamaLibrary(NativeCalls.platform(), temp, LlamaLibrary.WANTED_VERSION))
                .isInstanceOf(BatonException.class)
                .hasMessageContaining("cannot open");
    }

    @Test
    void shouldRefuseASecondDirectoryInOneProcess() throws IOException {
        LlamaLibrary open = LlamaLibrary.open(LibraryProvider.provide(null), false);
        assertThat(LlamaLibrary.open(open.directory(), false)).isSameAs(open);
        assertThatThrownBy(() -> LlamaLibrary.open(temp, false))
                .isInstanceOf(BatonException.class)
                .hasMessageContaining("one library directory per process");
    }

    @Test
    void shouldNoticeDefaultsThatLieElsewhereAndStructsThatGrew() {
        // Given
        LlamaLibrary library = LlamaLibrary.open(LibraryProvider.provide(null), false);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment params =
                    arena.allocate(LlamaStructs.CONTEXT_PARAMS_BYTES + 64, 16).fill((byte) 0xA5);
            library.contextDefaultParams(params);
            assertThat(LlamaStructs.contextDefaultsThatDiffer(params)).isEmpty();
            // When
            params.set(JAVA_INT, LlamaStructs.ContextParams.TYPE_K, 8);
            params.set(JAVA_INT, LlamaStructs.CONTEXT_PARAMS_BYTES, 0);
            // Then
            assertThat(LlamaStructs.contextDefaultsThatDiffer(params))
                    .hasSize(2)
                    .anyMatch(w -> w.contains("type_k is 8 where 1"))
                    .anyMatch(w -> w.contains("larger than 160"));
        }
    }
}
