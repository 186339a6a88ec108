package io.baton.kv.key;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Supplier;

/**
 * The keys in a file, read again when somebody asks for it. Of a changed file only the keys that sign and verify are taken:
 * with another secret of names the blocks in the store, and those of other workers, could not be found any more.
 *
 * <p><em>Thread-safety:</em> safe. {@link #get} does not block; {@link #reload} reads a small file.
 */
public final class KeyFile implements Supplier<KvKeys> {
    /** Largest file that is read. */
    public static final int MAX_BYTES = 64 << 10;

    private final Path file;
    private volatile KvKeys keys;

    /**
     * Reads the file.
     *
     * @throws IOException if it cannot be read
     * @throws IllegalArgumentException if it is no key file
     */
    public KeyFile(Path file) throws IOException {
        this.file = file;
        this.keys = read();
    }

    private KvKeys read() throws IOException {
        if (Files.size(file) > MAX_BYTES) {
            throw new IllegalArgumentException(
                    file + " has more than " + MAX_BYTES + " bytes; a key file is a few lines");
        }
        return KvKeys.parse(Files.readString(file, StandardCharsets.UTF_8));
    }

    /** The keys that are in force. */
    @Override
    public KvKeys get() {
        return keys;
    }

    /**
     * Reads the file again. If that fails, the keys stay as they are.
     *
     * @throws IOException if it cannot be read
     * @throws IllegalArgumentException if it is no key file, or has another secret of names
     */
    public synchronized void reload() throws IOException {
        KvKeys next = read();
        if (!next.namesAs(keys)) {
            throw new IllegalArgumentException(
                    "the secret '" + KvKeys.NAMES + "' has changed, which needs a restart of all workers");
        }
        keys = next;
    }
}
