package io.baton.cli.process;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.baton.cli.launch.EngineSpec;
import io.baton.cli.launch.Fleet;
import io.baton.cli.launch.Role;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.inference.v1.GenerateResponse;
import io.baton.inference.v1.InferenceServiceGrpc;
import io.grpc.Context;
import io.grpc.Metadata;
import io.grpc.stub.MetadataUtils;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.function.DoublePredicate;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** A fleet that computes one prompt at a time, each for half a second or more, and tenants that want more, over both APIs. */
@Tag("process")
class AdmissionIT {
    private static final int PROMPT = 256;
    private static final String FLOOD = "sk-flood-0123456789abcdef";
    private static final String LIGHT = "sk-light-0123456789abcdef";
    private static final String SLOW = "sk-slow-0123456789abcdef";

    private final Fleet fleet;
    private final Client client;
    private final HttpClient http = HttpClient.newHttpClient();

    AdmissionIT() throws IOException {
        Path keys = SharedFleet.runs().resolve("api-keys-of-three-tenants");
        Files.createDirectories(SharedFleet.runs());
        Files.writeString(keys, "flood: " + FLOOD + "\nlight: " + LIGHT + "\nslow: " + SLOW + "\n");
        fleet = SharedFleet.of(SharedFleet.spec(EngineSpec.simulated())
                .setting("baton.engine.simulated.prefill-per-token-micros", "2000")
                .setting("baton.engine.simulated.step-base-micros", "1000")
                .setting("baton.engine.simulated.step-per-sequence-micros", "0")
                .setting(Role.ROUTER, "baton.router.api-keys", keys.toString())
                .setting(Role.ROUTER, "baton.router.schedule.disaggregation", "always")
                .setting(Role.ROUTER, "baton.router.admission.prompts-per-worker", "1")
                .setting(Role.ROUTER, "baton.router.admission.max-backlog", "0s")
                .setting(Role.ROUTER, "baton.router.admission.quantum", "300")
                .setting(Role.ROUTER, "baton.router.admission.tenants.slow.requests-per-second", "0.01")
                .build());
        client = new Client(fleet.grpcAddress());
        // Of a worker that has measured nothing yet nobody knows for how long it is busy.
        for (int i = 0; i < 3; i++) {
            overGrpc("first", FLOOD, Prompts.random(690 + i, (i + 1) * 64)).join();
        }
        Counters.awaitNothingHeld(fleet);
    }

    @AfterEach
    void close() {
        Counters.awaitNothingHeld(fleet);
        client.close();
        http.close();
    }

    private void awaitQueued(int requests) {
        awaitQueued(q -> q == requests, Integer.toString(requests));
    }

    private void awaitQueued(DoublePredicate wanted, String said) {
        Await.untilEmpty(() -> {
            double queued = fleet.services(Role.ROUTER).stream()
                    .mapToDouble(s -> fleet.metrics(s).sum("baton_router_queued_requests"))
                    .sum();
            return wanted.test(queued) ? "" : queued + " requests wait, not " + said;
        });
    }

    /** A call over gRPC; its end says who it was, or is its error. */
    private CompletableFuture<String> overGrpc(String name, String key, int seed, String... headers) {
        return overGrpc(name, key, Prompts.random(seed, PROMPT), headers);
    }

    private CompletableFuture<String> overGrpc(String name, String key, List<Integer> prompt, String... headers) {
        Metadata metadata = new Metadata();
        metadata.put(Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER), "Bearer " + key);
        for (int i = 0; i < headers.length; i += 2) {
            metadata.put(Metadata.Key.of(headers[i], Metadata.ASCII_STRING_MARSHALLER), headers[i + 1]);
        }
        CompletableFuture<String> end = new CompletableFuture<>();
        Context.ROOT.run(() -> InferenceServiceGrpc.newStub(client.channel())
                .withInterceptors(MetadataUtils.newAttachHeadersInterceptor(metadata))
                .withDeadlineAfter(Await.LONG.toSeconds(), TimeUnit.SECONDS)
                .generate(Client.endless(prompt, 2), new StreamObserver<>() {
                    @Override
                    public void onNext(GenerateResponse event) {
                        // Only the end matters here.
                    }

                    @Override
                    public void onError(Throwable t) {
                        end.completeExceptionally(t);
                    }

                    @Override
                    public void onCompleted() {
                        end.complete(name);
                    }
                }));
        return end;
    }

    private CompletableFuture<HttpResponse<String>> overHttp(String key, int seed, String... headers) {
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(fleet.httpUrl() + "/v1/completions"))
                .header("Content-Type", "application/json")
                .header("Authorization", "Bearer " + key)
                .timeout(Await.LONG)
                .POST(BodyPublishers.ofString(
                        "{\"ignore_eos\":true,\"max_tokens\":2,\"prompt\":" + Prompts.random(seed, PROMPT) + "}"));
        for (int i = 0; i < headers.length; i += 2) {
            request.header(headers[i], headers[i + 1]);
        }
        return http.sendAsync(request.build(), BodyHandlers.ofString());
    }

    private static String code(HttpResponse<String> response) throws IOException {
        return new ObjectMapper().readTree(response.body()).at("/error/code").asText();
    }

    @Test
    void shouldServeTheLightTenantAndEarlierClassesBeforeTheRestOfAFlood() throws Exception {
        // Given
        List<String> order = new CopyOnWriteArrayList<>();
        List<CompletableFuture<?>> all = new ArrayList<>();
        for (int i = 0; i < 10; i++) {
            all.add(overGrpc("flood", FLOOD, 700 + i).thenAccept(order::add));
        }
        // Not all of the nine: on a slow machine some are served before it is looked.
        awaitQueued(q -> q >= 6, "at least 6");
        // When
        all.add(overGrpc("batch", LIGHT, 720, "baton-priority", "batch").thenAccept(order::add));
        all.add(overHttp(LIGHT, 721).thenAccept(r -> order.add("light " + r.statusCode())));
        all.add(overHttp(FLOOD, 722, "baton-priority", "high").thenAccept(r -> order.add("high " + r.statusCode())));
        CompletableFuture.allOf(all.toArray(CompletableFuture[]::new)).join();
        // Then: the last ones of the flood waited for everybody but batch
        assertThat(order).hasSize(13).contains("light 200", "high 200");
        assertThat(order.indexOf("light 200")).isLessThan(order.size() - 4);
        assertThat(order.indexOf("high 200")).isLessThan(order.size() - 4);
        assertThat(order.getLast()).isEqualTo("batch");
    }

    @Test
    void shouldForgetRequestsWhoseClientsLeaveWhileTheyWait() throws Exception {
        // Given
        CompletableFuture<String> first = overGrpc("first", FLOOD, Prompts.random(740, 8 * PROMPT));
        List<CompletableFuture<HttpResponse<String>>> waiting = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            waiting.add(overHttp(FLOOD, 741 + i));
        }
        awaitQueued(4);
        // When
        waiting.forEach(f -> f.cancel(true));
        // Then
        awaitQueued(0);
        assertThat(first.join()).isEqualTo("first");
    }

    @Test
    void shouldRefuseEarlyAndSayWhenToComeAgain() throws Exception {
        // Given: a tenant that may send one request in a hundred seconds, ten seconds' worth at once, and so one
        overGrpc("slow", SLOW, 760).handle((_, _) -> "").join();
        // When / Then: over HTTP
        HttpResponse<String> response = overHttp(SLOW, 761).join();
        assertThat(response.statusCode()).as(response.body()).isEqualTo(429);
        assertThat(code(response)).isEqualTo("rate_limited");
        assertThat(response.headers().firstValueAsLong("Retry-After").orElse(0)).isBetween(1L, 100L);
        // When / Then: over gRPC
        assertTooFast(overGrpc("slow", SLOW, 762).handle((_, e) -> e).join());
        // When / Then: a prompt takes half a second; one that must be there in a millisecond is not begun
        HttpResponse<String> late =
                overHttp(LIGHT, 763, "baton-ttft-timeout", "1ms").join();
        assertThat(late.statusCode()).as(late.body()).isEqualTo(429);
        assertThat(code(late)).isEqualTo("ttft_deadline");
    }

    private static void assertTooFast(@Nullable Throwable error) {
        assertThat(error).isNotNull();
        BatonException refused = BatonException.from(error);
        assertThat(refused.code()).isEqualTo(ErrorCode.RATE_LIMITED);
        Metadata trailers = io.grpc.Status.trailersFromThrowable(error);
        String after = trailers == null ? null : trailers.get(BatonException.RETRY_AFTER);
        assertThat(after).isNotNull();
        assertThat(Integer.parseInt(after)).isBetween(1, 100);
    }
}
