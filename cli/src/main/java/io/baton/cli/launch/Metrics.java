package io.baton.cli.launch;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The metrics of one process at one moment, as it writes them in Prometheus' text format.
 *
 * <p><em>Thread-safety:</em> immutable.
 *
 * @param samples all samples, in the order of the text
 */
public record Metrics(List<Sample> samples) {
    private static final Pattern LINE =
            Pattern.compile("([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\\{(.*)})?\\s+(\\S+)(?:\\s+-?\\d+)?");
    private static final Pattern LABEL = Pattern.compile("([a-zA-Z_][a-zA-Z0-9_]*)=\"((?:[^\"\\\\]|\\\\.)*)\"");

    /** Copies the list. */
    public Metrics {
        samples = List.copyOf(samples);
    }

    /**
     * One number.
     *
     * @param name the metric
     * @param labels its labels
     * @param value the number
     */
    public record Sample(String name, Map<String, String> labels, double value) {
        /** Copies the labels. */
        public Sample {
            labels = Map.copyOf(labels);
        }
    }

    /** Reads the text format. Lines that are no samples are left out. */
    public static Metrics parse(String text) {
        List<Sample> samples = new ArrayList<>();
        text.lines().filter(line -> !line.startsWith("#")).forEach(line -> {
            Matcher m = LINE.matcher(line.trim());
            if (m.matches()) {
                Map<String, String> labels = new LinkedHashMap<>();
                Matcher label = LABEL.matcher(m.group(2) == null ? "" : m.group(2));
                while (label.find()) {
                    labels.put(label.group(1), label.group(2).translateEscapes());
                }
                samples.add(new Sample(m.group(1), labels, number(m.group(3))));
            }
        });
        return new Metrics(samples);
    }

    /** Whether the metric is there at all. */
    public boolean has(String name) {
        return samples.stream().anyMatch(s -> s.name().equals(name));
    }

    /**
     * The metric, summed over its labels.
     *
     * @throws IllegalArgumentException if there is no such metric, so that a misspelt name is not read as zero
     */
    public double sum(String name) {
        return sum(name, Map.of());
    }

    /**
     * The metric, summed over the samples that have these labels.
     *
     * @throws IllegalArgumentException if there is no such metric
     */
    public double sum(String name, Map<String, String> labels) {
        if (!has(name)) {
            throw new IllegalArgumentException("no metric " + name + " among "
                    + samples.stream().map(Sample::name).distinct().sorted().toList());
        }
        return samples.stream()
                .filter(s -> s.name().equals(name) && s.labels().entrySet().containsAll(labels.entrySet()))
                .mapToDouble(Sample::value)
                .sum();
    }

    private static double number(String s) {
        return switch (s) {
            case "+Inf" -> Double.POSITIVE_INFINITY;
            case "-Inf" -> Double.NEGATIVE_INFINITY;
            default -> Double.parseDouble(s);
        };
    }
}
