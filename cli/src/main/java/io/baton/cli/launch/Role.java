package io.baton.cli.launch;

import java.nio.file.Path;

/** What a process of a fleet does. */
public enum Role {
    /** Runs prompts. */
    PREFILL("prefill"),
    /** Generates tokens. */
    DECODE("decode"),
    /** Stands in front of the workers. */
    ROUTER("router");

    private final String label;

    Role(String label) {
        this.label = label;
    }

    /** The name for people and file names: {@code prefill}, {@code decode}, {@code router}. */
    public String label() {
        return label;
    }

    /** What is started of the service, below the project's root: its executable, or its runnable jar. */
    public Path program(Path root, boolean executable) {
        return executable ? executable(root) : jar(root);
    }

    private Path executable(Path root) {
        return root.resolve(label + "-service").resolve("target").resolve(label + "-service");
    }

    private Path jar(Path root) {
        return root.resolve(label + "-service").resolve("target/quarkus-app/quarkus-run.jar");
    }
}
