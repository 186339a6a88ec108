package io.baton.cli.launch;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.Optional;

/**
 * Asks a service over HTTP how it is.
 *
 * <p><em>Thread-safety:</em> thread-safe.
 */
public final class Probe implements AutoCloseable {
    private static final Duration TIMEOUT = Duration.ofSeconds(5);
    private static final int OK = 200;

    private final HttpClient http = HttpClient.newBuilder()
            .connectTimeout(TIMEOUT)
            .version(HttpClient.Version.HTTP_1_1)
            .build();

    /** Whether the service says that it is ready. A service that does not answer is not. */
    public boolean ready(RunState.Service service) {
        return get(service, "/q/health/ready").filter(r -> r.statusCode() == OK).isPresent();
    }

    /** What the service answered to the question for readiness: a JSON object with its checks. */
    public Optional<String> health(RunState.Service service) {
        return get(service, "/q/health/ready").map(HttpResponse::body);
    }

    /**
     * The service's metrics now.
     *
     * @throws LaunchException if it does not answer
     */
    public Metrics metrics(RunState.Service service) {
        return get(service, "/q/metrics")
                .filter(r -> r.statusCode() == OK)
                .map(r -> Metrics.parse(r.body()))
                .orElseThrow(() -> new LaunchException(service.name() + " does not answer at http://" + service.host()
                        + ":" + service.httpPort() + "/q/metrics; its log is " + service.log()));
    }

    @Override
    public void close() {
        http.close();
    }

    private Optional<HttpResponse<String>> get(RunState.Service service, String path) {
        HttpRequest request = HttpRequest.newBuilder(
                        URI.create("http://" + service.host() + ":" + service.httpPort() + path))
                .timeout(TIMEOUT)
                .build();
        try {
            return Optional.of(http.send(request, HttpResponse.BodyHandlers.ofString()));
        } catch (IOException e) {
            return Optional.empty();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return Optional.empty();
        }
    }
}
