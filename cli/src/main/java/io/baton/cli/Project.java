package io.baton.cli;

import io.baton.cli.launch.LaunchException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Where the project's files lie. */
public final class Project {
    /** Set by the script ./baton. */
    private static final String ROOT = "baton.root";
    /** Where runs are kept, if not in .run below the root. */
    private static final String RUNS = "baton.runs";

    private Project() {}

    /**
     * The project's root.
     *
     * @throws LaunchException if this process was started elsewhere without saying where the root is
     */
    public static Path root() {
        Path root = Path.of(System.getProperty(ROOT, "")).toAbsolutePath().normalize();
        if (!Files.isDirectory(root.resolve("router-service"))) {
            throw new LaunchException(root + " is not the project's root; start the command with the script ./baton, or"
                    + " set -Dbaton.root=DIRECTORY");
        }
        return root;
    }

    /** The directory with one directory per run. */
    public static Path runs() {
        String runs = System.getProperty(RUNS);
        return runs == null ? root().resolve(".run") : Path.of(runs);
    }

    /** The model that a first run uses. */
    public static Path demoModel() {
        return root().resolve("demo-model").resolve("baton-demo-3m-f32.gguf");
    }
}
