package io.baton.router.discovery;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * What a resolv.conf says: where to ask, and how a short name becomes a complete one.
 *
 * @param servers addresses of DNS servers, as written
 * @param search domains that are appended to a short name, in this order
 * @param ndots a name with so many dots is tried as it is first
 */
record ResolvConf(List<String> servers, List<String> search, int ndots) {
    /** Where it lies on every Linux. */
    static final Path SYSTEM = Path.of("/etc/resolv.conf");

    private static final int MOST_NDOTS = 15;

    ResolvConf {
        servers = List.copyOf(servers);
        search = List.copyOf(search);
    }

    /** Reads a file; one that does not exist names nothing. */
    static ResolvConf read(Path file) {
        List<String> lines;
        try {
            lines = Files.readAllLines(file, StandardCharsets.ISO_8859_1);
        } catch (NoSuchFileException e) {
            lines = List.of();
        } catch (IOException e) {
            throw new IllegalStateException(
                    file + " cannot be read (" + e.getMessage()
                            + "); make it readable, or set baton.router.dns.servers",
                    e);
        }
        List<String> servers = new ArrayList<>();
        List<String> search = List.of();
        int ndots = 1;
        for (String line : lines) {
            List<String> words = List.of(line.replaceFirst("[#;].*", "").strip().split("\\s+"));
            List<String> values = words.subList(1, words.size());
            switch (words.getFirst()) {
                case "nameserver" -> servers.addAll(values);
                case "search", "domain" -> search = values;
                case "options" -> {
                    for (String option : values) {
                        if (option.matches("ndots:\\d{1,4}")) {
                            ndots = Math.min(MOST_NDOTS, Integer.parseInt(option.substring("ndots:".length())));
                        }
                    }
                }
                default -> {
                    // Lines of other meaning, and empty ones.
                }
            }
        }
        return new ResolvConf(servers, search, ndots);
    }

    /** The complete names that a name may stand for, in the order in which they are tried. */
    List<String> candidates(String name) {
        if (name.endsWith(".")) {
            return List.of(name);
        }
        List<String> all = new ArrayList<>();
        for (String domain : search) {
            String suffix = domain.endsWith(".") ? domain : domain + ".";
            all.add(suffix.equals(".") ? name + "." : name + "." + suffix);
        }
        boolean first = name.chars().filter(c -> c == '.').count() >= ndots;
        all.add(first ? 0 : all.size(), name + ".");
        return all.stream().distinct().toList();
    }
}
