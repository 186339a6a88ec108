package io.baton.engine.vllm;

import com.fasterxml.jackson.core.JsonGenerator;
import io.baton.inference.v1.SamplingParams;
import io.baton.inference.v1.StopParams;
import java.io.IOException;
import java.nio.charset.StandardCharsets;

/**
 * Bodies of {@code POST /v1/completions}. Every prompt is given as token ids, so both steps of a hand-over run on the same
 * tokens whatever the client sent.
 *
 * <p>Every sampling parameter is written out, its default too: vLLM fills what is absent from the model's
 * generation_config.json, and the API of Baton has defaults of its own.
 *
 * @param model name of the model
 * @param tokens prompt; not copied, not to be changed
 * @param maxTokens most tokens to generate, at least 1
 * @param sampling how tokens are chosen
 * @param stop when the generation ends; its max_tokens does not count
 * @param topLogprobs alternatives per token, −1 for no log probabilities
 * @param tenant keeps its prefix cache apart from that of others; empty where there is only one
 */
public record CompletionRequest(
        String model,
        int[] tokens,
        int maxTokens,
        SamplingParams sampling,
        StopParams stop,
        int topLogprobs,
        String tenant) {

    /**
     * The first step of nixlv2: computes the prompt and keeps its KV cache for another server. One token is generated and
     * thrown away. It must end by its length, or vLLM frees the cache at once, so nothing that could end it earlier is sent:
     * no stop strings, no stop tokens, and the end-of-text token does not count. min_tokens goes too, as it may exceed 1.
     */
    public static byte[] prefill(String model, int[] tokens, String tenant) {
        return Json.object(json -> {
            prompt(json, model, tokens, tenant);
            json.writeNumberField("max_tokens", 1);
            json.writeNumberField("temperature", 0);
            json.writeBooleanField("ignore_eos", true);
            json.writeBooleanField("stream", false);
            json.writeObjectFieldStart("kv_transfer_params");
            json.writeBooleanField("do_remote_decode", true);
            json.writeBooleanField("do_remote_prefill", false);
            json.writeNullField("remote_engine_id");
            json.writeNullField("remote_block_ids");
            json.writeNullField("remote_host");
            json.writeNullField("remote_port");
            json.writeEndObject();
        });
    }

    /** The whole request in one step, without a hand-over and without a stream. */
    public byte[] alone() {
        return Json.object(json -> {
            generation(json);
            json.writeBooleanField("stream", false);
        });
    }

    /**
     * The second step of nixlv2: takes the KV cache over and generates, as a stream.
     *
     * @param kvTransferParams what the first step returned, byte for byte
     * @throws IllegalArgumentException if that is no JSON object
     */
    public byte[] decode(byte[] kvTransferParams) {
        if (!Json.isObject(kvTransferParams)) {
            throw new IllegalArgumentException("kv_transfer_params is no JSON object");
        }
        return Json.object(json -> {
            generation(json);
            json.writeBooleanField("stream", true);
            json.writeObjectFieldStart("stream_options");
            json.writeBooleanField("include_usage", true);
            json.writeEndObject();
            json.writeFieldName("kv_transfer_params");
            json.writeRawValue(new String(kvTransferParams, StandardCharsets.UTF_8));
        });
    }

    private static void prompt(JsonGenerator json, String model, int[] tokens, String tenant) throws IOException {
        json.writeStringField("model", model);
        json.writeFieldName("prompt");
        json.writeArray(tokens, 0, tokens.length);
        if (!tenant.isEmpty()) {
            json.writeStringField("cache_salt", tenant);
        }
    }

    private void generation(JsonGenerator json) throws IOException {
        prompt(json, model, tokens, tenant);
        json.writeNumberField("max_tokens", maxTokens);
        json.writeNumberField("min_tokens", stop.getMinTokens());
        json.writeBooleanField("ignore_eos", stop.getIgnoreEos());
        json.writeArrayFieldStart("stop");
        for (String text : stop.getStopList()) {
            json.writeString(text);
        }
        json.writeEndArray();
        json.writeArrayFieldStart("stop_token_ids");
        for (int id : stop.getStopTokenIdsList()) {
            json.writeNumber(id);
        }
        json.writeEndArray();
        choice(json);
        if (topLogprobs >= 0) {
            json.writeNumberField("logprobs", topLogprobs);
        }
        json.writeBooleanField("return_token_ids", true);
    }

    private void choice(JsonGenerator json) throws IOException {
        SamplingParams s = sampling;
        json.writeNumberField("temperature", s.hasTemperature() ? s.getTemperature() : 1);
        json.writeNumberField("top_p", s.hasTopP() ? s.getTopP() : 1);
        json.writeNumberField("top_k", s.getTopK() > 0 ? s.getTopK() : -1);
        json.writeNumberField("min_p", s.getMinP());
        json.writeNumberField("repetition_penalty", s.hasRepetitionPenalty() ? s.getRepetitionPenalty() : 1);
        json.writeNumberField("presence_penalty", s.getPresencePenalty());
        json.writeNumberField("frequency_penalty", s.getFrequencyPenalty());
        if (s.hasSeed()) {
            json.writeNumberField("seed", s.getSeed());
        }
        if (s.getLogitBiasCount() > 0) {
            json.writeObjectFieldStart("logit_bias");
            for (var bias : s.getLogitBiasMap().entrySet()) {
                json.writeNumberField(Integer.toString(bias.getKey()), bias.getValue());
            }
            json.writeEndObject();
        }
    }
}
