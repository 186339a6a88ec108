package io.baton.engine.sampling;

import io.baton.engine.ModelInfo;
import io.baton.engine.Sampling;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.inference.v1.SamplingParams;
import io.baton.inference.v1.StopParams;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/**
 * The checked way from a request's parameters to {@link Sampling}. Ranges and defaults are those that
 * {@code baton/inference/v1/generation.proto} documents; every refusal names the field, what it was and what it may be.
 *
 * <p><em>Thread-safety:</em> stateless.
 */
public final class SamplingRequests {
    /** Highest temperature. */
    public static final float MAX_TEMPERATURE = 100f;
    /** Highest repetition penalty. */
    public static final float MAX_REPETITION_PENALTY = 10f;
    /** Highest magnitude of presence and frequency penalty. */
    public static final float MAX_PENALTY = 2f;
    /** Highest magnitude of a logit bias. */
    public static final float MAX_LOGIT_BIAS = 100f;
    /** Most entries of the logit bias. */
    public static final int MAX_LOGIT_BIAS_ENTRIES = 1024;
    /** Most alternatives per token. */
    public static final int MAX_TOP_LOGPROBS = 20;

    private SamplingRequests() {}

    /**
     * How to choose tokens for a request.
     *
     * @throws BatonException {@code INVALID_REQUEST} if a value is out of range; {@code PROTOCOL_VIOLATION} if the seed
     *     is not set, which is the router's duty
     */
    public static Sampling sampling(SamplingParams p, StopParams stop, ModelInfo model) {
        if (!p.hasSeed()) {
            throw new BatonException(
                    ErrorCode.PROTOCOL_VIOLATION,
                    "sampling.seed is not set; between services it must be, and the router draws it");
        }
        float temperature = between("temperature", p.hasTemperature() ? p.getTemperature() : 1f, 0f, MAX_TEMPERATURE);
        int topK = p.getTopK();
        if (topK < 0) {
            throw invalid("top_k", topK, "at least 0; 0 keeps all tokens");
        }
        float topP = above("top_p", p.hasTopP() ? p.getTopP() : 1f, 1f);
        float minP = between("min_p", p.getMinP(), 0f, 1f);
        float repetition = above(
                "repetition_penalty", p.hasRepetitionPenalty() ? p.getRepetitionPenalty() : 1f, MAX_REPETITION_PENALTY);
        float presence = between("presence_penalty", p.getPresencePenalty(), -MAX_PENALTY, MAX_PENALTY);
        float frequency = between("frequency_penalty", p.getFrequencyPenalty(), -MAX_PENALTY, MAX_PENALTY);
        checkBias(p.getLogitBiasMap(), model.vocabularySize());
        return new Sampling(
                temperature,
                topK,
                topP,
                minP,
                repetition,
                presence,
                frequency,
                p.getSeed(),
                p.getLogitBiasMap(),
                stop.getMinTokens(),
                bannedEarly(stop, model));
    }

    /** Alternatives to report per token: −1 for none asked for, else in [0, 20]. */
    public static int topLogprobs(boolean present, int asked) {
        if (!present) {
            return -1;
        }
        if (asked < 0 || asked > MAX_TOP_LOGPROBS) {
            throw new BatonException(
                    ErrorCode.INVALID_REQUEST,
                    "top_logprobs is " + asked + "; it must be in [0, " + MAX_TOP_LOGPROBS + "]");
        }
        return asked;
    }

    private static Set<Integer> bannedEarly(StopParams stop, ModelInfo model) {
        if (stop.getMinTokens() <= 0) {
            return Set.of();
        }
        Set<Integer> banned = new HashSet<>(stop.getStopTokenIdsList());
        if (!stop.getIgnoreEos()) {
            banned.addAll(model.endOfText());
        }
        return banned;
    }

    private static void checkBias(Map<Integer, Float> bias, int vocabulary) {
        if (bias.size() > MAX_LOGIT_BIAS_ENTRIES) {
            throw invalid("logit_bias", bias.size() + " entries", "at most " + MAX_LOGIT_BIAS_ENTRIES + " entries");
        }
        bias.forEach((id, value) -> {
            if (id < 0 || id >= vocabulary) {
                throw invalid("logit_bias", "for token " + id, "for tokens in [0, " + (vocabulary - 1) + "]");
            }
            between("logit_bias", value, -MAX_LOGIT_BIAS, MAX_LOGIT_BIAS);
        });
    }

    private static float between(String field, float value, float least, float most) {
        // Written so that NaN fails.
        if (!(value >= least && value <= most)) {
            throw invalid(field, value, "in [" + text(least) + ", " + text(most) + "]");
        }
        return value;
    }

    private static float above(String field, float value, float most) {
        if (!(value > 0f && value <= most)) {
            throw invalid(field, value, "in (0, " + text(most) + "]");
        }
        return value;
    }

    private static String text(float bound) {
        return Integer.toString((int) bound);
    }

    private static BatonException invalid(String field, Object value, String range) {
        return new BatonException(
                ErrorCode.INVALID_REQUEST, "sampling." + field + " is " + value + "; it must be " + range);
    }
}
