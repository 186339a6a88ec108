package io.baton.worker;

import io.baton.kv.key.ClusterKeys;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.MalformedInputException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Duration;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * Keys in a file, such as a mounted Kubernetes Secret. The file is looked at again from time to time; one that cannot be read, or
 * is wrong, changes nothing but the log.
 *
 * <p><em>Thread-safety:</em> safe. At most one thread reads the file; the others go on with the keys that were known.
 */
public final class KeyFile implements Supplier<ClusterKeys> {
    /** Largest file that is read. */
    static final long MAX_BYTES = 64 << 10;

    private static final Logger LOG = Logger.getLogger(KeyFile.class);

    private final Path file;
    private final long reloadNanos;
    private final LongSupplier clock;
    private volatile ClusterKeys keys;
    private volatile long looked;
    private @Nullable Object seen;

    /**
     * Reads the file.
     *
     * @param reload how often it is looked at
     * @throws IllegalArgumentException if it cannot be read or is wrong
     */
    public static KeyFile open(Path file, Duration reload) {
        return new KeyFile(file, reload, System::nanoTime);
    }

    KeyFile(Path file, Duration reload, LongSupplier clock) {
        this.file = file;
        this.reloadNanos = reload.toNanos();
        this.clock = clock;
        this.looked = clock.getAsLong();
        try {
            this.seen = version();
            this.keys = read();
        } catch (IOException e) {
            throw new IllegalArgumentException(file + " cannot be read: " + reason(e), e);
        }
    }

    @Override
    public ClusterKeys get() {
        if (clock.getAsLong() - looked >= reloadNanos) {
            look();
        }
        return keys;
    }

    private synchronized void look() {
        long now = clock.getAsLong();
        if (now - looked < reloadNanos) {
            return;
        }
        looked = now;
        try {
            Object version = version();
            if (version.equals(seen)) {
                return;
            }
            seen = version;
            ClusterKeys read = read();
            if (!read.names().map(ByteBuffer::wrap).equals(keys.names().map(ByteBuffer::wrap))) {
                // While only some workers have it, prefill and decode would name the same block differently.
                LOG.warnf(
                        "%s: the keys stay as they were: another secret of names needs a restart of all workers", file);
            } else if (!read.equals(keys)) {
                keys = read;
                LOG.infof("%s: %s", file, read);
            }
        } catch (IOException | IllegalArgumentException e) {
            LOG.warnf(
                    "%s: the keys stay as they were: %s",
                    file, e instanceof IOException io ? reason(io) : e.getMessage());
        }
    }

    /** What tells one state of the file from another. */
    private Object version() throws IOException {
        record Version(Path path, Object time, long size) {}
        BasicFileAttributes a = Files.readAttributes(file, BasicFileAttributes.class);
        return new Version(file.toRealPath(), a.lastModifiedTime(), a.size());
    }

    private ClusterKeys read() throws IOException {
        long size = Files.size(file);
        if (size > MAX_BYTES) {
            throw new IllegalArgumentException(file + " has " + size + " bytes; keys have at most " + MAX_BYTES);
        }
        return ClusterKeys.parse(Files.readString(file));
    }

    private static String reason(IOException e) {
        return switch (e) {
            case java.nio.file.NoSuchFileException _ -> "there is no such file";
            case java.nio.file.AccessDeniedException _ -> "access is denied";
            case MalformedInputException _ -> "it is no text in UTF-8";
            default -> String.valueOf(e.getMessage());
        };
    }
}
