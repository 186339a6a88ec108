package io.baton.engine.simulated;

import static io.baton.engine.sampling.CounterRandom.mix;

import io.baton.engine.KvLayout;
import io.baton.engine.ModelInfo;
import io.baton.engine.SampledToken;
import io.baton.engine.Sampling;
import io.baton.engine.sampling.Sampler;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The "model": its identity, its KV layout, and logits that are a hash over all KV rows before them. Real sampling runs on
 * these logits, so bias, penalties, seeds and log probabilities behave as on a real engine.
 *
 * <p><em>Thread-safety:</em> identity and layout are immutable; {@link #choose} belongs to the engine thread.
 */
final class SimulatedModel {
    /** Words are likelier than bytes and control tokens, so that most text is text. */
    private static final float WORD_BONUS = 6f;

    private final SimulatedEngineConfig config;
    private final ModelInfo info;
    private final KvLayout layout;
    private final float[] logits;
    private final MemorySegment logitsSegment;
    private final Sampler sampler = new Sampler();

    SimulatedModel(SimulatedEngineConfig config) {
        this.config = config;
        String identity = "simulated/1/" + config.seed() + "/" + config.vocabulary() + "/" + config.layers() + "/"
                + config.kvBytesPerToken();
        String fingerprint = sha256(identity);
        this.info = new ModelInfo(
                config.modelName(),
                fingerprint,
                config.vocabulary(),
                config.trainedContext(),
                Set.of(SimulatedTokenizer.END, SimulatedTokenizer.IM_END),
                "simulated");
        int[] rowBytes = new int[config.layers()];
        Arrays.fill(rowBytes, config.kvBytesPerToken() / (2 * config.layers()));
        this.layout = new KvLayout(fingerprint, 0, 0, rowBytes, rowBytes, false);
        this.logits = new float[config.vocabulary()];
        this.logitsSegment = MemorySegment.ofArray(logits);
    }

    private static String sha256(String text) {
        try {
            return HexFormat.of()
                    .formatHex(MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8)));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java platform has SHA-256", e);
        }
    }

    ModelInfo info() {
        return info;
    }

    KvLayout layout() {
        return layout;
    }

    /** Empty rows of this model. */
    SimulatedRows newRows() {
        return new SimulatedRows(layout, config.seed());
    }

    /** The token that follows {@code history[0, length)}, whose rows are all in {@code rows}. */
    SampledToken choose(
            SimulatedRows rows,
            Sampling sampling,
            int[] history,
            int length,
            int promptTokens,
            @Nullable Integer forced,
            int topLogprobs) {
        for (int i = 0; i < logits.length; i++) {
            // 24 random bits as a value in [−6, 6).
            float value = (mix(rows.state() + i) >>> 40) * 0x1p-24f * 12f - 6f;
            logits[i] = i >= SimulatedTokenizer.FIRST_WORD ? value + WORD_BONUS : value;
        }
        return forced == null
                ? sampler.sample(logitsSegment, logits.length, sampling, history, length, promptTokens, topLogprobs)
                : sampler.forced(logitsSegment, logits.length, forced, length, topLogprobs);
    }
}
