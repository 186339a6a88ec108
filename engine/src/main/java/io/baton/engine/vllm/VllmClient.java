package io.baton.engine.vllm;

import com.fasterxml.jackson.databind.JsonNode;
import io.baton.engine.text.TokenIds;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.inference.v1.Prompt;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executors;
import org.jspecify.annotations.Nullable;

/**
 * A client of one vLLM server. Every method blocks until the answer is there, and is meant for a virtual thread. A thread
 * that is interrupted meanwhile gives the request up: its connection is closed, and vLLM, which watches for that, aborts it.
 *
 * <p>Every method may throw a {@link BatonException}: {@code WORKER_LOST} if the server cannot be reached, breaks off, says
 * nothing for too long or fails by itself; {@code INVALID_REQUEST}, {@code CONTEXT_LENGTH_EXCEEDED},
 * {@code REQUEST_TOO_LARGE} or {@code QUEUE_FULL} if it refuses; {@code ENGINE_FAILED} if its answer is not what it
 * documents. No POST is sent twice: what a repeated one would do is known only to the caller.
 *
 * <p><em>Thread-safety:</em> every method may be called from any thread.
 */
public final class VllmClient implements AutoCloseable {
    private static final String JSON = "application/json";

    private final VllmEndpoint endpoint;
    private final HttpClient http;

    /** A client that has not connected yet. */
    public VllmClient(VllmEndpoint endpoint) {
        this.endpoint = endpoint;
        this.http = HttpClient.newBuilder()
                .version(HttpClient.Version.HTTP_1_1)
                .followRedirects(HttpClient.Redirect.NEVER)
                .connectTimeout(endpoint.connectTimeout())
                .executor(Executors.newVirtualThreadPerTaskExecutor())
                .build();
    }

    /** The models that the server serves: {@code GET /v1/models}. */
    public List<VllmModel> models() throws InterruptedException {
        JsonNode list = tree(ask(get("/v1/models", endpoint.tokenizeTimeout()))).path("data");
        List<VllmModel> models = new ArrayList<>();
        for (JsonNode m : list) {
            String id = m.path("id").asText("");
            int length = m.path("max_model_len").asInt(0);
            // Adapters have no length of their own and are not served through Baton.
            if (!id.isEmpty() && length > 0) {
                models.add(new VllmModel(id, m.path("root").asText(id), length));
            }
        }
        return models;
    }

    /** Returns if the server says that its engine works: {@code GET /health}. */
    public void health() throws InterruptedException {
        ask(get("/health", endpoint.healthTimeout()));
    }

    /** The server's own metrics in Prometheus' format: {@code GET /metrics}. */
    public byte[] metrics() throws InterruptedException {
        return ask(get("/metrics", endpoint.tokenizeTimeout()));
    }

    /**
     * Token ids of a prompt: those that it has, or {@code POST /tokenize}, which also renders the chat template. Special
     * tokens in a text are tokens to vLLM; it has no way to say otherwise.
     */
    public int[] tokenize(String model, Prompt prompt) throws InterruptedException {
        byte[] body = switch (prompt.getKindCase()) {
            case TOKEN_IDS -> null;
            case TEXT ->
                Json.object(json -> {
                    json.writeStringField("model", model);
                    json.writeStringField("prompt", prompt.getText());
                    json.writeBooleanField("add_special_tokens", true);
                });
            case CHAT -> chat(model, prompt);
            case KIND_NOT_SET ->
                throw new BatonException(ErrorCode.INVALID_REQUEST, "prompt is not set; it is text, token_ids or chat");
        };
        if (body == null) {
            // The vocabulary is known to vLLM alone, which refuses an id beyond it.
            return TokenIds.decode(prompt.getTokenIds(), Integer.MAX_VALUE, "prompt.token_ids");
        }
        JsonNode tokens = tree(ask(post("/tokenize", "", body, endpoint.tokenizeTimeout())))
                .path("tokens");
        int[] ids = new int[tokens.size()];
        for (int i = 0; i < ids.length; i++) {
            ids[i] = tokens.path(i).asInt(-1);
            if (ids[i] < 0) {
                throw Choice.unexpected("a token id that is none: " + tokens.path(i));
            }
        }
        if (ids.length == 0) {
            throw new BatonException(ErrorCode.INVALID_REQUEST, "the prompt has no tokens");
        }
        return ids;
    }

    private static byte[] chat(String model, Prompt prompt) {
        var chat = prompt.getChat();
        return Json.object(json -> {
            json.writeStringField("model", model);
            json.writeArrayFieldStart("messages");
            for (var message : chat.getMessagesList()) {
                json.writeStartObject();
                json.writeStringField("role", message.getRole());
                json.writeStringField("content", message.getContent());
                json.writeEndObject();
            }
            json.writeEndArray();
            json.writeBooleanField(
                    "add_generation_prompt", !chat.hasAddGenerationPrompt() || chat.getAddGenerationPrompt());
        });
    }

    /**
     * The first step of a hand-over.
     *
     * @param requestId X-Request-Id; vLLM's connector needs the same one in both steps
     * @param body made by {@link CompletionRequest#prefill}
     */
    public PrefillResult prefill(String requestId, byte[] body) throws InterruptedException {
        byte[] answer = ask(post("/v1/completions", requestId, body, endpoint.prefillTimeout()));
        byte[] params;
        try {
            params = Json.rawMember(answer, "kv_transfer_params");
        } catch (IOException e) {
            throw noJson(e);
        }
        if (params == null) {
            throw Choice.unexpected(
                    "no kv_transfer_params; start it with --kv-transfer-config and a connector that hands "
                            + "KV caches over (NixlConnector)");
        }
        if (params.length > endpoint.maxParams()) {
            throw Choice.unexpected("kv_transfer_params of " + params.length + " bytes; baton.vllm.max-params allows "
                    + endpoint.maxParams());
        }
        return new PrefillResult(params, Math.max(0, cachedTokens(tree(answer))));
    }

    /**
     * A whole request without a stream; the listener is told on this thread before the method returns.
     *
     * @param body made by {@link CompletionRequest#alone}
     * @param topLogprobs as it was asked for; −1 for no log probabilities
     */
    public void generate(String requestId, byte[] body, int topLogprobs, StreamListener listener)
            throws InterruptedException {
        JsonNode answer = tree(ask(post("/v1/completions", requestId, body, endpoint.prefillTimeout())));
        Choice choice = Choice.of(answer.path("choices").path(0), 0, -1, topLogprobs);
        if (choice.completion() == null) {
            throw Choice.unexpected("a choice without finish_reason");
        }
        listener.onOutput(choice.output());
        listener.onFinished(choice.completion(), cachedTokens(answer));
    }

    /**
     * The second step of a hand-over; returns after the stream's end.
     *
     * @param body made by {@link CompletionRequest#decode}
     * @param topLogprobs as it was asked for; −1 for no log probabilities
     */
    public void stream(String requestId, byte[] body, int topLogprobs, StreamListener listener)
            throws InterruptedException {
        HttpRequest request = post("/v1/completions", requestId, body, endpoint.prefillTimeout());
        try {
            HttpResponse<Body> response = http.send(request, _ -> new Body());
            try (Body answer = response.body()) {
                if (response.statusCode() != 200) {
                    throw VllmErrors.ofStatus(response.statusCode(), all(answer));
                }
                new CompletionStream(new Events(answer, endpoint.maxEvent()), topLogprobs, listener)
                        .read(endpoint.prefillTimeout(), endpoint.idleTimeout());
            }
        } catch (IOException e) {
            throw lost(e);
        }
    }

    private HttpRequest get(String path, Duration timeout) {
        return request(path, timeout).GET().build();
    }

    private HttpRequest post(String path, String requestId, byte[] body, Duration timeout) {
        HttpRequest.Builder request =
                request(path, timeout).header("Content-Type", JSON).POST(BodyPublishers.ofByteArray(body));
        if (!requestId.isEmpty()) {
            request.header("X-Request-Id", requestId);
        }
        return request.build();
    }

    private HttpRequest.Builder request(String path, Duration timeout) {
        HttpRequest.Builder request = HttpRequest.newBuilder(endpoint.uri(path)).timeout(timeout);
        String key = endpoint.apiKey();
        if (key != null) {
            request.header("Authorization", "Bearer " + key);
        }
        return request;
    }

    private byte[] ask(HttpRequest request) throws InterruptedException {
        try {
            HttpResponse<Body> response = http.send(request, _ -> new Body());
            try (Body answer = response.body()) {
                byte[] all = all(answer);
                if (response.statusCode() != 200) {
                    throw VllmErrors.ofStatus(response.statusCode(), all);
                }
                return all;
            }
        } catch (IOException e) {
            throw lost(e);
        }
    }

    private byte[] all(Body body) throws IOException, InterruptedException {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        for (List<ByteBuffer> next = body.next(endpoint.idleTimeout());
                next != null;
                next = body.next(endpoint.idleTimeout())) {
            for (ByteBuffer buffer : next) {
                byte[] bytes = new byte[buffer.remaining()];
                buffer.get(bytes);
                all.writeBytes(bytes);
            }
            if (all.size() > endpoint.maxResponse()) {
                throw new IOException(
                        "an answer of more than " + endpoint.maxResponse() + " bytes (baton.vllm.max-response)");
            }
        }
        return all.toByteArray();
    }

    private BatonException lost(IOException e) {
        String why = e.getMessage();
        return new BatonException(
                ErrorCode.WORKER_LOST,
                "the vLLM server at " + endpoint.baseUrl() + " was lost: "
                        + (why == null ? e.getClass().getSimpleName() : why) + "; send the request again",
                e);
    }

    private static JsonNode tree(byte[] answer) {
        try {
            return Json.tree(answer);
        } catch (IOException e) {
            throw noJson(e);
        }
    }

    private static BatonException noJson(IOException e) {
        return new BatonException(ErrorCode.ENGINE_FAILED, "vLLM sent an answer that is no JSON", e);
    }

    /** −1 where vLLM does not tell. */
    static int cachedTokens(@Nullable JsonNode answer) {
        return answer == null
                ? -1
                : answer.path("usage")
                        .path("prompt_tokens_details")
                        .path("cached_tokens")
                        .asInt(-1);
    }

    /** Breaks off what still runs. */
    @Override
    public void close() {
        http.shutdownNow();
    }
}
