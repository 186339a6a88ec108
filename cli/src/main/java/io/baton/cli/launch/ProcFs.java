package io.baton.cli.launch;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * What Linux tells about processes under /proc. A process may end at any moment, so every answer can be empty.
 *
 * <p><em>Thread-safety:</em> stateless.
 */
final class ProcFs {
    private static final Path PROC = Path.of("/proc");
    /** State column of /proc/net/tcp for a listening socket. */
    private static final String LISTEN = "0A";

    private ProcFs() {}

    /** When the process started, in clock ticks since boot; with the pid it names one process for ever. */
    static OptionalLong startTicks(long pid) {
        Optional<String> stat = read(PROC.resolve(pid + "/stat"));
        if (stat.isEmpty()) {
            return OptionalLong.empty();
        }
        // The second field, the command in parentheses, may itself hold spaces; field 22 is counted from behind it.
        String[] fields =
                stat.get().substring(stat.get().lastIndexOf(')') + 1).trim().split(" ", -1);
        boolean ended = fields[0].equals("Z") || fields[0].equals("X");
        return ended ? OptionalLong.empty() : OptionalLong.of(Long.parseLong(fields[19]));
    }

    /** The arguments of a process; empty if it has ended or belongs to somebody else. */
    static List<String> arguments(long pid) {
        return read(PROC.resolve(pid + "/cmdline"))
                .map(s -> List.of(s.split("\0", -1)))
                .orElse(List.of());
    }

    /** Memory of a process that lies in RAM, in bytes. */
    static OptionalLong residentBytes(long pid) {
        return read(PROC.resolve(pid + "/status")).stream()
                .flatMap(String::lines)
                .filter(line -> line.startsWith("VmRSS:"))
                .mapToLong(line -> 1024 * Long.parseLong(line.replaceAll("\\D", "")))
                .findFirst();
    }

    /** The processes that carry this argument. */
    static List<Long> withArgument(String argument) {
        return all().stream().filter(pid -> arguments(pid).contains(argument)).toList();
    }

    /** The cores this process may run on, ascending. */
    static List<Integer> allowedCores() {
        return read(PROC.resolve("self/status")).stream()
                .flatMap(String::lines)
                .filter(line -> line.startsWith("Cpus_allowed_list:"))
                .findFirst()
                .map(line -> parseCores(line.substring(line.indexOf(':') + 1)))
                .orElseThrow(() -> new LaunchException("/proc/self/status does not say which cores may be used"));
    }

    /** A list of cores as the kernel writes it, such as {@code 0-2,5}. */
    static List<Integer> parseCores(String list) {
        List<Integer> cores = new ArrayList<>();
        for (String part : list.trim().split(",", -1)) {
            int dash = part.indexOf('-');
            int first = Integer.parseInt(dash < 0 ? part : part.substring(0, dash));
            int last = Integer.parseInt(dash < 0 ? part : part.substring(dash + 1));
            for (int core = first; core <= last; core++) {
                cores.add(core);
            }
        }
        return cores;
    }

    /** The cores that share one physical core with this one, itself included. */
    static List<Integer> siblings(int core) {
        return read(Path.of("/sys/devices/system/cpu/cpu" + core + "/topology/thread_siblings_list"))
                .map(ProcFs::parseCores)
                .orElse(List.of(core));
    }

    /** The process that listens on a TCP port, if it can be seen from here. */
    static OptionalLong listener(int port) {
        List<String> sockets = new ArrayList<>();
        String wanted = String.format(Locale.ROOT, ":%04X", port);
        for (String table : List.of("net/tcp", "net/tcp6")) {
            read(PROC.resolve(table)).stream().flatMap(String::lines).skip(1).forEach(line -> {
                String[] f = line.trim().split("\\s+", -1);
                if (f.length > 9 && f[1].endsWith(wanted) && f[3].equals(LISTEN)) {
                    sockets.add("socket:[" + f[9] + "]");
                }
            });
        }
        return sockets.isEmpty()
                ? OptionalLong.empty()
                : all().stream()
                        .filter(pid -> holdsAny(pid, sockets))
                        .mapToLong(Long::longValue)
                        .findFirst();
    }

    private static boolean holdsAny(long pid, List<String> sockets) {
        try (DirectoryStream<Path> fds = Files.newDirectoryStream(PROC.resolve(pid + "/fd"))) {
            for (Path fd : fds) {
                if (Files.isSymbolicLink(fd)
                        && sockets.contains(Files.readSymbolicLink(fd).toString())) {
                    return true;
                }
            }
            return false;
        } catch (IOException | UncheckedIOException | java.nio.file.DirectoryIteratorException e) {
            // Ended, or somebody else's: then it cannot be named.
            return false;
        }
    }

    /** All processes that can be seen. */
    static List<Long> all() {
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(PROC, "[0-9]*")) {
            List<Long> pids = new ArrayList<>();
            entries.forEach(p -> pids.add(Long.parseLong(String.valueOf(p.getFileName()))));
            return pids;
        } catch (IOException e) {
            throw new LaunchException("/proc cannot be read; this launcher needs Linux", e);
        }
    }

    private static Optional<String> read(Path file) {
        try {
            return Optional.of(Files.readString(file, StandardCharsets.ISO_8859_1));
        } catch (IOException e) {
            return Optional.empty();
        }
    }
}
