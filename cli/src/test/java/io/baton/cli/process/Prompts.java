package io.baton.cli.process;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/** Prompts made of random tokens. */
final class Prompts {
    /** Ids below are special or single bytes in the models used here. */
    private static final int FIRST_WORD = 260;

    private static final int VOCABULARY = 512;

    private Prompts() {}

    /** As many token ids, the same for the same seed. */
    static List<Integer> random(long seed, int tokens) {
        Random random = new Random(seed);
        List<Integer> ids = new ArrayList<>(tokens);
        for (int i = 0; i < tokens; i++) {
            ids.add(FIRST_WORD + random.nextInt(VOCABULARY - FIRST_WORD));
        }
        return ids;
    }

    static List<Integer> concat(List<Integer> a, List<Integer> b) {
        List<Integer> both = new ArrayList<>(a);
        both.addAll(b);
        return both;
    }
}
