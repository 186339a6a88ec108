package io.baton.engine;

import java.util.Arrays;
import java.util.Objects;

/**
 * Layout of KV rows outside the cache. For each layer from 0: the K rows of all tokens in ascending position, then V:
 * without {@code vTrans} the V rows likewise; with {@code vTrans}, for each element of a V row, that element of all
 * tokens in ascending position.
 *
 * @param fingerprint {@link ModelInfo#fingerprint()}
 * @param kType element type of K as a ggml_type number (0 F32, 1 F16, 8 Q8_0)
 * @param vType element type of V, likewise
 * @param kRowBytes bytes of one token's K row, by layer
 * @param vRowBytes bytes of one token's V row, by layer
 * @param vTrans whether V lies transposed
 */
public record KvLayout(String fingerprint, int kType, int vType, int[] kRowBytes, int[] vRowBytes, boolean vTrans) {

    /** Checks that both arrays have one entry per layer. */
    public KvLayout {
        Objects.requireNonNull(fingerprint);
        if (kRowBytes.length == 0 || kRowBytes.length != vRowBytes.length) {
            throw new IllegalArgumentException(
                    "KV layout needs K and V row sizes for the same, positive number of layers");
        }
        kRowBytes = kRowBytes.clone();
        vRowBytes = vRowBytes.clone();
    }

    /** Number of layers. */
    public int layers() {
        return kRowBytes.length;
    }

    /** Bytes of one token's rows in all layers. */
    public long bytesPerToken() {
        long sum = 0;
        for (int i = 0; i < kRowBytes.length; i++) {
            sum += kRowBytes[i] + (long) vRowBytes[i];
        }
        return sum;
    }

    /** Bytes of the rows of {@code tokens} tokens. */
    public long bytes(int tokens) {
        return Math.multiplyExact(bytesPerToken(), (long) tokens);
    }

    @Override
    public boolean equals(Object o) {
        return o instanceof KvLayout l
                && fingerprint.equals(l.fingerprint)
                && kType == l.kType
                && vType == l.vType
                && vTrans == l.vTrans
                && Arrays.equals(kRowBytes, l.kRowBytes)
                && Arrays.equals(vRowBytes, l.vRowBytes);
    }

    @Override
    public int hashCode() {
        return Objects.hash(fingerprint, kType, vType, vTrans, Arrays.hashCode(kRowBytes), Arrays.hashCode(vRowBytes));
    }

    @Override
    public String toString() {
        return "KvLayout[" + layers() + " layers, kType=" + kType + ", vType=" + vType + ", vTrans=" + vTrans + ", "
                + bytesPerToken() + " B/token, model " + fingerprint.substring(0, Math.min(12, fingerprint.length()))
                + "]";
    }
}
