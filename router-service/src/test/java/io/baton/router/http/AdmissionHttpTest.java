package io.baton.router.http;

import static io.baton.router.http.Http.COMPLETIONS;
import static io.baton.router.http.Http.json;
import static org.assertj.core.api.Assertions.assertThat;

import io.baton.router.fake.Await;
import io.baton.router.fake.FakePrefill;
import io.baton.router.fake.Fakes;
import io.baton.router.fake.WithApiKeys;
import io.baton.router.fake.WithLittleRoom;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import io.quarkus.test.junit.TestProfile;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

/** A fleet that takes one request at a time, and what becomes of the others. */
@QuarkusTest
@TestProfile(WithLittleRoom.class)
@QuarkusTestResource(Fakes.class)
class AdmissionHttpTest extends WithFakes {
    private HttpRequest request(String key, String prompt, String... headers) {
        HttpRequest.Builder builder = http.to(COMPLETIONS)
                .header("Authorization", "Bearer " + key)
                .POST(BodyPublishers.ofString("{\"max_tokens\":3,\"prompt\":\"" + prompt + "\"}"));
        for (int i = 0; i < headers.length; i += 2) {
            builder.header(headers[i], headers[i + 1]);
        }
        return builder.build();
    }

    private CompletableFuture<HttpResponse<String>> start(String prompt, String... headers) {
        return http.client.sendAsync(request(WithApiKeys.ACME, prompt, headers), BodyHandlers.ofString());
    }

    /** A request that never ends, so that the fleet has no room for another. */
    private CompletableFuture<HttpResponse<String>> busy() {
        prefill.script(new FakePrefill.Script().neverAccepting());
        CompletableFuture<HttpResponse<String>> stuck = start("stuck");
        Await.until(() -> "prefill " + prefill.open(), () -> prefill.open() == 1);
        prefill.script(new FakePrefill.Script());
        return stuck;
    }

    private void awaitQueued(int requests) {
        Await.until(
                () -> "queued " + http.metric("baton_router_queued_requests"),
                () -> http.metric("baton_router_queued_requests") == requests);
    }

    private double refused(String reason) {
        return http.get("/q/metrics")
                .body()
                .lines()
                .filter(l -> l.startsWith("baton_router_admission_refused_total{reason=\"" + reason + "\"}"))
                .mapToDouble(l -> Double.parseDouble(l.substring(l.lastIndexOf(' ') + 1)))
                .sum();
    }

    private static void assertRefused(HttpResponse<String> response, int status, String code) {
        assertThat(response.statusCode()).as(response.body()).isEqualTo(status);
        assertThat(json(response).at("/error/code").asText()).isEqualTo(code);
    }

    @Test
    void shouldLetRequestsWaitAndServeThemByClass() throws Exception {
        // Given
        CompletableFuture<HttpResponse<String>> stuck = busy();
        CompletableFuture<HttpResponse<String>> batch = start("batch", "baton-priority", "batch");
        awaitQueued(1);
        CompletableFuture<HttpResponse<String>> high = start("high", "baton-priority", "high");
        awaitQueued(2);
        assertThat(http.metric("baton_router_queued_tokens")).isPositive();
        // When
        stuck.cancel(true);
        // Then
        assertThat(high.get().statusCode()).isEqualTo(200);
        assertThat(batch.get().statusCode()).isEqualTo(200);
        assertThat(prefill.legs().stream()
                        .map(leg ->
                                leg.received().getFirst().getStart().getPrompt().getText())
                        .toList())
                .isEqualTo(List.of("stuck", "high", "batch"));
        awaitQueued(0);
        assertThat(http.metric("baton_router_admission_wait_seconds_count")).isGreaterThanOrEqualTo(3);
        assertThat(http.metric("baton_router_admission_wait_seconds_sum")).isPositive();
    }

    @Test
    void shouldForgetAWaitingRequestWhoseClientLeaves() {
        // Given
        CompletableFuture<HttpResponse<String>> stuck = busy();
        CompletableFuture<HttpResponse<String>> waits = start("waits");
        awaitQueued(1);
        // When
        waits.cancel(true);
        // Then
        awaitQueued(0);
        assertThat(prefill.legs()).hasSize(1);
        stuck.cancel(true);
    }

    @Test
    void shouldSayWhenThereIsNoPlaceAndWhenADeadlinePasses() throws Exception {
        // Given
        CompletableFuture<HttpResponse<String>> stuck = busy();
        double full = refused("queue_full");
        double late = refused("ttft_deadline");
        CompletableFuture<HttpResponse<String>> waits = start("waits", "baton-ttft-timeout", "1500ms");
        awaitQueued(1);
        CompletableFuture<HttpResponse<String>> second = start("second");
        CompletableFuture<HttpResponse<String>> third = start("third");
        awaitQueued(3);
        // When
        HttpResponse<String> tooMany = http.send(request(WithApiKeys.ACME, "fourth"));
        // Then
        assertRefused(tooMany, 429, "queue_full");
        assertThat(tooMany.headers().firstValue("Retry-After")).isPresent();
        assertThat(refused("queue_full")).isEqualTo(full + 1);
        // When its deadline passes
        assertRefused(waits.get(), 429, "ttft_deadline");
        assertThat(waits.get().headers().firstValue("Retry-After")).isPresent();
        assertThat(refused("ttft_deadline")).isEqualTo(late + 1);
        second.cancel(true);
        third.cancel(true);
        stuck.cancel(true);
    }

    @Test
    void shouldRefuseAtOnceWhatCannotBeInTime() {
        // A prompt takes ten milliseconds where nothing has been measured.
        HttpResponse<String> response = http.send(request(WithApiKeys.ACME, "x", "baton-ttft-timeout", "1ms"));
        assertRefused(response, 429, "ttft_deadline");
        assertThat(response.headers().firstValue("Retry-After")).contains("1");
        assertThat(prefill.legs()).isEmpty();
        assertThat(http.send(request(WithApiKeys.ACME, "x", "baton-ttft-timeout", "100s"))
                        .statusCode())
                .isEqualTo(200);
    }

    @Test
    void shouldKeepATenantToItsRateAndSayWhenItMayComeAgain() {
        // Given: one in ten seconds
        assertThat(http.send(request(WithApiKeys.OTHER, "x")).statusCode()).isEqualTo(200);
        // When
        HttpResponse<String> response = http.send(request(WithApiKeys.OTHER, "x"));
        // Then
        assertRefused(response, 429, "rate_limited");
        assertThat(response.headers().firstValue("Retry-After").map(Integer::parseInt))
                .hasValueSatisfying(s -> assertThat(s).isBetween(1, 10));
        assertThat(refused("request_rate")).isPositive();
        assertThat(http.send(request(WithApiKeys.ACME, "x")).statusCode()).isEqualTo(200);
    }

    @Test
    void shouldNameAHeaderThatIsWrong() {
        for (String[] header : new String[][] {{"baton-priority", "urgent"}, {"baton-ttft-timeout", "soon"}}) {
            HttpResponse<String> response = http.send(request(WithApiKeys.ACME, "x", header[0], header[1]));
            assertRefused(response, 400, "invalid_request");
            assertThat(json(response).at("/error/param").asText()).isEqualTo(header[0]);
        }
    }
}
