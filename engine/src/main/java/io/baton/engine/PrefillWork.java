package io.baton.engine;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A prompt to compute.
 *
 * @param tokens prompt token ids, then already generated ones when a stream moves; each in [0, vocabulary)
 * @param promptTokens how many of them are the original prompt
 * @param blockSize tokens per KV block; chunks end on its multiples
 * @param sampling how to choose the first token
 * @param forcedFirstToken the first token where it is already known
 * @param topLogprobs alternatives to report with the first token, −1 for no log probabilities
 */
public record PrefillWork(
        int[] tokens,
        int promptTokens,
        int blockSize,
        Sampling sampling,
        @Nullable Integer forcedFirstToken,
        int topLogprobs) {
    /** Positions at which the blocks of the prompt end, ascending; the last is {@code tokens.length}. */
    public List<Integer> blockEnds() {
        var ends = new java.util.ArrayList<Integer>();
        for (int end = blockSize; end < tokens.length; end += blockSize) {
            ends.add(end);
        }
        ends.add(tokens.length);
        return List.copyOf(ends);
    }
}
