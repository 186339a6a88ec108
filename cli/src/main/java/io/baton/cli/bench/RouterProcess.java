package io.baton.cli.bench;

import io.baton.cli.launch.FleetCertificates;
import io.baton.cli.launch.LaunchException;
import io.baton.cli.launch.Role;
import io.baton.inference.v1.InferenceServiceGrpc;
import io.baton.inference.v1.ListModelsRequest;
import io.baton.inference.v1.Model;
import io.baton.tls.ServiceRole;
import io.grpc.ManagedChannel;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.NettyChannelBuilder;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * A router in a process of its own, before a fleet.
 *
 * <p><em>Thread-safety:</em> thread-safe.
 */
final class RouterProcess implements AutoCloseable {
    /** Linux counts CPU time for /proc in hundredths of a second, on every machine. */
    private static final double TICKS_PER_SECOND = 100;

    private static final int USER_TIME = 11;
    private static final int TAIL_LINES = 15;
    private static final Duration READY = Duration.ofSeconds(90);
    private static final Duration POLL = Duration.ofMillis(100);
    private static final Duration GRACE = Duration.ofSeconds(20);

    private final Process process;
    private final Path log;
    private final int http;
    private final int grpc;

    private RouterProcess(Process process, Path log, int http, int grpc) {
        this.process = process;
        this.log = log;
        this.http = http;
        this.grpc = grpc;
    }

    /**
     * Starts a router and waits until it knows the whole fleet.
     *
     * @param root the project's root
     * @param executable whether the native executable is started
     * @param core the core that it gets; negative for all
     * @param settings further settings, by name
     * @param prefill addresses of the prefill workers
     * @param decode addresses of the decode workers
     * @param certificates where {@link BenchCertificates} are, for mutual TLS with the workers; null for plaintext
     */
    static RouterProcess start(
            Path root,
            boolean executable,
            int core,
            Map<String, String> settings,
            List<String> prefill,
            List<String> decode,
            @Nullable Path certificates) {
        List<String> command = new ArrayList<>();
        if (core >= 0) {
            command.addAll(List.of("taskset", "-c", Integer.toString(core)));
        }
        if (executable) {
            command.add(Role.ROUTER.program(root, true).toString());
        } else {
            command.addAll(List.of(
                    Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                    "-XX:+UseSerialGC",
                    "-Xms64m",
                    "--enable-native-access=ALL-UNNAMED",
                    "--sun-misc-unsafe-memory-access=allow"));
        }
        command.addAll(List.of("-Xmx512m", "-XX:+ExitOnOutOfMemoryError"));
        try {
            int http = freePort();
            int grpc = freePort();
            command.addAll(List.of(
                    "-Dquarkus.http.host=127.0.0.1",
                    "-Dquarkus.http.port=" + http,
                    "-Dquarkus.grpc.server.host=127.0.0.1",
                    "-Dquarkus.grpc.server.port=" + grpc,
                    // On few cores the simulated workers may stand still for a while, which is not what is measured.
                    "-Dbaton.router.workers.watch-timeout=30s",
                    "-Dbaton.router.workers.lost-timeout=30s",
                    // Simulated decode workers compute no prompts.
                    "-Dbaton.router.schedule.disaggregation=always",
                    "-Dbaton.router.prefill-workers=" + String.join(",", prefill),
                    "-Dbaton.router.decode-workers=" + String.join(",", decode)));
            Map<String, String> tls = certificates == null
                    ? Map.of("baton.tls.mode", "plaintext")
                    : FleetCertificates.settings(certificates, ServiceRole.ROUTER.label());
            tls.forEach((name, value) -> command.add("-D" + name + "=" + value));
            if (core >= 0) {
                // As many as cores; Quarkus would take two, which hand everything to each other.
                command.add("-Dquarkus.vertx.event-loops-pool-size=1");
            }
            settings.forEach((name, value) -> command.add("-D" + name + "=" + value));
            if (!executable) {
                command.addAll(List.of("-jar", Role.ROUTER.program(root, false).toString()));
            }
            Path log = Files.createTempFile("baton-bench-router", ".log");
            Process process = new ProcessBuilder(command)
                    .redirectErrorStream(true)
                    .redirectOutput(log.toFile())
                    .start();
            RouterProcess router = new RouterProcess(process, log, http, grpc);
            try {
                router.awaitFleet(prefill.size(), decode.size());
                return router;
            } catch (RuntimeException e) {
                router.close();
                throw e;
            }
        } catch (IOException e) {
            throw new LaunchException("the router cannot be started: " + e.getMessage(), e);
        }
    }

    private static int freePort() throws IOException {
        try (ServerSocket socket = new ServerSocket()) {
            socket.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
            return socket.getLocalPort();
        }
    }

    private void awaitFleet(int prefill, int decode) {
        ManagedChannel channel =
                NettyChannelBuilder.forTarget(grpcAddress()).usePlaintext().build();
        try {
            long deadline = System.nanoTime() + READY.toNanos();
            while (!knows(channel, prefill, decode)) {
                if (!process.isAlive() || System.nanoTime() > deadline) {
                    List<String> lines = Files.readAllLines(log);
                    throw new LaunchException("the router does not come up; its log ends with\n"
                            + String.join("\n", lines.subList(Math.max(0, lines.size() - TAIL_LINES), lines.size()))
                                    .indent(4)
                                    .stripTrailing());
                }
                LockSupport.parkNanos(POLL.toNanos());
            }
        } catch (IOException e) {
            throw new LaunchException("the log of the router cannot be read: " + e.getMessage(), e);
        } finally {
            channel.shutdownNow();
        }
    }

    private static boolean knows(ManagedChannel channel, int prefill, int decode) {
        try {
            return InferenceServiceGrpc.newBlockingStub(channel)
                    .withDeadlineAfter(2, TimeUnit.SECONDS)
                    .listModels(ListModelsRequest.getDefaultInstance())
                    .getModelsList()
                    .stream()
                    .anyMatch((Model m) -> m.getPrefillWorkers() == prefill && m.getDecodeWorkers() == decode);
        } catch (StatusRuntimeException e) {
            return false; // It does not listen yet; whether it lives the caller asks.
        }
    }

    String grpcAddress() {
        return "127.0.0.1:" + grpc;
    }

    String httpAddress() {
        return "http://127.0.0.1:" + http;
    }

    /** CPU seconds of the process so far, user and kernel together. */
    double cpuSeconds() {
        // The second field, the command in parentheses, may hold spaces; fields are counted from behind it.
        String stat = read("stat");
        String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1);
        return (Long.parseLong(fields[USER_TIME]) + Long.parseLong(fields[USER_TIME + 1])) / TICKS_PER_SECOND;
    }

    /** Memory of the process that lies in RAM, in bytes. */
    long residentBytes() {
        return read("status")
                .lines()
                .filter(line -> line.startsWith("VmRSS:"))
                .mapToLong(line -> 1024 * Long.parseLong(line.replaceAll("\\D", "")))
                .findFirst()
                .orElse(0);
    }

    private String read(String file) {
        try {
            return Files.readString(Path.of("/proc", Long.toString(process.pid()), file));
        } catch (IOException e) {
            throw new LaunchException("the router has ended; its log is " + log, e);
        }
    }

    @Override
    public void close() {
        process.destroy();
        try {
            if (!process.waitFor(GRACE.toSeconds(), TimeUnit.SECONDS)) {
                process.destroyForcibly();
            }
            Files.deleteIfExists(log);
        } catch (InterruptedException e) {
            process.destroyForcibly();
            Thread.currentThread().interrupt();
        } catch (IOException e) {
            throw new LaunchException(log + " cannot be removed: " + e.getMessage(), e);
        }
    }
}
