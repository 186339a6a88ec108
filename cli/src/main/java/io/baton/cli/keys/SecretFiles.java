package io.baton.cli.keys;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.util.Base64;

/**
 * Files that only this user reads.
 *
 * <p><em>Thread-safety:</em> stateless.
 */
public final class SecretFiles {
    private static final int SECRET_BYTES = 32;

    private SecretFiles() {}

    /** Writes a file; a reader sees the old or the new one, never half of one, and nobody else ever sees either. */
    public static void write(Path file, String text) {
        try {
            Path directory = file.toAbsolutePath().getParent();
            Files.createDirectories(directory);
            Path next = Files.createTempFile(
                    directory,
                    "." + file.getFileName(),
                    ".tmp",
                    PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
            Files.write(next, text.getBytes(StandardCharsets.US_ASCII));
            Files.move(next, file, StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException e) {
            throw new KeysException(file + " cannot be written: " + e.getMessage(), e);
        }
    }

    /** The keys of KV blocks, drawn now: the secret of names and one key of descriptors. */
    public static String kvKeys(String comment, String id) {
        return "# " + comment + "\nnames " + secret() + "\n" + id + " " + secret() + "\n";
    }

    /** A secret of 32 random bytes in base64. */
    public static String secret() {
        byte[] bytes = new byte[SECRET_BYTES];
        new SecureRandom().nextBytes(bytes);
        return Base64.getEncoder().encodeToString(bytes);
    }
}
