package io.baton.prefill.service.vllm;

import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.inference.v1.StopParams;
import io.baton.prefill.v1.PrefillStart;

/**
 * The tokens to compute and what they leave room for. A stream that goes on here has a prompt and generated tokens, which
 * vLLM takes for one prompt.
 *
 * @param tokens not copied, not to be changed
 * @param promptTokens how many of them are the client's prompt
 * @param maxTokens the max_tokens in force, counted from the request's start
 */
record PromptTokens(int[] tokens, int promptTokens, int maxTokens) {
    /**
     * The tokens together with the limits that they leave.
     *
     * @param maxModelLen most tokens of prompt and output together
     * @throws BatonException {@code CONTEXT_LENGTH_EXCEEDED} if prompt and one token more do not fit,
     *     {@code PROTOCOL_VIOLATION} if the continuation contradicts the tokens
     */
    static PromptTokens of(int[] tokens, PrefillStart request, int maxModelLen) {
        if (tokens.length >= maxModelLen) {
            throw new BatonException(
                    ErrorCode.CONTEXT_LENGTH_EXCEEDED,
                    "the prompt has " + tokens.length + " tokens; with at least one token of output, at most "
                            + maxModelLen + " fit. Shorten it.");
        }
        int promptTokens = tokens.length;
        if (request.hasContinuation()) {
            promptTokens = request.getContinuation().getPromptTokens();
            if (promptTokens < 1 || promptTokens > tokens.length) {
                throw new BatonException(
                        ErrorCode.PROTOCOL_VIOLATION,
                        "continuation.prompt_tokens is " + promptTokens + " of " + tokens.length + " token ids");
            }
        }
        StopParams stop = request.getStop();
        int room = maxModelLen - promptTokens;
        PromptTokens prompt = new PromptTokens(
                tokens, promptTokens, stop.hasMaxTokens() ? Math.min(stop.getMaxTokens(), room) : room);
        if (prompt.generated() >= prompt.maxTokens && prompt.generated() > 0) {
            throw new BatonException(
                    ErrorCode.PROTOCOL_VIOLATION,
                    "the stream to continue has " + prompt.generated()
                            + " generated tokens already, as many as max_tokens allows");
        }
        return prompt;
    }

    /** All tokens to compute. */
    int length() {
        return tokens.length;
    }

    /** Tokens that were generated elsewhere. */
    int generated() {
        return tokens.length - promptTokens;
    }

    /** What is left of a limit that counts from the request's start. */
    int left(int limit) {
        return Math.max(0, limit - generated());
    }
}
