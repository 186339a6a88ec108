package io.baton.engine.sampling;

import io.baton.engine.SampledToken;
import io.baton.engine.SampledToken.TokenProbability;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import java.util.ArrayList;
import java.util.List;

/**
 * Log probabilities under the model: log-softmax of the raw logits, before bias, penalties and temperature.
 *
 * <p><em>Thread-safety:</em> stateless.
 */
final class LogProbabilities {
    private LogProbabilities() {}

    /** The token {@code id} with its log probability and the {@code top} most likely (ties: lowest id first). */
    static SampledToken describe(float[] logits, int vocabulary, int id, int position, int top) {
        int n = Math.min(top, vocabulary);
        int[] bestIds = new int[n];
        float[] best = new float[n];
        int found = 0;
        float highest = Float.NEGATIVE_INFINITY;
        for (int i = 0; i < vocabulary; i++) {
            float v = logits[i];
            if (!(Math.abs(v) <= Float.MAX_VALUE)) {
                throw new BatonException(
                        ErrorCode.ENGINE_FAILED,
                        "the model gave a logit that is not a finite number; its file or its KV cache is damaged");
            }
            highest = Math.max(highest, v);
            if (n > 0 && (found < n || v > best[n - 1])) {
                int at = found < n ? found++ : n - 1;
                while (at > 0 && best[at - 1] < v) {
                    best[at] = best[at - 1];
                    bestIds[at] = bestIds[at - 1];
                    at--;
                }
                best[at] = v;
                bestIds[at] = i;
            }
        }
        double sum = 0;
        for (int i = 0; i < vocabulary; i++) {
            sum += Exp.nonPositive((double) logits[i] - highest);
        }
        double logSum = highest + StrictMath.log(sum);
        List<TokenProbability> alternatives = new ArrayList<>(n);
        for (int i = 0; i < n; i++) {
            alternatives.add(new TokenProbability(bestIds[i], (float) (best[i] - logSum)));
        }
        float logprob = (float) (logits[id] - logSum);
        return new SampledToken(id, position, logprob, List.copyOf(alternatives));
    }
}
