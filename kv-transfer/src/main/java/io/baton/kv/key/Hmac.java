package io.baton.kv.key;

import java.security.InvalidKeyException;
import java.security.NoSuchAlgorithmException;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * HMAC-SHA-256 (RFC 2104, FIPS 180-4).
 *
 * <p><em>Thread-safety:</em> stateless; a {@link Mac} belongs to who asked for it.
 */
public final class Hmac {
    /** Bytes of a code. */
    public static final int BYTES = 32;

    private static final String ALGORITHM = "HmacSHA256";

    private Hmac() {}

    /** HMAC-SHA-256 of {@code message} under {@code secret}. */
    public static byte[] of(byte[] secret, byte[] message) {
        return mac(secret).doFinal(message);
    }

    /** An HMAC-SHA-256 under {@code secret}, for many messages. */
    public static Mac mac(byte[] secret) {
        try {
            Mac mac = Mac.getInstance(ALGORITHM);
            mac.init(new SecretKeySpec(secret, ALGORITHM));
            return mac;
        } catch (NoSuchAlgorithmException | InvalidKeyException e) {
            throw new IllegalStateException("every Java platform has HmacSHA256, for keys of any length", e);
        }
    }
}
