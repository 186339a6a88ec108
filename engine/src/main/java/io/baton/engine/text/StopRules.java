package io.baton.engine.text;

import io.baton.engine.ModelInfo;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.inference.v1.StopParams;
import java.nio.charset.StandardCharsets;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * When a generation ends.
 *
 * @param maxTokens most tokens to generate, at least 1
 * @param minTokens neither stop strings nor stop tokens count within this many tokens
 * @param stopStrings text that ends the generation, none empty
 * @param stopTokens tokens that end the generation: the request's own and, unless ignored, the model's end of text
 */
public record StopRules(int maxTokens, int minTokens, List<String> stopStrings, Set<Integer> stopTokens) {
    /** Most stop strings of a request. */
    public static final int MAX_STOP_STRINGS = 16;
    /** Most bytes of one stop string. */
    public static final int MAX_STOP_STRING_BYTES = 256;
    /** Most stop tokens of a request. */
    public static final int MAX_STOP_TOKENS = 64;

    /** Copies the collections. */
    public StopRules {
        stopStrings = List.copyOf(stopStrings);
        stopTokens = Set.copyOf(stopTokens);
    }

    /**
     * The rules of a request.
     *
     * @param maxTokens the limit in force: what was asked for, limited by the context
     * @throws BatonException {@code INVALID_REQUEST} if a value is out of the range that generation.proto documents
     */
    public static StopRules of(StopParams stop, int maxTokens, ModelInfo model) {
        if (maxTokens < 1) {
            throw invalid("max_tokens", Integer.toString(maxTokens), "at least 1");
        }
        check(stop, model.vocabularySize());
        Set<Integer> tokens = new HashSet<>(stop.getStopTokenIdsList());
        if (!stop.getIgnoreEos()) {
            tokens.addAll(model.endOfText());
        }
        return new StopRules(maxTokens, stop.getMinTokens(), stop.getStopList(), tokens);
    }

    /** Refuses values out of range with {@code INVALID_REQUEST} and a message that names the field. */
    public static void check(StopParams stop, int vocabulary) {
        if (stop.hasMaxTokens() && stop.getMaxTokens() < 1) {
            throw invalid("max_tokens", Integer.toString(stop.getMaxTokens()), "at least 1");
        }
        if (stop.getMinTokens() < 0 || (stop.hasMaxTokens() && stop.getMinTokens() > stop.getMaxTokens())) {
            throw invalid("min_tokens", Integer.toString(stop.getMinTokens()), "in [0, max_tokens]");
        }
        if (stop.getStopCount() > MAX_STOP_STRINGS) {
            throw invalid("stop", stop.getStopCount() + " strings", "at most " + MAX_STOP_STRINGS + " strings");
        }
        for (String s : stop.getStopList()) {
            int bytes = s.getBytes(StandardCharsets.UTF_8).length;
            if (bytes < 1 || bytes > MAX_STOP_STRING_BYTES) {
                throw invalid("stop", "a string of " + bytes + " bytes", "1 to " + MAX_STOP_STRING_BYTES + " bytes");
            }
        }
        if (stop.getStopTokenIdsCount() > MAX_STOP_TOKENS) {
            throw invalid(
                    "stop_token_ids",
                    stop.getStopTokenIdsCount() + " tokens",
                    "at most " + MAX_STOP_TOKENS + " tokens");
        }
        for (int id : stop.getStopTokenIdsList()) {
            if (id < 0 || id >= vocabulary) {
                throw invalid("stop_token_ids", "token " + id, "tokens in [0, " + (vocabulary - 1) + "]");
            }
        }
    }

    private static BatonException invalid(String field, String value, String range) {
        return new BatonException(
                ErrorCode.INVALID_REQUEST, "stop." + field + " is " + value + "; it must be " + range);
    }
}
