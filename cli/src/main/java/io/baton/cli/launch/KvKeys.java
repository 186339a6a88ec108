package io.baton.cli.launch;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.util.Base64;

/** The keys of one fleet, drawn when it starts: a file that only this user reads. */
final class KvKeys {
    private static final int SECRET_BYTES = 32;

    private KvKeys() {}

    /** Where the keys of the fleet at {@code port} are. */
    static Path file(Path runs, int port) {
        return RunState.directory(runs, port).resolve("kv-keys");
    }

    /** Writes new keys; those of an earlier fleet at this port are gone. */
    static void write(Path file) {
        String text = "# Drawn by the launcher for this run.\nnames " + secret() + "\nrun " + secret() + "\n";
        try {
            Files.createDirectories(file.getParent());
            Files.deleteIfExists(file);
            Files.createFile(file, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
            Files.write(file, text.getBytes(StandardCharsets.US_ASCII), StandardOpenOption.WRITE);
        } catch (IOException e) {
            throw new LaunchException(file + " cannot be written: " + e.getMessage(), e);
        }
    }

    private static String secret() {
        byte[] bytes = new byte[SECRET_BYTES];
        new SecureRandom().nextBytes(bytes);
        return Base64.getEncoder().encodeToString(bytes);
    }
}
