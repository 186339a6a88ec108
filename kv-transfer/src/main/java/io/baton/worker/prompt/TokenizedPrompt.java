package io.baton.worker.prompt;

import java.util.Arrays;

/**
 * The tokens of a leg and what they leave room for.
 *
 * @param tokens prompt, then what was generated before where the leg continues a stream
 * @param promptTokens how many of them are the original prompt
 * @param maxTokens the max_tokens in force, counted from the request's start
 * @param tokenizeNanos time to render and tokenise
 */
public record TokenizedPrompt(int[] tokens, int promptTokens, int maxTokens, long tokenizeNanos) {
    /** Tokens to be in the cache when the leg has computed. */
    public int length() {
        return tokens.length;
    }

    /** Tokens generated before this leg. */
    public int[] generated() {
        return Arrays.copyOfRange(tokens, promptTokens, tokens.length);
    }

    /** Blocks that the tokens are cut into; the last one may be shorter. */
    public int blocks(int blockSize) {
        return (tokens.length + blockSize - 1) / blockSize;
    }

    /** Leading blocks that may come from the prefix cache: the last token must be computed for its logits. */
    public int reusableBlocks(int blockSize) {
        return (tokens.length - 1) / blockSize;
    }
}
