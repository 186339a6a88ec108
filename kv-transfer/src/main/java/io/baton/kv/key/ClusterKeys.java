package io.baton.kv.key;

import java.util.Arrays;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The keys that all workers of a cluster share. Text, one key a line: an id, blanks, the secret in base64; empty lines and lines
 * that begin with {@code #} do not count.
 *
 * <pre>
 * # the secret of block names, and the keys of descriptors: the first one signs, all of them verify
 * names     9j1kV2w0T1m5mJ0nqWl8W3zq1m1yTq2l9s0dX5m1b2M=
 * 2026-11   Qm9Zc0w1dGh5M2lJd3R5VnV0aW5nQ2x1c3RlcktleTE=
 * 2026-10   cXVpdGVBbk9sZEtleVRoYXRTdGlsbFZlcmlmaWVzMTI=
 * </pre>
 *
 * <p>The secret of names is a key of its own, because another one makes every cached block unknown, and because prefill and decode
 * must not differ in it for as long as a rotation takes.
 *
 * <p><em>Thread-safety:</em> immutable.
 */
public final class ClusterKeys {
    /** Id of the secret that block names are made with. */
    public static final String NAMES = "names";

    /** Fewest bytes of a secret, as many as HMAC-SHA-256 has of output (RFC 2104, section 3). */
    public static final int MIN_SECRET_BYTES = 32;

    /** Most keys of a cluster. */
    public static final int MAX_KEYS = 64;

    private static final Pattern ID = Pattern.compile("[A-Za-z0-9._-]{1,64}");
    private static final ClusterKeys NONE = new ClusterKeys(Map.of(), "", new byte[0]);

    private final Map<String, byte[]> descriptorKeys;
    private final String active;
    private final byte[] names;

    private ClusterKeys(Map<String, byte[]> descriptorKeys, String active, byte[] names) {
        this.descriptorKeys = descriptorKeys;
        this.active = active;
        this.names = names;
    }

    /** No keys: descriptors are not signed, and names are plain hashes. */
    public static ClusterKeys none() {
        return NONE;
    }

    /**
     * Reads keys.
     *
     * @throws IllegalArgumentException with what is wrong, and in which line, but no secret
     */
    public static ClusterKeys parse(String text) {
        Map<String, byte[]> keys = new LinkedHashMap<>();
        String[] lines = text.split("\\R", -1);
        for (int i = 0; i < lines.length; i++) {
            String line = lines[i].strip();
            if (line.isEmpty() || line.startsWith("#")) {
                continue;
            }
            String[] words = line.split("\\s+", -1);
            String where = "line " + (i + 1) + " of the keys";
            require(words.length == 2, where + " must be an id and a secret, not " + words.length + " words");
            require(ID.matcher(words[0]).matches(), where + ": an id is 1 to 64 letters, digits, '.', '_' or '-'");
            require(keys.put(words[0], secret(words[1], where)) == null, where + ": a second key '" + words[0] + "'");
            require(keys.size() <= MAX_KEYS, where + ": more than " + MAX_KEYS + " keys");
        }
        byte[] names = keys.remove(NAMES);
        require(names != null, "the keys have no line '" + NAMES + "', the secret of block names");
        require(!keys.isEmpty(), "the keys have none for descriptors, only '" + NAMES + "'");
        return new ClusterKeys(keys, keys.keySet().iterator().next(), names == null ? new byte[0] : names);
    }

    private static byte[] secret(String base64, String where) {
        byte[] secret;
        try {
            secret = Base64.getDecoder().decode(base64);
        } catch (IllegalArgumentException e) {
            // Its message would quote the secret.
            throw new IllegalArgumentException(where + ": the secret is not in base64");
        }
        require(
                secret.length >= MIN_SECRET_BYTES,
                where + ": the secret has " + secret.length + " bytes; it needs at least " + MIN_SECRET_BYTES);
        return secret;
    }

    private static void require(boolean ok, String message) {
        if (!ok) {
            throw new IllegalArgumentException(message);
        }
    }

    /** Whether there are none. */
    public boolean isEmpty() {
        return descriptorKeys.isEmpty();
    }

    /** Id of the key that signs. */
    String active() {
        return active;
    }

    /** The secret of a key of descriptors. */
    byte @Nullable [] descriptorKey(String id) {
        return descriptorKeys.get(id);
    }

    /** The secret that block names are made with; empty where there are no keys. */
    public Optional<byte[]> names() {
        return isEmpty() ? Optional.empty() : Optional.of(names.clone());
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof ClusterKeys k
                && active.equals(k.active)
                && Arrays.equals(names, k.names)
                && descriptorKeys.keySet().equals(k.descriptorKeys.keySet())
                && descriptorKeys.entrySet().stream()
                        .allMatch(e -> Arrays.equals(e.getValue(), k.descriptorKeys.get(e.getKey())));
    }

    @Override
    public int hashCode() {
        return descriptorKeys.keySet().hashCode();
    }

    /** Ids only. */
    @Override
    public String toString() {
        return isEmpty() ? "no keys" : "keys " + String.join(", ", descriptorKeys.keySet()) + "; " + active + " signs";
    }
}
