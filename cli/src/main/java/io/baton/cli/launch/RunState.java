package io.baton.cli.launch;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * What runs, as the launcher wrote it down, one file per run. The processes may have ended since: {@link Service#alive()}
 * asks the kernel.
 *
 * <p><em>Thread-safety:</em> immutable.
 *
 * @param run the run's name, which every process carries as an argument: directory and random part
 * @param startedAt seconds since the epoch
 * @param host the address of the services
 * @param port the router's HTTP port
 * @param engine kind of the workers' engine
 * @param model name of the model
 * @param launcher the launcher, if the fleet ends with it; else one with pid 0
 * @param services the processes, workers first
 */
public record RunState(
        String run,
        long startedAt,
        String host,
        int port,
        String engine,
        String model,
        Identity launcher,
        List<Service> services) {
    private static final String FILE = "state.json";
    private static final ObjectMapper JSON = new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);

    /** Copies the list. */
    public RunState {
        services = List.copyOf(services);
    }

    /**
     * One process for ever: pids are used again, start times are not.
     *
     * @param pid process id; 0 for none
     * @param startTicks start time in clock ticks since boot
     */
    public record Identity(long pid, long startTicks) {
        /** No process. */
        static final Identity NONE = new Identity(0, 0);

        /** The process that has this pid now. */
        static Identity of(long pid) {
            return new Identity(pid, ProcFs.startTicks(pid).orElse(0));
        }

        /** Whether it still runs. */
        public boolean alive() {
            return pid != 0 && ProcFs.startTicks(pid).orElse(-1) == startTicks;
        }
    }

    /**
     * A process of the run.
     *
     * @param name its name, such as {@code prefill-0}
     * @param role what it does
     * @param identity the process
     * @param host the address of its ports
     * @param httpPort port of HTTP: health, metrics, and the public API at the router
     * @param grpcPort port of gRPC
     * @param cores cores it is pinned to; empty if it is not
     * @param log its log file
     */
    public record Service(
            String name,
            Role role,
            Identity identity,
            String host,
            int httpPort,
            int grpcPort,
            List<Integer> cores,
            String log) {
        /** Copies the list. */
        public Service {
            cores = List.copyOf(cores);
        }

        /** Process id. */
        public long pid() {
            return identity.pid();
        }

        /** Whether it still runs. */
        public boolean alive() {
            return identity.alive();
        }
    }

    /** The router. */
    public Service router() {
        return services.stream()
                .filter(s -> s.role() == Role.ROUTER)
                .findFirst()
                .orElseThrow(() -> new LaunchException("the run at port " + port + " has no router"));
    }

    /** Whether any process of the run, or the launcher that would stop it, still runs. */
    public boolean alive() {
        return launcher.alive() || services.stream().anyMatch(Service::alive);
    }

    /** The directory of the run at a port. */
    static Path directory(Path runs, int port) {
        return runs.resolve(Integer.toString(port));
    }

    /** Writes the state; a reader sees the old or the new file, never half of one. */
    void save(Path runs) {
        Path directory = directory(runs, port);
        try {
            Files.createDirectories(directory);
            Path next = Files.createTempFile(directory, "state", ".tmp");
            Files.write(next, JSON.writeValueAsBytes(this));
            Files.move(next, directory.resolve(FILE), StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException e) {
            throw new LaunchException(
                    "the state of the run cannot be written to " + directory + ": " + e.getMessage(), e);
        }
    }

    /** Forgets a run; its logs stay. */
    static void delete(Path runs, int port) {
        try {
            Files.deleteIfExists(directory(runs, port).resolve(FILE));
        } catch (IOException e) {
            throw new LaunchException(
                    "the state of the run at port " + port + " cannot be deleted: " + e.getMessage(), e);
        }
    }

    /** The run at a port, if one was written down. A file that cannot be read counts as none. */
    public static Optional<RunState> load(Path runs, int port) {
        Path file = directory(runs, port).resolve(FILE);
        try {
            return Files.exists(file) ? Optional.of(JSON.readValue(file.toFile(), RunState.class)) : Optional.empty();
        } catch (IOException e) {
            // Written by another version, or cut short: the processes are still found by their marker.
            return Optional.empty();
        }
    }

    /** All runs that were written down, by port. */
    public static List<RunState> loadAll(Path runs) {
        if (!Files.isDirectory(runs)) {
            return List.of();
        }
        List<Integer> ports = new ArrayList<>();
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(runs, "[0-9]*")) {
            for (Path entry : entries) {
                String name = String.valueOf(entry.getFileName());
                if (name.matches("\\d{1,5}")) {
                    ports.add(Integer.parseInt(name));
                }
            }
        } catch (IOException e) {
            throw new LaunchException("the runs in " + runs + " cannot be listed: " + e.getMessage(), e);
        }
        return ports.stream()
                .sorted()
                .flatMap(port -> load(runs, port).stream())
                .toList();
    }
}
