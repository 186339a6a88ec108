package io.baton.worker;

import io.baton.kv.key.ClusterKeys;
import java.nio.file.Path;
import java.util.function.Supplier;
import org.jboss.logging.Logger;

/**
 * The cluster's keys as a worker's settings name them.
 *
 * <p><em>Thread-safety:</em> stateless.
 */
public final class WorkerKeys {
    private static final Logger LOG = Logger.getLogger(WorkerKeys.class);

    private WorkerKeys() {}

    /**
     * The keys in the file that the settings name.
     *
     * @throws SettingException if it cannot be read or is wrong
     */
    public static Supplier<ClusterKeys> of(KvSettings kv) {
        String file = kv.keysFile().orElse("");
        if (file.isEmpty()) {
            LOG.warn("KV descriptors are not signed: baton.kv.keys-file is not set");
            return ClusterKeys::none;
        }
        try {
            KeyFile keys = KeyFile.open(Path.of(file), kv.keysReload());
            LOG.infof("%s: %s", file, keys.get());
            return keys;
        } catch (IllegalArgumentException e) {
            throw new SettingException("baton.kv.keys-file", file, "must be a file of keys: " + e.getMessage());
        }
    }
}
