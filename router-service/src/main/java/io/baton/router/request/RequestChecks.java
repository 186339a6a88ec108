package io.baton.router.request;

import com.google.protobuf.ByteString;
import io.baton.inference.v1.ChatMessage;
import io.baton.inference.v1.GenerateRequest;
import io.baton.inference.v1.Prompt;
import io.baton.inference.v1.SamplingParams;
import io.baton.inference.v1.StopParams;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The ranges of generation.proto.
 *
 * <p><em>Thread-safety:</em> stateless.
 */
public final class RequestChecks {
    private static final int MAX_LOGIT_BIAS = 1024;
    private static final int MAX_STOP = 16;
    private static final int MAX_STOP_BYTES = 256;
    private static final int MAX_STOP_TOKENS = 64;
    private static final int MAX_TOP_LOGPROBS = 20;
    private static final int MAX_ROLE_LENGTH = 64;

    private RequestChecks() {}

    /** The first field of the request that is out of its range; empty if none is. */
    public static Optional<Violation> firstViolation(GenerateRequest request) {
        Violation v = prompt(request.getPrompt());
        if (v == null) {
            v = sampling(request.getSampling());
        }
        if (v == null) {
            v = stop(request.getStop());
        }
        if (v == null && request.hasTopLogprobs()) {
            v = integer("top_logprobs", request.getTopLogprobs(), 0, MAX_TOP_LOGPROBS);
        }
        if (v == null && !request.getRequestId().isEmpty()) {
            v = Names.isValid(request.getRequestId()) ? null : new Violation("request_id", Names.RULE);
        }
        return Optional.ofNullable(v);
    }

    private static @Nullable Violation prompt(Prompt prompt) {
        return switch (prompt.getKindCase()) {
            // As bytes, which is what the other readers of the prompt take it as: the String would be made for this
            // alone.
            case TEXT ->
                prompt.getTextBytes().isEmpty()
                        ? new Violation("prompt.text", "must have at least one character")
                        : null;
            case TOKEN_IDS -> tokenIds(prompt.getTokenIds());
            case CHAT -> chat(prompt);
            case KIND_NOT_SET -> new Violation("prompt", "must be set: text, token_ids or chat");
        };
    }

    private static @Nullable Violation tokenIds(ByteString ids) {
        if (ids.isEmpty()) {
            return new Violation("prompt.token_ids", "must have at least one token");
        }
        if (ids.size() % Integer.BYTES != 0) {
            return new Violation(
                    "prompt.token_ids",
                    "has " + ids.size() + " bytes; every token id is a little-endian int32 of 4 bytes");
        }
        for (ByteBuffer part : ids.asReadOnlyByteBufferList().size() == 1
                ? ids.asReadOnlyByteBufferList()
                : java.util.List.of(ids.asReadOnlyByteBuffer())) {
            ByteBuffer buffer = part.order(ByteOrder.LITTLE_ENDIAN);
            for (int i = 0; buffer.hasRemaining(); i++) {
                int id = buffer.getInt();
                if (id < 0) {
                    return new Violation(
                            "prompt.token_ids", "token " + i + " is " + id + "; a token id is not negative");
                }
            }
        }
        return null;
    }

    private static @Nullable Violation chat(Prompt prompt) {
        var messages = prompt.getChat().getMessagesList();
        if (messages.isEmpty()) {
            return new Violation("prompt.chat.messages", "must have at least one message");
        }
        for (int i = 0; i < messages.size(); i++) {
            ChatMessage message = messages.get(i);
            if (message.getRole().isEmpty() || message.getRole().length() > MAX_ROLE_LENGTH) {
                return new Violation(
                        "prompt.chat.messages[" + i + "].role",
                        "must have 1 to " + MAX_ROLE_LENGTH + " characters, e.g. user");
            }
        }
        return null;
    }

    private static @Nullable Violation sampling(SamplingParams s) {
        Violation v = null;
        if (s.hasTemperature()) {
            v = number("sampling.temperature", s.getTemperature(), 0, false, 100);
        }
        if (v == null && s.hasTopK()) {
            v = integer("sampling.top_k", s.getTopK(), 0, Integer.MAX_VALUE);
        }
        if (v == null && s.hasTopP()) {
            v = number("sampling.top_p", s.getTopP(), 0, true, 1);
        }
        if (v == null && s.hasMinP()) {
            v = number("sampling.min_p", s.getMinP(), 0, false, 1);
        }
        if (v == null && s.hasRepetitionPenalty()) {
            v = number("sampling.repetition_penalty", s.getRepetitionPenalty(), 0, true, 10);
        }
        if (v == null && s.hasPresencePenalty()) {
            v = number("sampling.presence_penalty", s.getPresencePenalty(), -2, false, 2);
        }
        if (v == null && s.hasFrequencyPenalty()) {
            v = number("sampling.frequency_penalty", s.getFrequencyPenalty(), -2, false, 2);
        }
        return v != null ? v : logitBias(s.getLogitBiasMap());
    }

    private static @Nullable Violation logitBias(Map<Integer, Float> bias) {
        if (bias.size() > MAX_LOGIT_BIAS) {
            return new Violation(
                    "sampling.logit_bias",
                    "has " + bias.size() + " entries; at most " + MAX_LOGIT_BIAS + " are allowed");
        }
        for (Map.Entry<Integer, Float> entry : bias.entrySet()) {
            if (entry.getKey() < 0) {
                return new Violation(
                        "sampling.logit_bias", "token id " + entry.getKey() + " is negative; use a token id");
            }
            Violation v = number("sampling.logit_bias", entry.getValue(), -100, false, 100);
            if (v != null) {
                return v;
            }
        }
        return null;
    }

    private static @Nullable Violation stop(StopParams s) {
        if (s.hasMaxTokens() && s.getMaxTokens() < 1) {
            return new Violation("stop.max_tokens", "is " + s.getMaxTokens() + "; must be at least 1");
        }
        int most = s.hasMaxTokens() ? s.getMaxTokens() : Integer.MAX_VALUE;
        if (s.getMinTokens() < 0 || s.getMinTokens() > most) {
            return new Violation(
                    "stop.min_tokens", "is " + s.getMinTokens() + "; must be at least 0 and at most max_tokens");
        }
        if (s.getStopCount() > MAX_STOP) {
            return new Violation(
                    "stop.stop", "has " + s.getStopCount() + " strings; at most " + MAX_STOP + " are allowed");
        }
        for (ByteString text : s.getStopList().asByteStringList()) {
            if (text.isEmpty() || text.size() > MAX_STOP_BYTES) {
                return new Violation(
                        "stop.stop",
                        "a stop string has " + text.size() + " bytes; 1 to " + MAX_STOP_BYTES + " are allowed");
            }
        }
        if (s.getStopTokenIdsCount() > MAX_STOP_TOKENS) {
            return new Violation(
                    "stop.stop_token_ids",
                    "has " + s.getStopTokenIdsCount() + " token ids; at most " + MAX_STOP_TOKENS + " are allowed");
        }
        for (int id : s.getStopTokenIdsList()) {
            if (id < 0) {
                return new Violation("stop.stop_token_ids", "token id " + id + " is negative; use a token id");
            }
        }
        return null;
    }

    private static @Nullable Violation integer(String field, long value, long min, long max) {
        return value >= min && value <= max
                ? null
                : new Violation(
                        field,
                        "is " + value + "; must be at least " + min
                                + (max == Integer.MAX_VALUE ? "" : " and at most " + max));
    }

    private static @Nullable Violation number(String field, float value, int min, boolean open, int max) {
        boolean inside = open ? value > min : value >= min;
        return inside && value <= max && Float.isFinite(value)
                ? null
                : new Violation(
                        field,
                        "is " + value + "; must be a finite number " + (open ? "above " : "of at least ") + min
                                + " and at most " + max);
    }
}
