package io.baton.cli.bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.baton.cli.launch.LaunchException;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.stream.Collectors;

/** Starts {@link EngineRunner} in a process of its own and reads what it measured. */
final class EngineProcess {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final int TAIL_LINES = 15;

    private EngineProcess() {}

    /**
     * Runs a job.
     *
     * @param cores cores to run on; none for all
     * @return what {@link EngineRunner} printed
     */
    static JsonNode run(EngineRunner.Job job, List<Integer> cores) {
        List<String> command = new ArrayList<>();
        if (!cores.isEmpty()) {
            command.addAll(
                    List.of("taskset", "-c", cores.stream().map(String::valueOf).collect(Collectors.joining(","))));
        }
        Process process;
        try {
            command.addAll(List.of(
                    Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                    "-XX:+UseSerialGC",
                    // As the launcher starts workers on a machine without a core to spare.
                    "-XX:TieredStopAtLevel=1",
                    "-Xmx256m",
                    "--enable-native-access=ALL-UNNAMED",
                    "--sun-misc-unsafe-memory-access=allow",
                    "-cp",
                    System.getProperty("java.class.path"),
                    EngineRunner.class.getName(),
                    JSON.writeValueAsString(job)));
            process = new ProcessBuilder(command).redirectErrorStream(true).start();
        } catch (IOException e) {
            throw new LaunchException("the process for the engine cannot be started: " + e.getMessage(), e);
        }
        try {
            return read(process);
        } finally {
            process.destroyForcibly();
        }
    }

    private static JsonNode read(Process process) {
        Deque<String> tail = new ArrayDeque<>();
        try (BufferedReader lines =
                new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                tail.addLast(line);
                if (tail.size() > TAIL_LINES) {
                    tail.removeFirst();
                }
            }
            int status = process.waitFor();
            if (status == 0 && !tail.isEmpty() && tail.getLast().startsWith("{")) {
                return JSON.readTree(tail.getLast());
            }
            throw new LaunchException("the process for the engine ended with status " + status + ":\n"
                    + String.join("\n", tail).indent(4).stripTrailing());
        } catch (IOException e) {
            throw new LaunchException("the process for the engine cannot be read: " + e.getMessage(), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new LaunchException("interrupted while measuring", e);
        }
    }
}
