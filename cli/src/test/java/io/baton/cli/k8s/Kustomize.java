package io.baton.cli.k8s;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.baton.cli.Main;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Builds overlays with the kustomize or the kubectl of the machine. A test that wants one is skipped where there is neither. */
final class Kustomize {
    private static final long SECONDS = 60;
    private static final Map<Overlay, Manifests> BUILT = new EnumMap<>(Overlay.class);
    private static @Nullable Path copy;

    private Kustomize() {}

    static Path root() {
        return Path.of(System.getProperty("baton.root"));
    }

    /** What an overlay makes, beside the overlay that it is applied beside; a copy that may be changed. */
    static synchronized Manifests build(Overlay overlay) {
        Manifests built = BUILT.get(overlay);
        if (built == null) {
            built = Manifests.parse(run(directory(overlay)));
            Overlay other = overlay.beside();
            if (other != null) {
                built = built.with(build(other));
            }
            BUILT.put(overlay, built);
        }
        return built.copy();
    }

    /** Where the overlay is: one that needs keys is a copy with keys of its own. */
    private static Path directory(Overlay overlay) {
        return (overlay.secured() ? withKeys() : root().resolve("k8s")).resolve(overlay.path());
    }

    /** A copy of k8s into which ./baton keys has written, as an operator would have it. */
    private static synchronized Path withKeys() {
        Path there = copy;
        if (there != null) {
            return there;
        }
        try {
            Path from = root().resolve("k8s");
            Path to = Files.createTempDirectory(root().resolve("cli/target"), "k8s");
            List<Path> all;
            try (Stream<Path> files = Files.walk(from)) {
                all = files.filter(Files::isRegularFile).filter(f -> !isKey(f)).toList();
            }
            for (Path file : all) {
                Path target = to.resolve(from.relativize(file));
                Files.createDirectories(target.getParent());
                Files.copy(file, target);
            }
            int status = Main.commandLine()
                    .setOut(new PrintWriter(new StringWriter()))
                    .execute("keys", to.resolve("components/keys").toString());
            if (status != 0) {
                throw new AssertionError("./baton keys ended with " + status);
            }
            copy = to;
            return to;
        } catch (IOException e) {
            throw new AssertionError("k8s cannot be copied", e);
        }
    }

    /** Whether it is one of those that an operator has already had written. */
    private static boolean isKey(Path file) {
        return file.toString().matches(".*/components/keys/([a-z]+\\.(crt|key)|kv-keys|api-keys)");
    }

    private static String run(Path directory) {
        List<String> command = new ArrayList<>(tool());
        command.add(directory.toString());
        try {
            Path errors = Files.createTempFile("kustomize", ".txt");
            Process process =
                    new ProcessBuilder(command).redirectError(errors.toFile()).start();
            String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            if (!process.waitFor(SECONDS, TimeUnit.SECONDS) || process.exitValue() != 0) {
                throw new AssertionError(command + ": " + Files.readString(errors));
            }
            Files.delete(errors);
            return output;
        } catch (IOException e) {
            throw new AssertionError(command + " cannot be run", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError(e);
        }
    }

    private static List<String> tool() {
        for (String directory : System.getenv().getOrDefault("PATH", "").split(":", -1)) {
            if (Files.isExecutable(Path.of(directory, "kustomize"))) {
                return List.of(Path.of(directory, "kustomize").toString(), "build");
            }
            if (Files.isExecutable(Path.of(directory, "kubectl"))) {
                return List.of(Path.of(directory, "kubectl").toString(), "kustomize");
            }
        }
        assumeTrue(false, "neither kustomize nor kubectl is on the PATH, so the overlays are not checked");
        throw new AssertionError("an assumption that does not hold ends the test");
    }
}
