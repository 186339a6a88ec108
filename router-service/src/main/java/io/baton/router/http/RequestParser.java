package io.baton.router.http;

import com.fasterxml.jackson.databind.JsonNode;
import io.baton.inference.v1.GenerateRequest;
import io.baton.inference.v1.Model;
import io.baton.inference.v1.Prompt;
import io.baton.inference.v1.SamplingParams;
import io.baton.inference.v1.StopParams;
import io.baton.router.request.Models;
import io.baton.router.request.RequestChecks;
import io.baton.router.request.Seeds;
import io.baton.router.request.Violation;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Reads a request of the HTTP API. Every field is either supported, accepted as harmless, or refused by name
 * (docs/openai-api.md has the table).
 *
 * <p><em>Thread-safety:</em> stateless.
 */
final class RequestParser {
    private static final int COMPLETION_MAX_TOKENS = 16;
    private static final BigInteger SEED_MIN = BigInteger.valueOf(Long.MIN_VALUE);
    private static final BigInteger SEED_MAX =
            BigInteger.ONE.shiftLeft(Long.SIZE).subtract(BigInteger.ONE);

    private RequestParser() {}

    /**
     * Reads a request.
     *
     * @param known the models of the fleet
     * @param maxChoices most choices of one request
     * @throws ApiError 400 that names the field, or 404 for the model
     */
    static ParsedRequest parse(ApiKind kind, JsonNode body, List<Model> known, int maxChoices) {
        Fields fields = new Fields(body, "");
        String wanted = fields.string("model");
        boolean stream = Boolean.TRUE.equals(fields.bool("stream"));
        boolean includeUsage = includeUsage(fields, stream);
        int n = choices(fields, maxChoices);
        List<Prompt> prompts = prompts(kind, fields, maxChoices);
        if ((long) prompts.size() * n > maxChoices) {
            throw ApiError.field(
                    "n",
                    "asks for " + (long) prompts.size() * n + " choices; at most " + maxChoices
                            + " are allowed in a request");
        }
        GenerateRequest.Builder common =
                GenerateRequest.newBuilder().setSampling(sampling(fields)).setStop(stop(kind, fields));
        Integer top = topLogprobs(kind, fields);
        if (top != null) {
            common.setTopLogprobs(top);
        }
        Long seed = seed(fields);
        unsupported(kind, fields, n);
        fields.refuseOthers();

        String maxTokensName = body.hasNonNull("max_completion_tokens") ? "max_completion_tokens" : "max_tokens";
        common.setModel(wanted == null ? "" : wanted);
        for (Prompt prompt : prompts) {
            RequestChecks.firstViolation(common.setPrompt(prompt).build()).ifPresent(v -> {
                throw ApiError.field(param(kind, v, maxTokensName), v.problem());
            });
        }
        String model = Models.resolve(common.getModel(), known);
        common.setModel(model);
        return new ParsedRequest(kind, model, generations(common, prompts, n, seed), n, stream, includeUsage);
    }

    private static List<GenerateRequest> generations(
            GenerateRequest.Builder common, List<Prompt> prompts, int n, @Nullable Long seed) {
        long first = seed == null ? Seeds.draw() : seed;
        List<GenerateRequest> generations = new ArrayList<>(prompts.size() * n);
        for (Prompt prompt : prompts) {
            for (int i = 0; i < n; i++) {
                // A seed of the client gives every prompt the same seeds; drawn ones differ.
                int index = seed == null ? generations.size() : i;
                common.getSamplingBuilder().setSeed(Seeds.derive(first, index));
                generations.add(common.setPrompt(prompt).build());
            }
        }
        return generations;
    }

    private static boolean includeUsage(Fields fields, boolean stream) {
        JsonNode options = fields.any("stream_options");
        if (options == null) {
            return false;
        }
        if (!stream) {
            throw ApiError.field("stream_options", "is allowed only with stream: true");
        }
        Fields inner = new Fields(options, "stream_options");
        boolean include = Boolean.TRUE.equals(inner.bool("include_usage"));
        inner.refuseOthers();
        return include;
    }

    private static int choices(Fields fields, int maxChoices) {
        Integer n = fields.integer("n");
        if (n != null && (n < 1 || n > maxChoices)) {
            throw ApiError.field("n", "is " + n + "; must be at least 1 and at most " + maxChoices);
        }
        return n == null ? 1 : n;
    }

    private static List<Prompt> prompts(ApiKind kind, Fields fields, int maxChoices) {
        return switch (kind) {
            case COMPLETION -> Prompts.completion(fields.any("prompt"), maxChoices);
            case CHAT -> List.of(Prompts.chat(fields.array("messages"), fields.bool("add_generation_prompt")));
        };
    }

    private static SamplingParams sampling(Fields fields) {
        SamplingParams.Builder sampling = SamplingParams.newBuilder();
        Float temperature = fields.number("temperature");
        if (temperature != null) {
            sampling.setTemperature(temperature);
        }
        Integer topK = fields.integer("top_k");
        if (topK != null) {
            // vLLM's -1 means what 0 means here: all.
            sampling.setTopK(topK == -1 ? 0 : topK);
        }
        Float topP = fields.number("top_p");
        if (topP != null) {
            sampling.setTopP(topP);
        }
        Float minP = fields.number("min_p");
        if (minP != null) {
            sampling.setMinP(minP);
        }
        Float repetition = fields.number("repetition_penalty");
        if (repetition != null) {
            sampling.setRepetitionPenalty(repetition);
        }
        Float presence = fields.number("presence_penalty");
        if (presence != null) {
            sampling.setPresencePenalty(presence);
        }
        Float frequency = fields.number("frequency_penalty");
        if (frequency != null) {
            sampling.setFrequencyPenalty(frequency);
        }
        logitBias(fields.any("logit_bias"), sampling);
        return sampling.build();
    }

    private static void logitBias(@Nullable JsonNode bias, SamplingParams.Builder sampling) {
        if (bias == null) {
            return;
        }
        if (!bias.isObject()) {
            throw ApiError.field("logit_bias", "must be an object of token ids and numbers");
        }
        for (Map.Entry<String, JsonNode> entry : bias.properties()) {
            int id;
            try {
                id = Integer.parseInt(entry.getKey());
            } catch (NumberFormatException _) {
                throw ApiError.field("logit_bias", "its keys must be token ids");
            }
            sampling.putLogitBias(id, Fields.number(entry.getValue(), "logit_bias"));
        }
    }

    private static StopParams stop(ApiKind kind, Fields fields) {
        StopParams.Builder stop = StopParams.newBuilder();
        Integer maxTokens = fields.integer("max_tokens");
        if (kind == ApiKind.CHAT) {
            Integer maxCompletionTokens = fields.integer("max_completion_tokens");
            if (maxTokens != null && maxCompletionTokens != null && !maxTokens.equals(maxCompletionTokens)) {
                throw ApiError.field("max_tokens", "differs from max_completion_tokens; set only one of them");
            }
            maxTokens = maxCompletionTokens == null ? maxTokens : maxCompletionTokens;
        } else if (maxTokens == null) {
            maxTokens = COMPLETION_MAX_TOKENS;
        }
        if (maxTokens != null) {
            stop.setMaxTokens(maxTokens);
        }
        Integer minTokens = fields.integer("min_tokens");
        if (minTokens != null) {
            stop.setMinTokens(minTokens);
        }
        stopStrings(fields.any("stop"), stop);
        JsonNode ids = fields.array("stop_token_ids");
        if (ids != null) {
            for (int i = 0; i < ids.size(); i++) {
                stop.addStopTokenIds(Fields.integer(ids.get(i), "stop_token_ids[" + i + "]"));
            }
        }
        return stop.setIgnoreEos(Boolean.TRUE.equals(fields.bool("ignore_eos"))).build();
    }

    private static void stopStrings(@Nullable JsonNode value, StopParams.Builder stop) {
        if (value == null) {
            return;
        }
        if (value.isTextual()) {
            stop.addStop(Fields.text(value, "stop"));
        } else if (value.isArray()) {
            for (int i = 0; i < value.size(); i++) {
                stop.addStop(Fields.text(value.get(i), "stop[" + i + "]"));
            }
        } else {
            throw ApiError.field("stop", "must be a string or an array of strings");
        }
    }

    private static @Nullable Integer topLogprobs(ApiKind kind, Fields fields) {
        if (kind == ApiKind.COMPLETION) {
            return fields.integer("logprobs");
        }
        boolean wanted = Boolean.TRUE.equals(fields.bool("logprobs"));
        Integer top = fields.integer("top_logprobs");
        if (top != null && !wanted) {
            throw ApiError.field("top_logprobs", "is allowed only with logprobs: true");
        }
        return wanted ? (top == null ? 0 : top) : null;
    }

    private static @Nullable Long seed(Fields fields) {
        JsonNode value = fields.any("seed");
        if (value == null) {
            return null;
        }
        if (!value.isIntegralNumber()) {
            throw ApiError.field("seed", "must be an integer");
        }
        BigInteger seed = value.bigIntegerValue();
        if (seed.compareTo(SEED_MIN) < 0 || seed.compareTo(SEED_MAX) > 0) {
            throw ApiError.field("seed", "must fit in 64 bits");
        }
        return seed.longValue();
    }

    /** Fields without a meaning here, and fields of which one value means what is done anyway. */
    private static void unsupported(ApiKind kind, Fields fields, int n) {
        fields.string("user");
        fields.harmless("metadata");
        fields.only("store", false);
        if (kind == ApiKind.COMPLETION) {
            fields.only("echo", false);
            fields.only("best_of", n);
        } else {
            fields.only("tool_choice", "none");
            JsonNode format = fields.any("response_format");
            if (format != null) {
                Fields inner = new Fields(format, "response_format");
                inner.only("type", "text");
                inner.refuseOthers();
            }
        }
    }

    /** A field of GenerateRequest under the name that it has in the HTTP API. */
    private static String param(ApiKind kind, Violation violation, String maxTokensName) {
        String field = violation.field();
        return switch (field) {
            case "stop.max_tokens" -> maxTokensName;
            case "top_logprobs" -> kind == ApiKind.CHAT ? "top_logprobs" : "logprobs";
            case "prompt.text", "prompt.token_ids" -> "prompt";
            default -> field.replace("prompt.chat.", "").replaceFirst("^(sampling|stop)\\.", "");
        };
    }
}
