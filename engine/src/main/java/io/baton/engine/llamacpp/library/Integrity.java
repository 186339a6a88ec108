package io.baton.engine.llamacpp.library;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Base64;

/**
 * Compares an archive with its pinned hash.
 *
 * <p><em>Thread-safety:</em> stateless.
 */
final class Integrity {
    private static final String PREFIX = "sha512-";

    private Integrity() {}

    /** Refuses an archive that is not the pinned one. */
    static void check(Path archive, LibraryPackage pack) throws IOException {
        String found = of(archive);
        if (!found.equals(pack.integrity())) {
            throw LibraryProvider.failed(
                    "the archive of " + pack.specifier() + " has the hash " + found + " but " + pack.integrity()
                            + " is pinned; it was changed on its way or at its source, and is not used",
                    null);
        }
    }

    /** {@code sha512-} and the SHA-512 of a file in Base64. */
    static String of(Path file) throws IOException {
        try (InputStream in = Files.newInputStream(file)) {
            MessageDigest digest = MessageDigest.getInstance("SHA-512");
            byte[] buffer = new byte[1 << 16];
            for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
                digest.update(buffer, 0, n);
            }
            return PREFIX + Base64.getEncoder().encodeToString(digest.digest());
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }
}
