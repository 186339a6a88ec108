package io.baton.cli.k8s;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** The settings of the services, from the page that another test holds to the code. */
final class Settings {
    private static final Pattern ROW = Pattern.compile("\\| `(baton\\.[a-z.-]+)` \\|.*");

    private static final Pattern METRIC = Pattern.compile("`((?:vllm:|baton_)[a-z_]+)[`{]");
    private static final Path PAGE = Kustomize.root().resolve("docs/operations.md");

    private Settings() {}

    /** The name of every metric, from the same page. */
    static Set<String> metrics() {
        try {
            return METRIC.matcher(Files.readString(PAGE))
                    .results()
                    .map(m -> m.group(1))
                    .collect(Collectors.toCollection(TreeSet::new));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The environment variable of every setting. */
    static Set<String> variables() {
        Set<String> variables = new TreeSet<>();
        try {
            for (String line : Files.readAllLines(PAGE)) {
                Matcher row = ROW.matcher(line);
                if (row.matches()) {
                    variables.add(row.group(1).toUpperCase(Locale.ROOT).replaceAll("[.-]", "_"));
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return variables;
    }

    /** A duration as settings write it. */
    static Duration duration(String text) {
        Matcher m = Pattern.compile("(\\d+)(ms|s|m|h)").matcher(text);
        if (!m.matches()) {
            throw new IllegalArgumentException("'" + text + "' is no duration");
        }
        long value = Long.parseLong(m.group(1));
        return switch (m.group(2)) {
            case "ms" -> Duration.ofMillis(value);
            case "s" -> Duration.ofSeconds(value);
            case "m" -> Duration.ofMinutes(value);
            default -> Duration.ofHours(value);
        };
    }
}
