package io.baton.cli.process;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;

/** A dnsmasq on loopback whose records a test changes. It answers for the domain test, and refuses everything else. */
final class Dnsmasq implements AutoCloseable {
    private final Path hosts;
    private final Path log;
    private final int port;
    private final Process process;
    private final Map<String, TreeSet<String>> records = new TreeMap<>();

    /** Starts it; a test is skipped where there is none. */
    Dnsmasq(Path directory, int port) throws IOException {
        Path program = Stream.concat(
                        Stream.of(System.getenv().getOrDefault("PATH", "").split(":", -1)),
                        // Not on every user's path.
                        Stream.of("/usr/sbin"))
                .map(d -> Path.of(d, "dnsmasq"))
                .filter(Files::isExecutable)
                .findFirst()
                .orElse(null);
        assumeTrue(program != null, "dnsmasq is not installed, so discovery by DNS is not tried with real processes");
        this.port = port;
        this.hosts = Files.writeString(directory.resolve("hosts"), "");
        this.log = directory.resolve("dnsmasq.log");
        this.process = new ProcessBuilder(List.of(
                        String.valueOf(program),
                        "--keep-in-foreground",
                        "--port=" + port,
                        "--listen-address=127.0.0.1",
                        "--bind-interfaces",
                        "--no-resolv",
                        "--no-hosts",
                        "--addn-hosts=" + hosts,
                        "--local=/test/",
                        "--conf-file=/dev/null",
                        "--pid-file=",
                        // It would become another user, who cannot read the test's directory.
                        "--user=" + System.getProperty("user.name"),
                        "--log-facility=-"))
                .redirectErrorStream(true)
                .redirectOutput(log.toFile())
                .start();
        awaitReads(1);
    }

    String address() {
        return "127.0.0.1:" + port;
    }

    /** The name has this address too, from now on. */
    void add(String name, String address) throws IOException {
        records.computeIfAbsent(name, _ -> new TreeSet<>()).add(address);
        publish();
    }

    /** The name no longer has this address. */
    void remove(String name, String address) throws IOException {
        records.getOrDefault(name, new TreeSet<>()).remove(address);
        publish();
    }

    private void publish() throws IOException {
        StringBuilder lines = new StringBuilder();
        records.forEach((name, addresses) ->
                addresses.forEach(a -> lines.append(a).append(' ').append(name).append('\n')));
        long before = reads();
        Files.writeString(hosts, lines);
        try {
            new ProcessBuilder("kill", "-HUP", Long.toString(process.pid()))
                    .start()
                    .waitFor();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError(e);
        }
        awaitReads(before + 1);
    }

    private long reads() {
        try (Stream<String> lines = Files.lines(log)) {
            return lines.filter(line -> line.contains("read " + hosts)).count();
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    private void awaitReads(long count) {
        Await.untilEmpty(
                () -> reads() >= count ? "" : "dnsmasq has read its records " + reads() + " times, not " + count);
    }

    @Override
    public void close() {
        process.destroy();
    }
}
