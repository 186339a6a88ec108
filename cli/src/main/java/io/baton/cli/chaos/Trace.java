package io.baton.cli.chaos;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.baton.cli.launch.LaunchException;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeFormatterBuilder;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Arrivals and lengths of real requests: JSON lines as Mooncake publishes them, each with {@code timestamp} in milliseconds,
 * never falling, {@code input_length} and {@code output_length} in tokens, and {@code hash_ids}, which name the prompt's
 * blocks of 512 tokens: equal names, equal prefix. Other fields are ignored. Or CSV as Azure publishes them, with the header
 * {@code TIMESTAMP,ContextTokens,GeneratedTokens}, times such as {@code 2023-11-16 18:15:46.6805900} in one zone, and no word
 * of prefixes.
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

    private static final String CSV_HEADER = "TIMESTAMP,ContextTokens,GeneratedTokens";
    private static final DateTimeFormatter CSV_TIME = new DateTimeFormatterBuilder()
            .append(DateTimeFormatter.ISO_LOCAL_DATE)
            .appendLiteral(' ')
            .append(DateTimeFormatter.ISO_LOCAL_TIME)
            .toFormatter(Locale.ROOT);

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
            boolean csv = false;
            for (String text = reader.readLine(); text != null && lines.size() < MAX_LINES; text = reader.readLine()) {
                number++;
                if (number == 1 && text.equals(CSV_HEADER)) {
                    csv = true;
                } else if (!text.isBlank()) {
                    String where = file + ", line " + number;
                    Line line = csv ? row(where, text) : parse(where, text);
                    if (!lines.isEmpty() && line.millis() < lines.getLast().millis()) {
                        throw new LaunchException(where + ": timestamp falls; sort the trace by it");
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

    private static Line row(String where, String text) {
        String[] fields = text.split(",", -1);
        try {
            if (fields.length == 3) {
                long millis = LocalDateTime.parse(fields[0], CSV_TIME)
                        .toInstant(ZoneOffset.UTC)
                        .toEpochMilli();
                int input = Integer.parseInt(fields[1]);
                int output = Integer.parseInt(fields[2]);
                if (input > 0 && output > 0) {
                    return new Line(millis, input, output, List.of());
                }
            }
        } catch (DateTimeParseException | NumberFormatException e) {
            throw new LaunchException(where + " is no request: " + e.getMessage(), e);
        }
        throw new LaunchException(where + " is no request: a time and two numbers from 1, not " + text);
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
