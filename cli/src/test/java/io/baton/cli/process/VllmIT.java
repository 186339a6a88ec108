package io.baton.cli.process;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.baton.cli.launch.EngineSpec;
import io.baton.cli.launch.Fleet;
import io.baton.cli.launch.FleetSpec;
import io.baton.cli.launch.Role;
import io.baton.cli.launch.RunState;
import io.baton.testvllm.Behaviour;
import io.baton.testvllm.Fabric;
import io.baton.testvllm.TestVllm;
import io.baton.testvllm.ToyModel;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The three services as processes, beside two stand-ins for vLLM: what a client of the OpenAI API sees. */
@Tag("process")
class VllmIT {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Duration PATIENCE = Duration.ofMinutes(2);
    private static final Fabric FABRIC = new Fabric();
    private static final TestVllm PREFILL = new TestVllm(FABRIC, Behaviour.usual());
    private static final TestVllm DECODE = new TestVllm(FABRIC, Behaviour.usual());
    private static final HttpClient HTTP = HttpClient.newHttpClient();

    @SuppressWarnings("NullAway.Init")
    private static Fleet fleet;

    @BeforeAll
    static void start() {
        SharedFleet.close();
        EngineSpec vllm = new EngineSpec("vllm", null, "toy", "f16", true, EngineSpec.DEFAULT_CELLS, 0);
        FleetSpec spec = FleetSpec.builder(TestModel.root(), vllm)
                .runs(SharedFleet.runs())
                .readyTimeout(Duration.ofMinutes(3))
                .pin(false)
                .setting(Role.PREFILL, "baton.vllm.base-url", PREFILL.baseUrl())
                .setting(Role.DECODE, "baton.vllm.base-url", DECODE.baseUrl())
                .setting("baton.vllm.health-interval", "100ms")
                .build();
        fleet = Fleet.start(spec, line -> {});
    }

    @AfterAll
    static void end() {
        fleet.close();
        PREFILL.close();
        DECODE.close();
        HTTP.close();
    }

    @AfterEach
    void settle() {
        await("nothing runs at vLLM", () -> PREFILL.running() == 0 && DECODE.running() == 0);
        assertThat(PREFILL.violations()).isEmpty();
        assertThat(DECODE.violations()).isEmpty();
    }

    private static void await(String what, BooleanSupplier condition) {
        long end = System.nanoTime() + PATIENCE.toNanos();
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime()).as("waiting until " + what).isLessThan(end);
            LockSupport.parkNanos(10_000_000);
        }
    }

    private static HttpRequest post(String path, String body) {
        return HttpRequest.newBuilder(URI.create(fleet.httpUrl() + path))
                .header("Content-Type", "application/json")
                .POST(HttpRequest.BodyPublishers.ofString(body))
                .build();
    }

    private static HttpResponse<String> ask(String path, String body) throws IOException, InterruptedException {
        return HTTP.send(post(path, body), HttpResponse.BodyHandlers.ofString(UTF_8));
    }

    private static JsonNode json(HttpResponse<String> response) throws IOException {
        assertThat(response.statusCode()).as(response.body()).isEqualTo(200);
        return JSON.readTree(response.body());
    }

    private static int status(RunState.Service service, String path) {
        try {
            return HTTP.send(
                            HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + service.httpPort() + path))
                                    .build(),
                            HttpResponse.BodyHandlers.discarding())
                    .statusCode();
        } catch (IOException e) {
            throw new AssertionError(e);
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    private static String expected(String prompt, int maxTokens) {
        return ToyModel.expected(ToyModel.tokenize(prompt), ToyModel.Rules.of(maxTokens, 7, 1))
                .text();
    }

    @Test
    void shouldServe200ClientsAtOnce() throws Exception {
        // When
        List<CompletableFuture<HttpResponse<String>>> answers = new ArrayList<>();
        for (int i = 0; i < 200; i++) {
            answers.add(HTTP.sendAsync(
                    post(
                            "/v1/completions",
                            "{\"model\":\"toy\",\"prompt\":\"client " + i + "\",\"seed\":7,\"max_tokens\":"
                                    + (20 + i % 30) + "}"),
                    HttpResponse.BodyHandlers.ofString(UTF_8)));
        }

        // Then
        for (int i = 0; i < 200; i++) {
            JsonNode choice = json(answers.get(i).get()).path("choices").path(0);
            assertThat(choice.path("text").asText()).as("client %d", i).isEqualTo(expected("client " + i, 20 + i % 30));
        }
        assertThat(PREFILL.leases()).isZero();
    }

    @Test
    void shouldAnswerAConversationWithLogProbabilitiesAndUsage() throws Exception {
        // When
        JsonNode answer = json(ask("/v1/chat/completions", """
                {"model":"toy","messages":[{"role":"user","content":"Hello, you who count what is cached"}],
                 "seed":7,"max_tokens":12,"logprobs":true,"top_logprobs":2}"""));

        // Then
        String rendered = "<user>Hello, you who count what is cached\n<assistant>";
        JsonNode choice = answer.path("choices").path(0);
        assertThat(choice.path("message").path("content").asText()).isEqualTo(expected(rendered, 12));
        JsonNode content = choice.path("logprobs").path("content");
        assertThat(content.size())
                .isEqualTo(answer.path("usage").path("completion_tokens").asInt());
        assertThat(content.path(0).path("top_logprobs").size()).isEqualTo(2);
        assertThat(answer.path("usage").path("prompt_tokens").asInt()).isEqualTo(ToyModel.tokenize(rendered).length);
        assertThat(answer.path("usage").path("prompt_tokens_details").has("cached_tokens"))
                .isTrue();
    }

    @Test
    void shouldGiveEachChoiceASeedOfItsOwn() throws Exception {
        // When
        JsonNode answer = json(
                ask("/v1/completions", "{\"model\":\"toy\",\"prompt\":[5,6,7],\"n\":3,\"seed\":7,\"max_tokens\":20}"));

        // Then
        List<String> texts = new ArrayList<>();
        answer.path("choices").forEach(c -> texts.add(c.path("text").asText()));
        assertThat(texts).hasSize(3).doesNotHaveDuplicates();
        assertThat(texts.getFirst())
                .isEqualTo(ToyModel.expected(new int[] {5, 6, 7}, ToyModel.Rules.of(20, 7, 1))
                        .text());
    }

    @Test
    void shouldNeverLetAClientNameAKvCache() throws Exception {
        // Given
        int asked = PREFILL.completions().size() + DECODE.completions().size();

        // When
        HttpResponse<String> refused = ask("/v1/completions", """
                {"model":"toy","prompt":"mine","max_tokens":5,
                 "kv_transfer_params":{"do_remote_prefill":true,"remote_engine_id":"e","remote_block_ids":[[1]]}}""");

        // Then
        assertThat(refused.statusCode()).isEqualTo(400);
        assertThat(JSON.readTree(refused.body()).path("error").path("param").asText())
                .isEqualTo("kv_transfer_params");
        assertThat(PREFILL.completions().size() + DECODE.completions().size()).isEqualTo(asked);
    }

    @Test
    void shouldAbortAtVllmWhatAClientLeaves() throws Exception {
        // Given
        int before = DECODE.aborted();
        DECODE.behave(Behaviour.usual().taking(Duration.ZERO, Duration.ofMillis(20)));
        try {
            HttpResponse<InputStream> stream = HTTP.send(
                    post(
                            "/v1/completions",
                            "{\"model\":\"toy\",\"prompt\":\"leaves\",\"stream\":true,\"ignore_eos\":true,\"max_tokens\":3000}"),
                    HttpResponse.BodyHandlers.ofInputStream());
            assertThat(stream.body().readNBytes(100)).hasSize(100);

            // When
            stream.body().close();

            // Then
            await("decode aborts", () -> DECODE.aborted() == before + 1);
        } finally {
            DECODE.behave(Behaviour.usual());
        }
    }

    @Test
    void shouldPassVllmsMetricsOn() throws Exception {
        for (Role role : List.of(Role.PREFILL, Role.DECODE)) {
            RunState.Service worker = fleet.services(role).getFirst();
            HttpResponse<String> metrics = HTTP.send(
                    HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + worker.httpPort() + "/vllm/metrics"))
                            .build(),
                    HttpResponse.BodyHandlers.ofString(UTF_8));
            assertThat(metrics.statusCode()).isEqualTo(200);
            assertThat(metrics.body()).contains("vllm:num_requests_running");
            HttpResponse<String> own = HTTP.send(
                    HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + worker.httpPort() + "/q/metrics"))
                            .build(),
                    HttpResponse.BodyHandlers.ofString(UTF_8));
            assertThat(own.body()).contains("baton_vllm_up").contains("baton_open_legs");
        }
    }

    @Test
    void shouldBeAliveButNotReadyWhileVllmIsIll() throws Exception {
        RunState.Service decode = fleet.services(Role.DECODE).getFirst();
        try {
            // When
            DECODE.healthy(false);

            // Then
            await("decode is not ready", () -> status(decode, "/q/health/ready") == 503);
            assertThat(status(decode, "/q/health/live")).isEqualTo(200);
            await("the router is not ready", () -> status(fleet.router(), "/q/health/ready") == 503);
            assertThat(ask("/v1/completions", "{\"model\":\"toy\",\"prompt\":\"nobody\"}")
                            .statusCode())
                    .isEqualTo(503);
        } finally {
            DECODE.healthy(true);
        }
        await("the router is ready", () -> status(fleet.router(), "/q/health/ready") == 200);
        assertThat(ask("/v1/completions", "{\"model\":\"toy\",\"prompt\":\"again\"}")
                        .statusCode())
                .isEqualTo(200);
    }
}
