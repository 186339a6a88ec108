package io.baton.router.fake;

import io.quarkus.test.junit.QuarkusTestProfile;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/** A router that asks for keys. */
public final class WithApiKeys implements QuarkusTestProfile {
    /** The key of tenant acme. */
    public static final String ACME = "sk-acme-0123456789abcdef";
    /** The key of tenant other. */
    public static final String OTHER = "sk-other-0123456789abcdef";
    /** What the file has at first. */
    public static final String LINES = "acme: " + ACME + "\nother: " + OTHER + "\n";

    @Override
    public Map<String, String> getConfigOverrides() {
        try {
            Path file = Files.createTempFile("baton-api-keys", ".txt");
            file.toFile().deleteOnExit();
            Files.writeString(file, LINES);
            return Map.of("baton.router.api-keys", file.toString(), "baton.router.api-keys-reload", "50ms");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
