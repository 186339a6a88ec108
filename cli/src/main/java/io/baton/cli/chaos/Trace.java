package io.baton.cli.chaos;

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
 * Arrivals and lengths of real requests: JSON lines as Mooncake publishes them, each with {@code timestamp} in milliseconds,
 * never falling, {@code input_length} and {@code output_length} in tokens, and {@code hash_ids}, which name the prompt's
 * blocks of 512 tokens: equal names, equal prefix. Other fields are ignored.
 *
 * <p><em>Thread-safety:</em> immutable.
 *
 * @param lines requests in the order of their arrival, at least two
 */
public record Trace(List<Line> lines) {
    /** Tokens that a name in {@code hash_ids} stands for. */
    static final int BLOCK = 512;

    /** Further lines of a file are not read. */
    static final int MAX_LINES = 100_000;

    private static final ObjectMapper JSON = new ObjectMapper();

    /**
     * One request.
     *
     * @param millis when it came, in milliseconds
     * @param input length of its prompt in tokens
     * @param output tokens generated
     * @param blocks names of the blocks of its prompt; empty where the trace has none
     */
    public record Line(long millis, int input, int output, List<Long> blocks) {
        /** Copies the list. */
        public Line {
            blocks = List.copyOf(blocks);
        }
    }

    /** Copies the list. */
    public Trace {
        lines = List.copyOf(lines);
    }

    /**
     * Reads a file.
     *
     * @throws LaunchException if it cannot be read or a line is not as above; it names the line
     */
    public static Trace read(Path file) {
        List<Line> lines = new ArrayList<>();
        try (BufferedReader reader = Files.newBufferedReader(file)) {
            int number = 0;
            for (String text = reader.readLine(); text != null && lines.size() < MAX_LINES; text = reader.readLine()) {
                number++;
                if (!text.isBlank()) {
                    Line line = parse(file + ", line " + number, text);
                    if (!lines.isEmpty() && line.millis() < lines.getLast().millis()) {
                        throw new LaunchException(
                                file + ", line " + number + ": timestamp falls; sort the trace by it");
                    }
                    lines.add(line);
                }
            }
        } catch (IOException e) {
            throw new LaunchException("the trace " + file + " cannot be read: " + e.getMessage(), e);
        }
        if (lines.size() < 2) {
            throw new LaunchException("the trace " + file + " has fewer than two requests");
        }
        return new Trace(lines);
    }

    private static Line parse(String where, String text) {
        JsonNode json;
        try {
            json = JSON.readTree(text);
        } catch (JsonProcessingException e) {
            throw new LaunchException(where + " is no JSON object: " + e.getOriginalMessage(), e);
        }
        List<Long> blocks = new ArrayList<>();
        for (JsonNode id : json.path("hash_ids")) {
            if (!id.canConvertToLong()) {
                throw new LaunchException(where + ": hash_ids must be whole numbers");
            }
            blocks.add(id.longValue());
        }
        return new Line(
                number(where, json, "timestamp", 0, Long.MAX_VALUE),
                (int) number(where, json, "input_length", 1, Integer.MAX_VALUE),
                (int) number(where, json, "output_length", 1, Integer.MAX_VALUE),
                blocks);
    }

    private static long number(String where, JsonNode json, String name, long least, long most) {
        JsonNode value = json.path(name);
        if (!value.isIntegralNumber()
                || !value.canConvertToLong()
                || value.longValue() < least
                || value.longValue() > most) {
            throw new LaunchException(where + ": " + name + " must be a whole number from " + least
                    + (value.isMissingNode() ? ", and is missing" : ", not " + value));
        }
        return value.longValue();
    }
}
