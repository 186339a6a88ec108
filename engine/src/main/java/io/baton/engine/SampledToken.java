package io.baton.engine;

import java.util.List;

/**
 * A chosen token.
 *
 * @param id the token
 * @param position its position in the sequence
 * @param logprob natural logarithm of its probability under the model, before temperature and penalties; NaN if log
 *     probabilities were not asked for
 * @param top the most likely tokens at this position, most likely first; empty if not asked for
 */
public record SampledToken(int id, int position, float logprob, List<TokenProbability> top) {
    /** A token and the natural logarithm of its probability. */
    public record TokenProbability(int id, float logprob) {}
}
