package io.baton.engine.sampling;

import io.baton.engine.SampledToken;
import io.baton.engine.Sampling;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * Chooses tokens. A choice is a function of its arguments alone; the object holds scratch memory only (24 bytes per
 * vocabulary entry).
 *
 * <p>The order is the one that vLLM documents: logit bias, ban of early ends, penalties (repetition, then frequency and
 * presence), temperature, then the filters, then the draw. Each filter (min-p, top-k, top-p) keeps a prefix of the tokens
 * ordered by falling logit, then rising id; top-p counts the probability among what min-p and top-k left. The draw walks
 * the kept tokens by rising id, so that a small change of the logits changes the choice only where it must.
 *
 * <p><em>Thread-safety:</em> none; one per engine thread. The logits stay the caller's and are only read.
 */
public final class Sampler {
    /** Logits that are looked at together: 16 KiB. */
    private static final int PIECE = 4096;

    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

    private final float[] piece = new float[PIECE];
    private float[] values = new float[0];
    private double[] weights = new double[0];
    private int[] ids = new int[0];
    /** Occurrences by token; all zero between two choices. */
    private int[] counts = new int[0];

    /** A sampler without scratch memory yet. */
    public Sampler() {}

    /**
     * Chooses the token that follows {@code history[0, historyLength)}.
     *
     * @param logits {@code vocabulary} F32 values in native order
     * @param vocabulary number of tokens
     * @param sampling how to choose
     * @param history token ids, each in [0, vocabulary)
     * @param historyLength how many of them count; also the position of the chosen token
     * @param promptTokens how many of them are the prompt
     * @param topLogprobs alternatives to report, −1 for no log probabilities
     * @throws BatonException {@code ENGINE_FAILED} if a logit is not finite
     */
    public SampledToken sample(
            MemorySegment logits,
            int vocabulary,
            Sampling sampling,
            int[] history,
            int historyLength,
            int promptTokens,
            int topLogprobs) {
        Objects.checkFromToIndex(0, historyLength, history.length);
        Objects.checkFromToIndex(0, promptTokens, historyLength);
        checkLogits(logits, vocabulary);
        boolean modified = modifies(sampling, historyLength, promptTokens);
        int id;
        if (!modified && sampling.temperature() == 0f) {
            id = mostLikely(logits, vocabulary);
        } else {
            reserve(vocabulary);
            float highest = load(logits, vocabulary);
            if (modified) {
                modify(vocabulary, sampling, history, historyLength, promptTokens);
                highest = values[mostLikely(vocabulary)];
                if (highest == Float.NEGATIVE_INFINITY) {
                    throw new BatonException(
                            ErrorCode.INVALID_REQUEST,
                            "every token of the vocabulary ends the generation, and min_tokens allows none of them yet");
                }
            }
            id = sampling.temperature() == 0f
                    ? mostLikely(vocabulary)
                    : draw(vocabulary, highest, sampling, CounterRandom.uniform(sampling.seed(), historyLength));
        }
        return describe(logits, vocabulary, id, historyLength, topLogprobs);
    }

    /** A token that is known already, with its log probabilities. */
    public SampledToken forced(MemorySegment logits, int vocabulary, int token, int position, int topLogprobs) {
        Objects.checkIndex(token, vocabulary);
        checkLogits(logits, vocabulary);
        return describe(logits, vocabulary, token, position, topLogprobs);
    }

    private static void checkLogits(MemorySegment logits, int vocabulary) {
        if (vocabulary < 1 || logits.byteSize() < 4L * vocabulary) {
            throw new IllegalArgumentException(
                    logits.byteSize() + " bytes of logits for a vocabulary of " + vocabulary);
        }
    }

    private static boolean modifies(Sampling s, int historyLength, int promptTokens) {
        return !s.logitBias().isEmpty()
                || s.repetitionPenalty() != 1f
                || s.presencePenalty() != 0f
                || s.frequencyPenalty() != 0f
                || (historyLength - promptTokens < s.bannedUntil()
                        && !s.bannedEarly().isEmpty());
    }

    private void reserve(int vocabulary) {
        if (values.length < vocabulary) {
            values = new float[vocabulary];
            weights = new double[vocabulary];
            ids = new int[vocabulary];
            counts = new int[vocabulary];
        }
    }

    /** Copies the logits; returns the highest. */
    private float load(MemorySegment logits, int vocabulary) {
        MemorySegment.copy(logits, FLOAT, 0, values, 0, vocabulary);
        float highest = Float.NEGATIVE_INFINITY;
        boolean finite = true;
        for (int i = 0; i < vocabulary; i++) {
            float v = values[i];
            finite &= Math.abs(v) <= Float.MAX_VALUE;
            highest = Math.max(highest, v);
        }
        if (!finite) {
            throw notFinite();
        }
        return highest;
    }

    private static BatonException notFinite() {
        return new BatonException(
                ErrorCode.ENGINE_FAILED,
                "the model gave a logit that is not a finite number; its file or its KV cache is damaged");
    }

    /** The most likely token; pieces of the engine's memory pass through one that stays in the processor's cache. */
    private int mostLikely(MemorySegment logits, int vocabulary) {
        float highest = Float.NEGATIVE_INFINITY;
        int best = 0;
        boolean finite = true;
        for (int from = 0; from < vocabulary; from += piece.length) {
            int n = Math.min(piece.length, vocabulary - from);
            MemorySegment.copy(logits, FLOAT, (long) Float.BYTES * from, piece, 0, n);
            for (int i = 0; i < n; i++) {
                float v = piece[i];
                finite &= Math.abs(v) <= Float.MAX_VALUE;
                if (v > highest) {
                    highest = v;
                    best = from + i;
                }
            }
        }
        if (!finite) {
            throw notFinite();
        }
        return best;
    }

    private int mostLikely(int vocabulary) {
        int best = 0;
        for (int i = 1; i < vocabulary; i++) {
            if (values[i] > values[best]) {
                best = i;
            }
        }
        return best;
    }

    private void modify(int vocabulary, Sampling s, int[] history, int historyLength, int promptTokens) {
        for (Map.Entry<Integer, Float> bias : s.logitBias().entrySet()) {
            int id = bias.getKey();
            if (id >= 0 && id < vocabulary) {
                values[id] += bias.getValue();
            }
        }
        if (historyLength - promptTokens < s.bannedUntil()) {
            for (int id : s.bannedEarly()) {
                if (id >= 0 && id < vocabulary) {
                    values[id] = Float.NEGATIVE_INFINITY;
                }
            }
        }
        penalise(s, history, historyLength, promptTokens);
    }

    private void penalise(Sampling s, int[] history, int historyLength, int promptTokens) {
        float repetition = s.repetitionPenalty();
        if (repetition == 1f && s.presencePenalty() == 0f && s.frequencyPenalty() == 0f) {
            return;
        }
        for (int i = promptTokens; i < historyLength; i++) {
            counts[history[i]]++;
        }
        // A token's first occurrence applies everything and marks it with −1. Tokens of the prompt come last: then what
        // is not marked yet was not in the output.
        for (int i = promptTokens; i < historyLength; i++) {
            int id = history[i];
            int count = counts[id];
            if (count > 0) {
                values[id] =
                        finite(repeat(values[id], repetition) - s.frequencyPenalty() * count - s.presencePenalty());
                counts[id] = -1;
            }
        }
        for (int i = 0; i < promptTokens && repetition != 1f; i++) {
            int id = history[i];
            if (counts[id] == 0) {
                values[id] = finite(repeat(values[id], repetition));
                counts[id] = -1;
            }
        }
        for (int i = 0; i < historyLength; i++) {
            counts[history[i]] = 0;
        }
    }

    private static float repeat(float logit, float penalty) {
        return logit > 0f ? logit / penalty : logit * penalty;
    }

    /** Keeps an overflowing penalty from making a logit infinite; −∞ means banned and stays. */
    private static float finite(float logit) {
        return logit == Float.NEGATIVE_INFINITY ? logit : Math.clamp(logit, -Float.MAX_VALUE, Float.MAX_VALUE);
    }

    private int draw(int vocabulary, float highest, Sampling s, double uniform) {
        boolean filtered = s.minP() > 0f || s.topP() < 1f || (s.topK() > 0 && s.topK() < vocabulary);
        if (!filtered) {
            double sum = 0;
            for (int i = 0; i < vocabulary; i++) {
                weights[i] = Exp.nonPositive(((double) values[i] - highest) / s.temperature());
            }
            for (int i = 0; i < vocabulary; i++) {
                sum += weights[i];
            }
            return walk(vocabulary, Float.NEGATIVE_INFINITY, vocabulary, uniform * sum);
        }
        for (int i = 0; i < vocabulary; i++) {
            ids[i] = i;
        }
        int kept = vocabulary;
        if (s.topK() > 0 && s.topK() < vocabulary) {
            kept = s.topK();
            selectCount(vocabulary, kept);
        }
        for (int i = 0; i < kept; i++) {
            weights[ids[i]] = Exp.nonPositive(((double) values[ids[i]] - highest) / s.temperature());
        }
        if (s.minP() > 0f) {
            kept = keepAtLeast(kept, s.minP());
        }
        if (s.topP() < 1f) {
            kept = selectMass(kept, s.topP() * sum(kept));
        }
        // The last of the kept tokens in the order (falling logit, rising id) separates them from all others.
        int last = ids[0];
        for (int i = 1; i < kept; i++) {
            if (before(last, ids[i])) {
                last = ids[i];
            }
        }
        return walk(vocabulary, values[last], last, uniform * sum(kept));
    }

    private double sum(int kept) {
        double sum = 0;
        for (int i = 0; i < kept; i++) {
            sum += weights[ids[i]];
        }
        return sum;
    }

    /** Inverse of the distribution function, over tokens not after (lastValue, lastId), by rising id. */
    private int walk(int vocabulary, float lastValue, int lastId, double target) {
        double reached = 0;
        int latest = -1;
        for (int i = 0; i < vocabulary; i++) {
            float v = values[i];
            if ((v > lastValue || (v == lastValue && i <= lastId)) && weights[i] > 0) {
                reached += weights[i];
                latest = i;
                if (reached > target) {
                    return i;
                }
            }
        }
        // Rounding: the sum was taken in another order.
        return latest;
    }

    private int keepAtLeast(int n, float least) {
        int kept = 0;
        for (int i = 0; i < n; i++) {
            if (weights[ids[i]] >= least) {
                ids[kept++] = ids[i];
            }
        }
        return kept;
    }

    /** Reorders ids[0, n) so that the {@code count} most likely come first. */
    private void selectCount(int n, int count) {
        int low = 0;
        int high = n;
        while (high - low > 1) {
            int p = partition(low, high);
            if (p == count || p + 1 == count) {
                return;
            }
            if (p > count) {
                high = p;
            } else {
                low = p + 1;
            }
        }
    }

    /** Reorders ids[0, n) so that the shortest most-likely prefix of weight {@code target} comes first; its length. */
    private int selectMass(int n, double target) {
        int low = 0;
        int high = n;
        double before = 0;
        while (high - low > 1) {
            int p = partition(low, high);
            double mass = before;
            for (int i = low; i < p; i++) {
                mass += weights[ids[i]];
            }
            if (p > low && mass >= target) {
                high = p;
            } else {
                mass += weights[ids[p]];
                if (mass >= target) {
                    return p + 1;
                }
                before = mass;
                low = p + 1;
            }
        }
        return high;
    }

    /** Whether token a comes before token b: falling logit, rising id. */
    private boolean before(int a, int b) {
        return values[a] > values[b] || (values[a] == values[b] && a < b);
    }

    /** Splits ids[low, high) around one of them; returns where that one is then. */
    private int partition(int low, int high) {
        // A hashed choice of the pivot has no input for which every round goes wrong, short of one built for it.
        int chosen = low + (int) Long.remainderUnsigned(CounterRandom.mix(31L * low + high), high - low);
        int pivot = ids[chosen];
        ids[chosen] = ids[high - 1];
        int p = low;
        for (int i = low; i < high - 1; i++) {
            int id = ids[i];
            if (before(id, pivot)) {
                ids[i] = ids[p];
                ids[p++] = id;
            }
        }
        ids[high - 1] = ids[p];
        ids[p] = pivot;
        return p;
    }

    private SampledToken describe(MemorySegment logits, int vocabulary, int id, int position, int topLogprobs) {
        if (topLogprobs < 0) {
            return new SampledToken(id, position, Float.NaN, List.of());
        }
        // Again as the model gave them: what was here has bias and penalties in it.
        reserve(vocabulary);
        MemorySegment.copy(logits, FLOAT, 0, values, 0, vocabulary);
        return LogProbabilities.describe(values, vocabulary, id, position, topLogprobs);
    }
}
