package io.baton.kv;

import io.baton.engine.KvLayout;
import java.util.Arrays;

/** KV layouts for tests. */
public final class Layouts {
    private static final String FINGERPRINT = "00112233445566778899aabbccddeeff".repeat(2);

    private Layouts() {}

    /** Two layers, F16, {@code bytesPerToken} bytes per token, a multiple of 4. */
    public static KvLayout of(int bytesPerToken) {
        int row = bytesPerToken / 4;
        return new KvLayout(FINGERPRINT, 1, 1, new int[] {row, row}, new int[] {row, row}, false);
    }

    /** The same layout of a model whose fingerprint begins with {@code digit}. */
    public static KvLayout ofOtherModel(KvLayout l, char digit) {
        return new KvLayout(
                digit + l.fingerprint().substring(1), l.kType(), l.vType(), l.kRowBytes(), l.vRowBytes(), l.vTrans());
    }

    /** The same layout with V the other way round. */
    public static KvLayout transposed(KvLayout l) {
        return new KvLayout(l.fingerprint(), l.kType(), l.vType(), l.kRowBytes(), l.vRowBytes(), !l.vTrans());
    }

    /** Token ids 0, 1, 2, … */
    public static int[] tokens(int n) {
        int[] tokens = new int[n];
        Arrays.setAll(tokens, i -> i);
        return tokens;
    }
}
