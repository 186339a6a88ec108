package io.baton.cli.launch;

import io.baton.cli.keys.SecretFiles;
import java.nio.file.Path;

/** The keys of one fleet, drawn when it starts: a file that only this user reads. */
final class KvKeys {
    private KvKeys() {}

    /** Where the keys of the fleet at {@code port} are. */
    static Path file(Path runs, int port) {
        return RunState.directory(runs, port).resolve("kv-keys");
    }

    /** Writes new keys; those of an earlier fleet at this port are gone. */
    static void write(Path file) {
        SecretFiles.write(file, SecretFiles.kvKeys("Drawn by the launcher for this run.", "run"));
    }
}
