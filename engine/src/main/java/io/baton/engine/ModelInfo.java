package io.baton.engine;

import java.util.Set;

/**
 * A loaded model.
 *
 * @param name its name, as clients use it
 * @param fingerprint SHA-256, lower-case hex, over everything that determines its KV rows
 * @param vocabularySize token ids are in [0, vocabularySize)
 * @param trainedContext tokens that it was trained for
 * @param endOfText tokens that end a generation
 * @param engine kind of engine: {@code llamacpp} or {@code simulated}
 */
public record ModelInfo(
        String name,
        String fingerprint,
        int vocabularySize,
        int trainedContext,
        Set<Integer> endOfText,
        String engine) {
    /** Copies the set. */
    public ModelInfo {
        endOfText = Set.copyOf(endOfText);
    }
}
