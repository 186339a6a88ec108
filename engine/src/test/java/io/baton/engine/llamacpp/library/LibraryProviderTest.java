package io.baton.engine.llamacpp.library;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.baton.error.BatonException;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CyclicBarrier;
import java.util.stream.Stream;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** libllama is fetched once, used only if it is the pinned one, and every failure says what to do. */
class LibraryProviderTest {
    @TempDir
    Path temp = Path.of(".");

    private Path archive(String... names) throws IOException {
        Path file = Files.createTempFile(temp, "archive", ".bin");
        try (OutputStream out = new GZIPOutputStream(Files.newOutputStream(file))) {
            for (String name : names) {
                byte[] content = ("content of " + name).getBytes(StandardCharsets.UTF_8);
                byte[] header = new byte[512];
                System.arraycopy(name.getBytes(StandardCharsets.UTF_8), 0, header, 0, name.length());
                byte[] size = String.format("%011o", content.length).getBytes(StandardCharsets.US_ASCII);
                System.arraycopy(size, 0, header, 124, size.length);
                header[156] = '0';
                out.write(header);
                out.write(content);
                out.write(new byte[512 - content.length % 512]);
            }
            out.write(new byte[1024]);
        }
        return file;
    }

    private static LibraryPackage pack(Path archive) throws IOException {
        return new LibraryPackage("@x/y", "1.2.3", Integrity.of(archive), "package/bins", "0.5.0");
    }

    private static LibraryProvider.PackageSource copyOf(Path archive) {
        return (pack, directory) -> {
            try {
                return Files.copy(archive, directory.resolve("y-1.2.3.tgz"));
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        };
    }

    private static List<String> names(Path directory) throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            return files.map(f -> f.getFileName().toString()).sorted().toList();
        }
    }

    @Test
    void shouldUnpackOnlyTheLibrariesAndOnlyOnce() throws IOException {
        // Given
        Path archive = archive(
                "package/bins/libllama.v0.5.0.so",
                "package/bins/libggml.so",
                "package/bins/notes.txt",
                "package/libother.so",
                "package/bins/../../evil.so");
        Path cache = temp.resolve("cache");
        LibraryProvider provider = new LibraryProvider(cache, pack(archive), copyOf(archive));
        // When
        Path directory = provider.provide();
        Path again = new LibraryProvider(cache, pack(archive), (_, _) -> {
                    throw new AssertionError("fetched twice");
                })
                .provide();
        // Then
        assertThat(again).isEqualTo(directory).isEqualTo(cache.resolve("llama-v0.5.0"));
        assertThat(names(directory)).containsExactly(".complete", "libggml.so", "libllama.v0.5.0.so");
        assertThat(Files.readString(directory.resolve("libggml.so"))).isEqualTo("content of package/bins/libggml.so");
        assertThat(names(cache)).as("no temporary directory stays").containsExactly("llama-v0.5.0");
    }

    @Test
    void shouldLetTheFirstOfTwoWin() throws IOException {
        // Given
        Path archive = archive("package/bins/libllama.so");
        Path cache = temp.resolve("cache");
        CyclicBarrier both = new CyclicBarrier(2);
        LibraryProvider.PackageSource slow = (pack, directory) -> {
            try {
                both.await();
            } catch (Exception e) {
                throw new IllegalStateException(e);
            }
            return copyOf(archive).fetch(pack, directory);
        };
        LibraryPackage pack = pack(archive);
        // When
        CompletableFuture<Path> first = CompletableFuture.supplyAsync(
                () -> new LibraryProvider(cache, pack, slow).provide(), Thread::startVirtualThread);
        CompletableFuture<Path> second = CompletableFuture.supplyAsync(
                () -> new LibraryProvider(cache, pack, slow).provide(), Thread::startVirtualThread);
        // Then
        assertThat(first.join()).isEqualTo(second.join());
        assertThat(names(cache)).containsExactly("llama-v0.5.0");
    }

    @Test
    void shouldRefuseAnArchiveOtherThanThePinnedOne() throws IOException {
        // Given
        Path archive = archive("package/bins/libllama.so");
        Path other = archive("package/bins/libllama.so", "package/bins/libmore.so");
        LibraryProvider provider = new LibraryProvider(temp.resolve("cache"), pack(archive), copyOf(other));
        // When / Then
        assertThatThrownBy(provider::provide)
                .isInstanceOf(BatonException.class)
                .hasMessageContaining(Integrity.of(other))
                .hasMessageContaining(Integrity.of(archive));
        assertThat(names(temp.resolve("cache"))).isEmpty();
    }

    @Test
    void shouldSayWhatToDoWithoutNpm() {
        assertThatThrownBy(() -> new NpmClient("no-such-npm-command").fetch(LibraryPackage.LINUX_X64, temp))
                .isInstanceOf(BatonException.class)
                .hasMessageContaining("install npm")
                .hasMessageContaining("library directory");
    }

    @Test
    void shouldSayWhatNpmSaidWhenItFails() throws IOException {
        // Given
        Path npm = Files.writeString(temp.resolve("npm"), "#!/bin/sh\necho no way to the registry; exit 7\n");
        Files.setPosixFilePermissions(npm, PosixFilePermissions.fromString("rwx------"));
        // When / Then
        assertThatThrownBy(() -> new NpmClient(npm.toString()).fetch(LibraryPackage.LINUX_X64, temp))
                .isInstanceOf(BatonException.class)
                .hasMessageContaining("code 7")
                .hasMessageContaining("no way to the registry");
    }

    @Test
    void shouldRefuseOtherPlatforms() {
        assertThat(LibraryPackage.of("Linux", "amd64")).isEqualTo(LibraryPackage.LINUX_X64);
        assertThatThrownBy(() -> LibraryPackage.of("Plan 9", "mips"))
                .isInstanceOf(BatonException.class)
                .hasMessageContaining("Plan 9 on mips");
    }

    @Test
    void shouldTakeTheCacheDirectoryFromTheEnvironment() {
        Path home = Path.of("/home/u");
        assertThat(LibraryProvider.cacheDirectory(Map.of(), home)).isEqualTo(Path.of("/home/u/.cache/baton"));
        assertThat(LibraryProvider.cacheDirectory(Map.of("XDG_CACHE_HOME", "/x"), home))
                .isEqualTo(Path.of("/x/baton"));
        assertThat(LibraryProvider.cacheDirectory(Map.of("XDG_CACHE_HOME", "/x", "BATON_CACHE_DIR", "/b"), home))
                .isEqualTo(Path.of("/b"));
    }

    @Test
    void shouldRefuseADirectoryThatDoesNotExist() {
        assertThatThrownBy(() -> LibraryProvider.provide(temp.resolve("nowhere")))
                .isInstanceOf(BatonException.class)
                .hasMessageContaining("does not exist");
    }
}
