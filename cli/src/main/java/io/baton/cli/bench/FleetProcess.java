package io.baton.cli.bench;

import io.baton.cli.launch.LaunchException;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A {@link SimulatedFleet} in a process of its own, which ends with this one. The first half of its workers are prefill workers.
 *
 * <p><em>Thread-safety:</em> thread-safe.
 */
final class FleetProcess implements AutoCloseable {
    private final Process process;
    private final int workers;
    private final int port;

    private FleetProcess(Process process, int workers, int port) {
        this.process = process;
        this.workers = workers;
        this.port = port;
    }

    /**
     * Starts workers.
     *
     * @param workers how many, at least 2
     * @param blockSize tokens per block
     * @param step time between two tokens of a stream
     * @param certificates where {@link BenchCertificates} are, for mutual TLS; null for plaintext
     */
    static FleetProcess start(int workers, int blockSize, Duration step, @Nullable Path certificates) {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:+UseSerialGC",
                "-Xmx2g",
                "--enable-native-access=ALL-UNNAMED",
                "--sun-misc-unsafe-memory-access=allow",
                "-cp",
                System.getProperty("java.class.path"),
                SimulatedFleet.class.getName(),
                Integer.toString(workers / 2),
                Integer.toString(workers - workers / 2),
                Integer.toString(blockSize),
                Long.toString(step.toNanos() / 1000)));
        if (certificates != null) {
            command.add(certificates.toString());
        }
        Process process;
        try {
            process = new ProcessBuilder(command)
                    .redirectError(ProcessBuilder.Redirect.INHERIT)
                    .start();
        } catch (IOException e) {
            throw new LaunchException("the simulated workers cannot be started: " + e.getMessage(), e);
        }
        try {
            BufferedReader lines = process.inputReader(StandardCharsets.UTF_8);
            String line = lines.readLine();
            if (line == null || !line.matches("\\d{1,5}")) {
                process.destroyForcibly();
                throw new LaunchException("the simulated workers "
                        + (line == null ? "ended before they listened" : "do not tell their port but '" + line + "'"));
            }
            return new FleetProcess(process, workers, Integer.parseInt(line));
        } catch (IOException e) {
            process.destroyForcibly();
            throw new LaunchException("the simulated workers cannot be read: " + e.getMessage(), e);
        }
    }

    List<String> prefill() {
        return SimulatedFleet.addresses(0, workers / 2, port);
    }

    List<String> decode() {
        return SimulatedFleet.addresses(workers / 2, workers, port);
    }

    @Override
    public void close() {
        // Nobody ignores that signal, so it ends; until then its address is taken.
        process.destroyForcibly().onExit().join();
    }
}
