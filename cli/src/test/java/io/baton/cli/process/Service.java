package io.baton.cli.process;

import io.baton.cli.launch.Metrics;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** A service as a process with an address of its own, configured by environment variables as a container is. */
final class Service implements AutoCloseable {
    private static final HttpClient HTTP = HttpClient.newHttpClient();

    private final String name;
    private final String host;
    private final int httpPort;
    private final int grpcPort;
    private final Path log;
    private final Process process;

    Service(Path directory, String role, String host, int httpPort, int grpcPort, Map<String, String> environment)
            throws IOException {
        this.name = role + "-" + host;
        this.host = host;
        this.httpPort = httpPort;
        this.grpcPort = grpcPort;
        this.log = directory.resolve(name + ".log");
        ProcessBuilder builder = new ProcessBuilder(List.of(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-XX:+UseSerialGC",
                        "-XX:TieredStopAtLevel=1",
                        "-Xmx192m",
                        "--enable-native-access=ALL-UNNAMED",
                        "--sun-misc-unsafe-memory-access=allow",
                        "-jar",
                        TestModel.root()
                                .resolve(role + "-service/target/quarkus-app/quarkus-run.jar")
                                .toString()))
                .directory(directory.toFile())
                .redirectErrorStream(true)
                .redirectOutput(log.toFile());
        builder.environment().putAll(environment);
        builder.environment()
                .putAll(Map.of(
                        "QUARKUS_HTTP_HOST",
                        host,
                        "QUARKUS_HTTP_PORT",
                        Integer.toString(httpPort),
                        "QUARKUS_GRPC_SERVER_HOST",
                        host,
                        "QUARKUS_GRPC_SERVER_PORT",
                        Integer.toString(grpcPort)));
        this.process = builder.start();
    }

    String host() {
        return host;
    }

    String grpcAddress() {
        return host + ":" + grpcPort;
    }

    private HttpResponse<String> get(String path) throws IOException {
        try {
            return HTTP.send(
                    HttpRequest.newBuilder(URI.create("http://" + host + ":" + httpPort + path))
                            .timeout(Duration.ofSeconds(20))
                            .build(),
                    HttpResponse.BodyHandlers.ofString());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError(e);
        }
    }

    void awaitReady() {
        Await.untilEmpty(() -> {
            try {
                HttpResponse<String> answer = get("/q/health/ready");
                return answer.statusCode() == 200 ? "" : name + " says " + answer.body();
            } catch (IOException e) {
                return process.isAlive() ? name + " does not answer: " + e : name + " has ended:\n" + log();
            }
        });
    }

    double metric(String metric, Map<String, String> labels) {
        try {
            return Metrics.parse(get("/q/metrics").body()).sum(metric, labels);
        } catch (IOException e) {
            throw new AssertionError(name + " does not answer", e);
        }
    }

    Metrics metrics() {
        try {
            return Metrics.parse(get("/q/metrics").body());
        } catch (IOException e) {
            throw new AssertionError(name + " does not answer", e);
        }
    }

    /** What Kubernetes sends a container that is to end. */
    void terminate() {
        process.destroy();
    }

    boolean isAlive() {
        return process.isAlive();
    }

    void awaitEnd() {
        try {
            if (!process.waitFor(Await.LONG.toSeconds(), TimeUnit.SECONDS)) {
                throw new AssertionError(name + " does not end:\n" + log());
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError(e);
        }
    }

    String log() {
        try {
            return Files.readString(log);
        } catch (IOException e) {
            return "its log cannot be read: " + e.getMessage();
        }
    }

    @Override
    public void close() {
        process.destroyForcibly();
    }
}
