package io.baton.engine.llamacpp.library;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * Fetches a package's archive with the npm client; npm's own configuration decides from where.
 *
 * <p><em>Thread-safety:</em> safe.
 */
final class NpmClient implements LibraryProvider.PackageSource {
    private static final Duration PATIENCE = Duration.ofMinutes(10);
    private static final int MOST_OUTPUT = 2000;

    private final String command;

    /** With the npm command of that name. */
    NpmClient(String command) {
        this.command = command;
    }

    @Override
    public Path fetch(LibraryPackage pack, Path directory) {
        Path log = directory.resolve("npm.log");
        Process process;
        try {
            process = new ProcessBuilder(List.of(command, "pack", pack.specifier(), "--silent"))
                    .directory(directory.toFile())
                    .redirectErrorStream(true)
                    .redirectOutput(log.toFile())
                    .start();
        } catch (IOException e) {
            throw LibraryProvider.failed(
                    "libllama is not in the cache directory, and the npm client that fetches it cannot be started ("
                            + e.getMessage()
                            + "); install npm, or set the library directory to one that holds libllama "
                            + pack.llamaVersion(),
                    e);
        }
        try {
            if (!process.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS)) {
                process.destroyForcibly();
                throw notFetched(pack, "npm took longer than " + PATIENCE.toMinutes() + " minutes");
            }
            if (process.exitValue() != 0) {
                String output = Files.readString(log).strip();
                throw notFetched(
                        pack,
                        "npm ended with code " + process.exitValue() + ": "
                                + output.substring(0, Math.min(MOST_OUTPUT, output.length())));
            }
            try (Stream<Path> files = Files.list(directory)) {
                return files.filter(f -> f.toString().endsWith(".tgz"))
                        .findFirst()
                        .orElseThrow(() -> notFetched(pack, "npm left no archive"));
            }
        } catch (IOException e) {
            throw LibraryProvider.failed("the archive of " + pack.specifier() + " cannot be read: " + e, e);
        } catch (InterruptedException e) {
            process.destroyForcibly();
            Thread.currentThread().interrupt();
            throw LibraryProvider.failed("fetching libllama was interrupted", e);
        }
    }

    private static RuntimeException notFetched(LibraryPackage pack, String reason) {
        return LibraryProvider.failed(
                "libllama could not be fetched (npm pack " + pack.specifier() + "): " + reason
                        + "; check that npm reaches its registry, or set the library directory to one that holds libllama "
                        + pack.llamaVersion(),
                null);
    }
}
