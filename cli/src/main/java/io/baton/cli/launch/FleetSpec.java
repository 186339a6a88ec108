package io.baton.cli.launch;

import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What a fleet is made of.
 *
 * <p><em>Thread-safety:</em> immutable.
 *
 * @param root the project's root, with the services below it
 * @param runs the directory that gets one directory per run: state and logs
 * @param host the address that every service binds to
 * @param advertisedHost the address under which workers reach each other
 * @param workerHost the address under which the router reaches the workers
 * @param port the router's HTTP port; 0 looks for a free range
 * @param prefill number of prefill workers; without any, decode workers compute prompts themselves
 * @param decode number of decode workers
 * @param engine the workers' engine
 * @param blockSize tokens per KV block
 * @param pin whether workers are pinned to cores of their own where there are enough
 * @param outlives whether the fleet goes on when the launcher ends
 * @param executables whether the services are native executables; else they run on a JVM
 * @param mtls whether each process gets a certificate; else they talk to each other in plaintext
 * @param javaOptions further options of every JVM; of an executable, those that it has too, such as {@code -Xmx1g}
 * @param settings system properties of every service; they win over what the launcher sets
 * @param roleSettings system properties of the services of one role; they win over {@code settings}
 * @param readyTimeout how long all services together may take to become ready
 */
public record FleetSpec(
        Path root,
        Path runs,
        String host,
        String advertisedHost,
        String workerHost,
        int port,
        int prefill,
        int decode,
        EngineSpec engine,
        int blockSize,
        boolean pin,
        boolean outlives,
        boolean executables,
        boolean mtls,
        List<String> javaOptions,
        Map<String, String> settings,
        Map<Role, Map<String, String>> roleSettings,
        Duration readyTimeout) {
    /** Workers of a role; more than any one machine has cores for. */
    public static final int MAX_WORKERS = 64;

    /** Checks the numbers and copies the collections. */
    public FleetSpec {
        requireWorkers("prefill", prefill, 0);
        requireWorkers("decode", decode, 1);
        if (blockSize < 1) {
            throw new LaunchException(
                    "a KV block of " + blockSize + " tokens is not possible; use 256, or 16 and more");
        }
        root = root.toAbsolutePath().normalize();
        runs = runs.toAbsolutePath().normalize();
        javaOptions = List.copyOf(javaOptions);
        settings = Map.copyOf(settings);
        roleSettings = Map.copyOf(roleSettings);
    }

    /** The same with one more setting of every service. */
    FleetSpec withSetting(String key, String value) {
        Map<String, String> more = new LinkedHashMap<>(settings);
        more.put(key, value);
        return new FleetSpec(
                root,
                runs,
                host,
                advertisedHost,
                workerHost,
                port,
                prefill,
                decode,
                engine,
                blockSize,
                pin,
                outlives,
                executables,
                mtls,
                javaOptions,
                more,
                roleSettings,
                readyTimeout);
    }

    /** All workers. */
    public int workers() {
        return prefill + decode;
    }

    /** One prefill and one decode worker behind a router, on free ports, that end with the launcher. */
    public static Builder builder(Path root, EngineSpec engine) {
        return new Builder(root, engine);
    }

    private static void requireWorkers(String role, int count, int least) {
        if (count < least || count > MAX_WORKERS) {
            throw new LaunchException(
                    "a fleet has " + least + " to " + MAX_WORKERS + " " + role + " workers, not " + count);
        }
    }

    /** Collects a spec. Not thread-safe. */
    public static final class Builder {
        private final Path root;
        private final EngineSpec engine;
        private Path runs;
        private String host = "127.0.0.1";
        private String advertisedHost = "";
        private String workerHost = "";
        private int port;
        private int prefill = 1;
        private int decode = 1;
        private int blockSize = 256;
        private boolean pin = true;
        private boolean outlives;
        private boolean executables;
        private boolean mtls;
        private List<String> javaOptions = List.of();
        private final Map<String, String> settings = new LinkedHashMap<>();
        private final Map<Role, Map<String, String>> roleSettings = new LinkedHashMap<>();
        private Duration readyTimeout = Duration.ofMinutes(2);

        private Builder(Path root, EngineSpec engine) {
            this.root = root;
            this.engine = engine;
            this.runs = root.resolve(".run");
        }

        /** See {@link FleetSpec#runs}. */
        public Builder runs(Path directory) {
            runs = directory;
            return this;
        }

        /** See {@link FleetSpec#host}. */
        public Builder host(String address) {
            host = address;
            return this;
        }

        /**
         * Has workers reached at other addresses than the one that they bind to, for instance those of a proxy. See
         * {@link FleetSpec#advertisedHost} and {@link FleetSpec#workerHost}.
         */
        public Builder reached(String byWorkers, String byRouter) {
            advertisedHost = byWorkers;
            workerHost = byRouter;
            return this;
        }

        /** See {@link FleetSpec#port}. */
        public Builder port(int httpPort) {
            port = httpPort;
            return this;
        }

        /** See {@link FleetSpec#prefill} and {@link FleetSpec#decode}. */
        public Builder workers(int prefillWorkers, int decodeWorkers) {
            prefill = prefillWorkers;
            decode = decodeWorkers;
            return this;
        }

        /** See {@link FleetSpec#blockSize}. */
        public Builder blockSize(int tokens) {
            blockSize = tokens;
            return this;
        }

        /** See {@link FleetSpec#pin}. */
        public Builder pin(boolean on) {
            pin = on;
            return this;
        }

        /** See {@link FleetSpec#outlives}. */
        public Builder outlives(boolean on) {
            outlives = on;
            return this;
        }

        /** See {@link FleetSpec#executables}. */
        public Builder executables(boolean on) {
            executables = on;
            return this;
        }

        /** See {@link FleetSpec#mtls}; off unless asked for, as handshakes cost a busy machine time. */
        public Builder mtls(boolean on) {
            mtls = on;
            return this;
        }

        /** See {@link FleetSpec#javaOptions}. */
        public Builder javaOptions(List<String> options) {
            javaOptions = options;
            return this;
        }

        /** See {@link FleetSpec#settings}. */
        public Builder setting(String key, String value) {
            settings.put(key, value);
            return this;
        }

        /** See {@link FleetSpec#roleSettings}. */
        public Builder setting(Role role, String key, String value) {
            roleSettings.computeIfAbsent(role, r -> new LinkedHashMap<>()).put(key, value);
            return this;
        }

        /** See {@link FleetSpec#readyTimeout}. */
        public Builder readyTimeout(Duration timeout) {
            readyTimeout = timeout;
            return this;
        }

        /** The spec. */
        public FleetSpec build() {
            return new FleetSpec(
                    root,
                    runs,
                    host,
                    advertisedHost.isEmpty() ? host : advertisedHost,
                    workerHost.isEmpty() ? host : workerHost,
                    port,
                    prefill,
                    decode,
                    engine,
                    blockSize,
                    pin,
                    outlives,
                    executables,
                    mtls,
                    javaOptions,
                    settings,
                    roleSettings,
                    readyTimeout);
        }
    }
}
