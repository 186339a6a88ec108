package io.baton.prefill.service.vllm;

import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.inference.v1.StopParams;

/**
 * The tokens of a prompt and what they leave room for.
 *
 * @param tokens not copied, not to be changed
 * @param maxTokens the max_tokens in force
 */
record PromptTokens(int[] tokens, int maxTokens) {
    /**
     * The tokens together with the limits that they leave.
     *
     * @param maxModelLen most tokens of prompt and output together
     * @throws BatonException {@code CONTEXT_LENGTH_EXCEEDED} if prompt and one token more do not fit
     */
    static PromptTokens of(int[] tokens, StopParams stop, int maxModelLen) {
        int room = maxModelLen - tokens.length;
        if (room < 1) {
            throw new BatonException(
                    ErrorCode.CONTEXT_LENGTH_EXCEEDED,
                    "the prompt has " + tokens.length + " tokens; with at least one token of output, at most "
                            + maxModelLen + " fit. Shorten it.");
        }
        return new PromptTokens(tokens, stop.hasMaxTokens() ? Math.min(stop.getMaxTokens(), room) : room);
    }

    int length() {
        return tokens.length;
    }
}
