package io.baton.decode.service.leg;

import java.util.Arrays;

/**
 * All tokens of a sequence: prompt, then generated.
 *
 * <p><em>Thread-safety:</em> none; guarded by its leg.
 */
final class TokenLog {
    private static final int ROOM = 256;

    private int[] tokens;
    private int length;

    TokenLog(int[] history) {
        tokens = Arrays.copyOf(history, history.length + ROOM);
        length = history.length;
    }

    void add(int token) {
        if (length == tokens.length) {
            tokens = Arrays.copyOf(tokens, length + length / 2);
        }
        tokens[length++] = token;
    }

    /** All of them. */
    int[] all() {
        return Arrays.copyOf(tokens, length);
    }

    /** The tokens whose rows can be in the cache: every one but the last. */
    int[] computed() {
        return Arrays.copyOf(tokens, length - 1);
    }
}
