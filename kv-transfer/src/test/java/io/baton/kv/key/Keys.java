package io.baton.kv.key;

import java.nio.charset.StandardCharsets;
import java.util.Base64;

/** Keys for tests. */
public final class Keys {
    private Keys() {}

    /** A line of a key file; the secret follows from {@code seed}. */
    public static String line(String id, String seed) {
        byte[] secret = (seed + "................................")
                .substring(0, ClusterKeys.MIN_SECRET_BYTES)
                .getBytes(StandardCharsets.US_ASCII);
        return id + " " + Base64.getEncoder().encodeToString(secret) + "\n";
    }

    /** A cluster's keys, of which the first signs. */
    public static ClusterKeys of(String... ids) {
        StringBuilder text = new StringBuilder(line(ClusterKeys.NAMES, "names"));
        for (String id : ids) {
            text.append(line(id, id));
        }
        return ClusterKeys.parse(text.toString());
    }
}
