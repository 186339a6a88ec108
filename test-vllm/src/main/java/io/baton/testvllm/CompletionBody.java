package io.baton.testvllm;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The body of {@code POST /v1/completions}, by {@code vllm-project/vllm:vllm/entrypoints/openai/completion/protocol.py}
 * ({@code CompletionRequest} and its validators) and {@code vllm/sampling_params.py} (ranges). Other than vLLM it refuses
 * every member that it does not know, and every prompt that is not a list of token ids.
 */
record CompletionBody(
        int[] prompt,
        ToyModel.Rules rules,
        int logprobs,
        boolean stream,
        boolean usage,
        boolean tokenIds,
        @Nullable JsonNode kv) {

    private static final Set<String> KNOWN = Set.of(
            "model",
            "prompt",
            "max_tokens",
            "min_tokens",
            "ignore_eos",
            "stop",
            "stop_token_ids",
            "temperature",
            "top_p",
            "top_k",
            "min_p",
            "repetition_penalty",
            "presence_penalty",
            "frequency_penalty",
            "seed",
            "logit_bias",
            "logprobs",
            "stream",
            "stream_options",
            "return_token_ids",
            "cache_salt",
            "kv_transfer_params");

    static CompletionBody of(JsonNode body, String model, int maxModelLen) {
        body.fieldNames().forEachRemaining(name -> require(KNOWN.contains(name), "unknown member " + name));
        if (!body.path("model").asText().equals(model)) {
            throw new Refusal(404, "The model `" + body.path("model").asText() + "` does not exist.");
        }
        int[] prompt = prompt(body.path("prompt"));
        int maxTokens = body.path("max_tokens").asInt(16);
        if (prompt.length + maxTokens > maxModelLen) {
            throw new Refusal(
                    400,
                    "This model's maximum context length is " + maxModelLen + " tokens. However, you requested "
                            + maxTokens + " output tokens and your prompt contains " + prompt.length
                            + " input tokens.");
        }
        require(maxTokens >= 1, "max_tokens must be at least 1, got " + maxTokens);
        int minTokens = body.path("min_tokens").asInt(0);
        require(minTokens <= maxTokens, "min_tokens must be less than or equal to max_tokens=" + maxTokens);
        double temperature = body.path("temperature").asDouble(1);
        require(temperature >= 0, "temperature must be non-negative");
        require(body.path("top_k").asInt(-1) >= -1, "top_k must be 0 (disable), or at least 1");
        boolean stream = body.path("stream").asBoolean(false);
        require(stream || !body.has("stream_options"), "Stream options can only be defined when `stream=True`.");
        int logprobs = body.has("logprobs") ? body.path("logprobs").asInt() : -1;
        require(logprobs <= 20, "Requested sample logprobs of " + logprobs + ", which is greater than max allowed: 20");
        JsonNode kv = body.get("kv_transfer_params");
        return new CompletionBody(
                prompt,
                new ToyModel.Rules(
                        maxTokens,
                        minTokens,
                        body.path("ignore_eos").asBoolean(false),
                        strings(body.path("stop")),
                        ints(body.path("stop_token_ids")),
                        salt(body)),
                logprobs,
                stream,
                body.path("stream_options").path("include_usage").asBoolean(false),
                body.path("return_token_ids").asBoolean(false),
                kv == null || kv.isNull() ? null : kv);
    }

    /** What the toy model makes of all that changes which tokens are chosen. A test that knows the request knows it too. */
    static long salt(JsonNode body) {
        return salt(
                body.path("seed").asLong(0),
                body.path("temperature").asDouble(1),
                body.path("top_p").asDouble(1),
                body.path("top_k").asInt(-1),
                body.path("min_p").asDouble(0),
                body.path("repetition_penalty").asDouble(1),
                body.path("presence_penalty").asDouble(0),
                body.path("frequency_penalty").asDouble(0),
                body.path("logit_bias").toString());
    }

    static long salt(long seed, Object... parameters) {
        // Temperature 0 is greedy: the seed does not count.
        long s = parameters[0].equals(0.0) ? 0 : seed;
        return s * 31 + Objects.hash(parameters);
    }

    private static int[] prompt(JsonNode list) {
        require(list.isArray() && !list.isEmpty(), "the test server takes prompts of token ids only");
        int[] ids = new int[list.size()];
        for (int i = 0; i < ids.length; i++) {
            require(list.get(i).isIntegralNumber(), "a token id is an integer");
            ids[i] = list.get(i).asInt();
            require(ids[i] >= 0 && ids[i] < ToyModel.VOCABULARY, "Token id " + ids[i] + " is out of vocabulary");
        }
        return ids;
    }

    private static List<String> strings(JsonNode list) {
        List<String> all = new ArrayList<>();
        list.forEach(n -> all.add(n.asText()));
        return all;
    }

    private static List<Integer> ints(JsonNode list) {
        List<Integer> all = new ArrayList<>();
        list.forEach(n -> all.add(n.asInt()));
        return all;
    }

    private static void require(boolean ok, String message) {
        if (!ok) {
            throw new Refusal(400, message);
        }
    }
}
