package io.baton.cli.bench;

import java.util.SplittableRandom;

/**
 * Prompts of random tokens, so that no prefix cache knows them.
 *
 * <p><em>Thread-safety:</em> thread-safe.
 */
public final class RandomPrompts {
    /** Behind control tokens and bytes. */
    private static final int FIRST = 300;

    private final SplittableRandom random;
    private final int vocabulary;

    /** Token ids below the vocabulary; the same for the same seed. */
    public RandomPrompts(long seed, int vocabulary) {
        this.random = new SplittableRandom(seed);
        this.vocabulary = vocabulary;
    }

    /** So many tokens. */
    public synchronized int[] next(int tokens) {
        return random.ints(tokens, FIRST, vocabulary).toArray();
    }
}
