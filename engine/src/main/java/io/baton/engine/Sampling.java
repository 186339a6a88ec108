package io.baton.engine;

import java.util.Map;
import java.util.Set;

/**
 * How tokens are chosen. The choice at a position is a function of these values, the token history and the position
 * alone, so that a stream can move between workers.
 *
 * @param temperature at least 0; 0 is greedy
 * @param topK keep the k most likely; 0 keeps all
 * @param topP keep the smallest set that reaches this probability; in (0, 1]
 * @param minP drop what is less likely than this times the most likely; in [0, 1]
 * @param repetitionPenalty divides positive and multiplies negative logits of tokens in prompt or output; over 0
 * @param presencePenalty subtracted from the logit of each token in the output
 * @param frequencyPenalty subtracted per occurrence in the output
 * @param seed seed of the draw
 * @param logitBias added to logits
 * @param bannedUntil tokens in {@code bannedEarly} cannot be chosen while fewer tokens than this were generated
 * @param bannedEarly end-of-text and stop tokens while {@code min_tokens} is not reached
 */
public record Sampling(
        float temperature,
        int topK,
        float topP,
        float minP,
        float repetitionPenalty,
        float presencePenalty,
        float frequencyPenalty,
        long seed,
        Map<Integer, Float> logitBias,
        int bannedUntil,
        Set<Integer> bannedEarly) {

    /** Copies the collections. */
    public Sampling {
        logitBias = Map.copyOf(logitBias);
        bannedEarly = Set.copyOf(bannedEarly);
    }

    /** Always the most likely token. */
    public static Sampling greedy() {
        return new Sampling(0f, 0, 1f, 0f, 1f, 0f, 0f, 0L, Map.of(), 0, Set.of());
    }
}
