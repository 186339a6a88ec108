package io.baton.cli.bench.goodput;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.baton.cli.launch.LaunchException;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Reads a trace in the format of Mooncake (Qin et al., FAST 2025): JSON lines with {@code timestamp} (ms),
 * {@code input_length}, {@code output_length} and {@code hash_ids}, one for each 512 tokens.
 */
final class TraceFile {
    private static final ObjectMapper JSON = new ObjectMapper();

    private TraceFile() {}

    /**
     * The requests, in the order of the file.
     *
     * @throws LaunchException if the file cannot be read or a line is not of the format
     */
    static List<TraceRequest> read(Path file) {
        List<TraceRequest> requests = new ArrayList<>();
        try (BufferedReader lines = Files.newBufferedReader(file)) {
            String line;
            for (int number = 1; (line = lines.readLine()) != null; number++) {
                if (!line.isBlank()) {
                    requests.add(request(file, number, line));
                }
            }
        } catch (IOException e) {
            throw new LaunchException("the trace " + file + " cannot be read: " + e.getMessage(), e);
        }
        if (requests.isEmpty()) {
            throw new LaunchException("the trace " + file + " is empty");
        }
        return requests;
    }

    private static TraceRequest request(Path file, int number, String line) {
        try {
            JsonNode json = JSON.readTree(line);
            JsonNode ids = json.path("hash_ids");
            long[] blocks = new long[ids.size()];
            for (int i = 0; i < blocks.length; i++) {
                blocks[i] = ids.get(i).asLong();
            }
            return new TraceRequest(
                    json.path("timestamp").asDouble(-1) / 1000,
                    json.path("input_length").asInt(),
                    json.path("output_length").asInt(),
                    blocks);
        } catch (JsonProcessingException | IllegalArgumentException e) {
            throw new LaunchException(file + ", line " + number + ", is no request: " + e.getMessage(), e);
        }
    }
}
