package io.baton.engine.text;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Looks for stop strings in text that arrives char by char. The match that ends first wins, and among those that end at
 * the same char the longest: so the result does not depend on how the text was cut. Knuth, Morris and Pratt's automaton
 * for each string.
 *
 * <p><em>Thread-safety:</em> none.
 */
final class StopMatcher {
    private final String[] strings;
    /** By string and matched length: how much is still matched after the next char did not fit. */
    private final int[][] fallbacks;

    private final int[] matched;

    StopMatcher(List<String> stopStrings) {
        strings = stopStrings.toArray(String[]::new);
        fallbacks = new int[strings.length][];
        matched = new int[strings.length];
        for (int i = 0; i < strings.length; i++) {
            fallbacks[i] = fallback(strings[i]);
        }
    }

    private static int[] fallback(String s) {
        int[] f = new int[s.length() + 1];
        int k = 0;
        for (int i = 1; i < s.length(); i++) {
            while (k > 0 && s.charAt(i) != s.charAt(k)) {
                k = f[k];
            }
            if (s.charAt(i) == s.charAt(k)) {
                k++;
            }
            f[i + 1] = k;
        }
        return f;
    }

    /** Takes one char; returns the longest stop string that ends with it. */
    @Nullable
    String accept(char c) {
        String found = null;
        for (int i = 0; i < strings.length; i++) {
            String s = strings[i];
            int k = matched[i];
            while (k > 0 && s.charAt(k) != c) {
                k = fallbacks[i][k];
            }
            if (s.charAt(k) == c) {
                k++;
            }
            if (k == s.length()) {
                if (found == null || s.length() > found.length()) {
                    found = s;
                }
                k = fallbacks[i][k];
            }
            matched[i] = k;
        }
        return found;
    }

    /** Chars at the end of what was taken that may be the beginning of a stop string. */
    int undecided() {
        int most = 0;
        for (int k : matched) {
            most = Math.max(most, k);
        }
        return most;
    }
}
