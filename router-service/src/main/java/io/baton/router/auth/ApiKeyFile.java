package io.baton.router.auth;

import java.io.IOException;
import java.nio.charset.MalformedInputException;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * API keys in a file, such as a mounted Kubernetes Secret. A file that has become unreadable or wrong leaves the keys as they
 * were.
 *
 * <p><em>Thread-safety:</em> {@link #keys} may be called from any thread; {@link #look} by one at a time.
 */
final class ApiKeyFile {
    /** Room for a tenant, a key and a comment. */
    static final long BYTES_PER_KEY = 1024;

    private static final Logger LOG = Logger.getLogger(ApiKeyFile.class);

    private final Path file;
    private final int most;
    private final AuthObserver observer;
    private volatile ApiKeys keys;
    /** The state of the file when it was read last; null if it could not be looked at. */
    private @Nullable Object seen;

    /**
     * Reads the file.
     *
     * @param most keys that there may be
     * @throws IllegalArgumentException if it cannot be read or is wrong
     */
    ApiKeyFile(Path file, int most, AuthObserver observer) {
        this.file = file;
        this.most = most;
        this.observer = observer;
        try {
            this.seen = version();
            this.keys = read();
        } catch (IOException | IllegalArgumentException e) {
            throw new Refused("baton.router.api-keys=" + file + ": " + reason(e));
        }
        LOG.infof("%s: %s", file, keys);
    }

    /** Has no stack trace, so that it is the last line in the log of a start that fails: the end is what people see. */
    private static final class Refused extends IllegalArgumentException {
        private static final long serialVersionUID = 1L;

        Refused(String message) {
            super(message);
        }

        @Override
        public synchronized Throwable fillInStackTrace() {
            return this;
        }
    }

    /** The keys that count now. */
    ApiKeys keys() {
        return keys;
    }

    /** Reads the file again if it has changed. */
    void look() {
        Object version = null;
        try {
            version = version();
            if (version.equals(seen)) {
                return;
            }
            keys = read();
            observer.reloaded(true);
            LOG.infof("%s: %s", file, keys);
        } catch (IOException | IllegalArgumentException e) {
            if (version == null && seen == null) {
                // Said already.
                return;
            }
            observer.reloaded(false);
            LOG.errorf("%s: the API keys stay as they were: %s", file, reason(e));
        }
        seen = version;
    }

    /** What tells one state of the file from another; a Secret's files are links that change their target. */
    private Object version() throws IOException {
        record Version(Path path, Object time, long size) {}
        BasicFileAttributes a = Files.readAttributes(file, BasicFileAttributes.class);
        return new Version(file.toRealPath(), a.lastModifiedTime(), a.size());
    }

    private ApiKeys read() throws IOException {
        long size = Files.size(file);
        if (size > most * BYTES_PER_KEY) {
            throw new IllegalArgumentException("it has " + size + " bytes; a file of " + most + " keys has at most "
                    + most * BYTES_PER_KEY + " (baton.router.api-keys-max)");
        }
        return ApiKeys.parse(Files.readString(file), most);
    }

    private static String reason(Exception e) {
        return switch (e) {
            case NoSuchFileException _ -> "there is no such file";
            case AccessDeniedException _ -> "access is denied";
            case MalformedInputException _ -> "it is no text in UTF-8";
            default -> String.valueOf(e.getMessage());
        };
    }
}
