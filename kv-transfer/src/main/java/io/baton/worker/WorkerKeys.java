package io.baton.worker;

import io.baton.kv.key.KeyFile;
import io.baton.kv.key.KvKeys;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jboss.logging.Logger;

/**
 * The cluster's keys as a worker has them: from the file that the settings name, read again now and then; or none.
 *
 * <p><em>Thread-safety:</em> safe.
 */
public final class WorkerKeys {
    private static final Logger LOG = Logger.getLogger(WorkerKeys.class);

    private WorkerKeys() {}

    /**
     * Reads the keys, and has {@code timer} read them again.
     *
     * @throws SettingException if there is no such file, or it is no key file
     */
    public static Supplier<KvKeys> open(KvSettings kv, ScheduledExecutorService timer) {
        String path = kv.keys().orElse(null);
        if (path == null) {
            LOG.info(
                    "baton.kv.keys is not set: descriptors of KV blocks are not signed, and block names are not secret");
            return KvKeys::none;
        }
        KeyFile file;
        try {
            file = new KeyFile(Path.of(path));
        } catch (IOException | IllegalArgumentException e) {
            throw new SettingException("baton.kv.keys", path, "must be a readable key file: " + e.getMessage(), e);
        }
        long period = kv.keysReload().toNanos();
        var _ = timer.scheduleWithFixedDelay(() -> reload(file, path), period, period, TimeUnit.NANOSECONDS);
        return file;
    }

    private static void reload(KeyFile file, String path) {
        try {
            String before = file.get().toString();
            file.reload();
            if (!before.equals(file.get().toString())) {
                LOG.infof("%s was read again: %s", path, file.get());
            }
        } catch (IOException | RuntimeException e) {
            LOG.warnf("%s was not read again, the keys stay as they are: %s", path, e.getMessage());
        }
    }
}
