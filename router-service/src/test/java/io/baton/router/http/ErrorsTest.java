package io.baton.router.http;

import static io.baton.router.http.Http.CHAT;
import static io.baton.router.http.Http.COMPLETIONS;
import static io.baton.router.http.Http.json;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.router.fake.Await;
import io.baton.router.fake.FakePrefill;
import io.baton.router.fake.Fakes;
import io.baton.worker.v1.WorkerState;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.Socket;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

@QuarkusTest
@QuarkusTestResource(Fakes.class)
class ErrorsTest extends WithFakes {
    private static void assertError(HttpResponse<String> response, int status, String code, String param) {
        assertThat(response.statusCode()).as(response.body()).isEqualTo(status);
        assertThat(response.headers().firstValue("Content-Type")).contains("application/json");
        assertThat(response.headers().firstValue("X-Request-Id")).isPresent();
        JsonNode error = json(response).get("error");
        assertThat(error.get("code").asText()).isEqualTo(code);
        assertThat(error.get("param").asText("")).as(error.toString()).isEqualTo(param);
        assertThat(error.get("message").asText()).isNotBlank();
        assertThat(error.get("type").asText()).endsWith("_error");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                // field | its value
                "model | 3",
                "kv_transfer_params | {\"do_remote_prefill\": true}",
                "prompt | 3",
                "prompt | true",
                "prompt | \"\"",
                "prompt | []",
                "prompt | [\"a\", 1]",
                "prompt | [[1], \"a\"]",
                "prompt | {}",
                "prompt[1] | [\"a\", \"\"]",
                "prompt[1] | [1, -2]",
                "prompt[1] | [1, 2.5]",
                "prompt[0] | [3000000000]",
                "prompt[1] | [[1], []]",
                "prompt[1][0] | [[1], [\"a\"]]",
                "max_tokens | 0",
                "max_tokens | -1",
                "max_tokens | 1.5",
                "max_tokens | \"5\"",
                "max_tokens | 99999999999",
                "min_tokens | -1",
                "min_tokens | 17",
                "min_tokens | true",
                "temperature | -0.1",
                "temperature | 101",
                "temperature | 1e999",
                "temperature | \"hot\"",
                "top_k | -2",
                "top_k | 1.5",
                "top_p | 0",
                "top_p | 1.01",
                "top_p | []",
                "min_p | -0.5",
                "min_p | 2",
                "repetition_penalty | 0",
                "repetition_penalty | 11",
                "presence_penalty | 2.5",
                "frequency_penalty | -3",
                "logit_bias | []",
                "logit_bias | {\"a\": 1}",
                "logit_bias | {\"-1\": 1}",
                "logit_bias | {\"1\": 101}",
                "logit_bias | {\"1\": \"x\"}",
                "seed | 1.5",
                "seed | \"1\"",
                "seed | 18446744073709551616",
                "stop | 5",
                "stop | \"\"",
                "stop[1] | [\"a\", 1]",
                "stop | [1,2]",
                "stop_token_ids | 5",
                "stop_token_ids | [-1]",
                "stop_token_ids[0] | [\"a\"]",
                "ignore_eos | 1",
                "logprobs | -1",
                "logprobs | 21",
                "logprobs | true",
                "n | 0",
                "n | 33",
                "n | \"1\"",
                "stream | \"yes\"",
                "stream_options | {\"include_usage\": true}",
                "echo | true",
                "best_of | 2",
                "suffix | \"x\"",
                "user | 5",
                "store | true",
                "max_completion_tokens | 5",
                "messages | []",
                "frobnicate | 1",
            })
    void shouldNameTheWrongFieldOfACompletion(String param, String value) {
        // Given
        String field = param.replaceAll("\\[.*", "");
        String prompt = field.equals("prompt") ? "" : "\"prompt\": \"hello\", ";
        // When
        HttpResponse<String> response = http.post(COMPLETIONS, "{" + prompt + "\"" + field + "\": " + value + "}");
        // Then
        String expected = value.equals("[1,2]") ? "stop[0]" : param;
        assertError(response, 400, "invalid_request", expected);
        assertThat(prefill.legs()).isEmpty();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "messages | []",
                "messages | {}",
                "messages | \"hello\"",
                "messages[0] | [1]",
                "messages[0].role | [{\"content\": \"a\"}]",
                "messages[0].role | [{\"role\": 1, \"content\": \"a\"}]",
                "messages[0].role | [{\"role\": \"\", \"content\": \"a\"}]",
                "messages[0].content | [{\"role\": \"user\"}]",
                "messages[0].content | [{\"role\": \"user\", \"content\": null}]",
                "messages[0].content | [{\"role\": \"user\", \"content\": 5}]",
                "messages[0].content[0].type | [{\"role\": \"user\", \"content\": [{\"type\": \"image_url\"}]}]",
                "messages[0].content[0].text | [{\"role\": \"user\", \"content\": [{\"type\": \"text\"}]}]",
                "messages[0].name | [{\"role\": \"user\", \"content\": \"a\", \"name\": \"b\"}]",
                "messages[0].tool_calls | [{\"role\": \"user\", \"content\": \"a\", \"tool_calls\": []}]",
                "max_completion_tokens | 0",
                "max_tokens | 0",
                "logprobs | 3",
                "top_logprobs | 3",
                "kv_transfer_params | {\"do_remote_prefill\": true}",
                "tools | []",
                "tool_choice | \"auto\"",
                "functions | []",
                "response_format.type | {\"type\": \"json_object\"}",
                "response_format.schema | {\"type\": \"text\", \"schema\": {}}",
                "prompt | \"a\"",
                "echo | false",
                "add_generation_prompt | 1",
                "stream_options | {\"include_usage\": true}",
            })
    void shouldNameTheWrongFieldOfAChat(String param, String value) {
        // Given
        String field = param.replaceAll("[.\\[].*", "");
        String messages = field.equals("messages") ? "" : "\"messages\": [{\"role\": \"user\", \"content\": \"hi\"}], ";
        // When
        HttpResponse<String> response = http.post(CHAT, "{" + messages + "\"" + field + "\": " + value + "}");
        // Then
        assertError(response, 400, "invalid_request", param);
    }

    @Test
    void shouldRefuseContradictions() {
        String messages = "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],";
        assertError(
                http.post(CHAT, messages + "\"max_tokens\":1,\"max_completion_tokens\":2}"),
                400,
                "invalid_request",
                "max_tokens");
        assertError(
                http.post(CHAT, messages + "\"logprobs\":true,\"top_logprobs\":21}"),
                400,
                "invalid_request",
                "top_logprobs");
        assertError(
                http.post(CHAT, messages + "\"stream\":true,\"stream_options\":{\"foo\":1}}"),
                400,
                "invalid_request",
                "stream_options.foo");
        assertError(http.post(COMPLETIONS, "{\"prompt\":[\"a\",\"b\"],\"n\":20}"), 400, "invalid_request", "n");
    }

    @Test
    void shouldTakeNullsForAbsent() {
        // When
        HttpResponse<String> response = http.post(COMPLETIONS, """
                {"prompt": "x", "temperature": null, "n": null, "stream": null, "stop": null, "seed": null,
                 "logit_bias": null, "logprobs": null, "stream_options": null, "tools": null, "model": null}
                """);
        // Then
        assertThat(response.statusCode()).as(response.body()).isEqualTo(200);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                " ",
                "{",
                "[]",
                "\"x\"",
                "{\"prompt\":\"x\"} x",
                "{\"prompt\":\"x\",\"prompt\":\"y\"}",
                "{'prompt':1}",
                "{\"prompt\":NaN}"
            })
    void shouldRefuseABodyThatIsNotAJsonObject(String body) {
        assertError(http.post(COMPLETIONS, body), 400, "invalid_request", "");
    }

    @Test
    void shouldRefuseTextThatIsNotUnicode() {
        // Given
        byte[] bytes = "{\"prompt\":\"a?b\"}".getBytes(StandardCharsets.US_ASCII);
        bytes[12] = (byte) 0xff;
        // When / Then
        assertError(
                http.send(http.to(COMPLETIONS)
                        .POST(BodyPublishers.ofByteArray(bytes))
                        .build()),
                400,
                "invalid_request",
                "");
        assertError(http.post(COMPLETIONS, "{\"prompt\":\"\\ud800\"}"), 400, "invalid_request", "prompt");
    }

    @Test
    void shouldRefuseAnUnknownModelAndNameTheKnownOnes() {
        // When
        HttpResponse<String> response = http.post(COMPLETIONS, "{\"model\":\"gpt-9\",\"prompt\":\"x\"}");
        // Then
        assertError(response, 404, "model_not_found", "model");
        assertThat(response.body()).contains("fake-model").contains("gpt-9");
        assertError(http.get("/v1/models/gpt-9"), 404, "model_not_found", "");
    }

    @Test
    void shouldRefuseOtherPathsMethodsAndTypes() {
        assertError(http.get("/v1/embeddings"), 404, "not_found", "");
        assertError(http.get("/v1"), 404, "not_found", "");
        HttpResponse<String> method = http.get(COMPLETIONS);
        assertError(method, 405, "method_not_allowed", "");
        assertThat(method.headers().firstValue("Allow")).contains("POST");
        assertError(http.post("/v1/models", "{}"), 405, "method_not_allowed", "");
        assertError(
                http.send(HttpRequest.newBuilder(base.resolve(COMPLETIONS))
                        .header("Content-Type", "text/plain")
                        .POST(BodyPublishers.ofString("{\"prompt\":\"x\"}"))
                        .build()),
                415,
                "unsupported_media_type",
                "");
        assertError(
                http.send(HttpRequest.newBuilder(base.resolve(COMPLETIONS))
                        .header("Content-Type", "application/json; charset=latin1")
                        .POST(BodyPublishers.ofString("{\"prompt\":\"x\"}"))
                        .build()),
                415,
                "unsupported_media_type",
                "");
    }

    @Test
    void shouldRefuseANameThatMayNotBeLogged() {
        assertError(
                http.send(http.to(COMPLETIONS)
                        .header("X-Request-Id", "a b")
                        .POST(BodyPublishers.ofString("{\"prompt\":\"x\"}"))
                        .build()),
                400,
                "invalid_request",
                "X-Request-Id");
    }

    @Test
    void shouldRefuseABodyOver100MegabytesInBoundedMemory() {
        // Given
        long size = 100L << 20;
        HttpRequest request = http.to(COMPLETIONS)
                .POST(BodyPublishers.ofInputStream(() -> new Zeros(size)))
                .build();
        // When
        HttpResponse<String> response = http.send(request);
        // Then
        assertError(response, 413, "request_too_large", "");
        assertThat(http.post(COMPLETIONS, "{\"prompt\":\"x\"}").statusCode()).isEqualTo(200);
    }

    @Test
    void shouldRefuseALargeBodyBeforeItIsSentIfTheClientAsks() throws IOException {
        try (Socket socket = new Socket(base.getHost(), base.getPort())) {
            socket.setSoTimeout(20_000);
            // When
            socket.getOutputStream().write(Http.head("Content-Length: 104857600", "Expect: 100-continue"));
            // Then
            String answer = new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            assertThat(answer).startsWith("HTTP/1.1 413").contains("request_too_large");
        }
    }

    @Test
    void shouldNotWaitForABodyForever() throws IOException {
        try (Socket socket = new Socket(base.getHost(), base.getPort())) {
            socket.setSoTimeout(20_000);
            // When
            socket.getOutputStream().write(Http.head("Content-Length: 100"));
            // Then
            String answer = new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            assertThat(answer).startsWith("HTTP/1.1 408").contains("request_timeout");
        }
    }

    @Test
    void shouldAcceptABodyJustBelowTheLimit() {
        // Given
        String prompt = "x".repeat((8 << 20) - 100);
        // When
        HttpResponse<String> response = http.post(COMPLETIONS, "{\"max_tokens\":1,\"prompt\":\"" + prompt + "\"}");
        // Then: refused, but not for its size; the fake's context is smaller than the message that it would take.
        assertThat(response.statusCode()).isNotEqualTo(413);
    }

    @ParameterizedTest
    @EnumSource(
            value = ErrorCode.class,
            names = {
                "CONTEXT_LENGTH_EXCEEDED",
                "INVALID_REQUEST",
                "KV_FULL",
                "QUEUE_FULL",
                "DRAINING",
                "ENGINE_FAILED",
                "LAYOUT_MISMATCH"
            })
    void shouldTellWhatAWorkerRefused(ErrorCode code) {
        for (String stream : List.of("false", "true")) {
            // Given
            prefill.script(new FakePrefill.Script().refusing(new BatonException(code, "the worker's own words")));
            // When
            HttpResponse<String> response = http.post(COMPLETIONS, "{\"prompt\":\"x\",\"stream\":" + stream + "}");
            // Then
            assertError(response, code.http(), code.name().toLowerCase(java.util.Locale.ROOT), "");
            assertThat(json(response).get("error").get("type").asText()).isEqualTo(code.openAiType());
            assertThat(json(response).get("error").get("message").asText()).isEqualTo("the worker's own words");
            assertThat(response.headers().firstValue("Retry-After").isPresent())
                    .isEqualTo(code.http() == 429 || code.http() == 503);
        }
    }

    @Test
    void shouldSay503WhileNoWorkerTakesWork() {
        // Given
        decode.state(WorkerState.WORKER_STATE_DRAINING);
        try {
            Await.until(() -> "unready", () -> http.get("/q/health/ready").statusCode() == 503);
            // When
            HttpResponse<String> response = http.post(COMPLETIONS, "{\"prompt\":\"x\"}");
            // Then
            assertError(response, 503, "no_worker", "");
            assertThat(response.headers().firstValue("Retry-After")).contains("1");
            assertThat(json(http.get("/v1/models")).get("data")).isEmpty();
            assertThat(http.get("/q/health/ready").body()).contains("is draining");
            assertThat(http.get("/q/health/live").statusCode()).isEqualTo(200);
        } finally {
            decode.state(WorkerState.WORKER_STATE_READY);
        }
    }

    @Test
    void shouldSay429WhereNoMoreMayWait() {
        // Given
        prefill.script(new FakePrefill.Script().neverAccepting());
        // 192 go to the worker, and 1008 of the 1024 that may wait.
        String many = "{\"prompt\":\"x\",\"n\":30}";
        List<CompletableFuture<HttpResponse<String>>> stuck = new ArrayList<>();
        for (int i = 0; i < 40; i++) {
            stuck.add(http.client.sendAsync(
                    http.to(COMPLETIONS).POST(BodyPublishers.ofString(many)).build(),
                    HttpResponse.BodyHandlers.ofString()));
        }
        Await.until(
                () -> "in flight " + http.metric("baton_router_requests_in_flight"),
                () -> http.metric("baton_router_requests_in_flight") == 1200
                        && http.metric("baton_router_queued_requests") == 1008);
        // When
        HttpResponse<String> response = http.post(COMPLETIONS, "{\"prompt\":\"x\",\"n\":17}");
        // Then
        assertError(response, 429, "queue_full", "");
        assertThat(response.headers().firstValue("Retry-After")).contains("1");
        assertThat(http.metric("baton_router_queued_requests")).isEqualTo(1008);
        // When
        stuck.forEach(f -> f.cancel(true));
        // Then: nothingIsLeftOpen
    }

    /** So many zero bytes. */
    private static final class Zeros extends InputStream {
        private final InputStream none = new ByteArrayInputStream(new byte[0]);
        private long left;

        Zeros(long size) {
            this.left = size;
        }

        @Override
        public int read() throws IOException {
            return left-- > 0 ? ' ' : none.read();
        }

        @Override
        public int read(byte[] into, int offset, int length) throws IOException {
            if (left <= 0) {
                return none.read(into, offset, length);
            }
            int count = (int) Math.min(left, length);
            left -= count;
            java.util.Arrays.fill(into, offset, offset + count, (byte) ' ');
            return count;
        }
    }
}
