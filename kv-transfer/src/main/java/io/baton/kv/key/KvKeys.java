package io.baton.kv.key;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The secrets of a cluster as of one moment: keys that sign descriptors, of which the first signs and all verify, and the
 * secret that block names are made with. Or none of them: then descriptors go unsigned and names are plain hashes.
 *
 * <p>As text, one line per secret: {@code id: secret}, the secret in base64, at least 32 bytes of it. The id {@value #NAMES}
 * is that of the secret of names; empty lines and those that begin with # say nothing. From a line's secret,
 * <pre>
 * signing key      = HMAC-SHA-256(secret, "baton:kv-sign:v1")
 * tenant's secret  = HMAC-SHA-256(secret of names, "baton:kv-tenant:v1" ‖ 0x00 ‖ length of tenant (32 bits LE) ‖ tenant (UTF-8))
 * </pre>
 *
 * <p><em>Thread-safety:</em> immutable. No secret appears in a message or in {@link #toString}.
 */
public final class KvKeys {
    /** Fewest bytes of a secret. */
    public static final int MIN_SECRET_BYTES = 32;
    /** Most keys that sign or verify. */
    public static final int MAX_KEYS = 16;
    /** Id of the secret of names. */
    public static final String NAMES = "names";

    private static final KvKeys NONE = new KvKeys(List.of(), null);
    private static final byte[] SIGN = "baton:kv-sign:v1".getBytes(StandardCharsets.US_ASCII);
    private static final byte[] TENANT = "baton:kv-tenant:v1\0".getBytes(StandardCharsets.US_ASCII);
    private static final Pattern LINE = Pattern.compile("([A-Za-z0-9][A-Za-z0-9._-]{0,62})\\s*:\\s*(\\S+)");

    private final List<Key> keys;
    private final byte @Nullable [] names;

    private static final class Key {
        final String id;
        final byte[] secret;

        Key(String id, byte[] secret) {
            this.id = id;
            this.secret = secret;
        }
    }

    private KvKeys(List<Key> keys, byte @Nullable [] names) {
        this.keys = keys;
        this.names = names;
    }

    /** No keys. */
    public static KvKeys none() {
        return NONE;
    }

    /**
     * Reads the text of a key file.
     *
     * @throws IllegalArgumentException if it is not as described; the message names the line and shows no secret
     */
    public static KvKeys parse(String text) {
        List<Key> keys = new ArrayList<>();
        var ids = new HashSet<String>();
        byte[] names = null;
        int number = 0;
        for (String line : text.lines().map(String::strip).toList()) {
            number++;
            if (line.isEmpty() || line.startsWith("#")) {
                continue;
            }
            var m = LINE.matcher(line);
            if (!m.matches()) {
                throw new IllegalArgumentException("line " + number + " is not 'id: secret'");
            }
            String id = m.group(1);
            if (!ids.add(id)) {
                throw new IllegalArgumentException("line " + number + " has the id of a line before it, '" + id + "'");
            }
            byte[] secret = secret(m.group(2), number);
            if (id.equals(NAMES)) {
                names = secret;
            } else {
                keys.add(new Key(id, Hmac.of(secret, SIGN)));
            }
        }
        if (keys.isEmpty() || keys.size() > MAX_KEYS || names == null) {
            throw new IllegalArgumentException(
                    "there must be 1 to " + MAX_KEYS + " keys that sign and one secret with the id '" + NAMES
                            + "'; there are " + keys.size() + " and " + (names == null ? 0 : 1));
        }
        return new KvKeys(List.copyOf(keys), names);
    }

    private static byte[] secret(String base64, int line) {
        byte[] secret;
        try {
            secret = Base64.getDecoder().decode(base64);
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException("the secret of line " + line + " is not base64", e);
        }
        if (secret.length < MIN_SECRET_BYTES) {
            throw new IllegalArgumentException("the secret of line " + line + " has " + secret.length
                    + " bytes; at least " + MIN_SECRET_BYTES + " are needed");
        }
        return secret;
    }

    /** The text of a key file with new secrets: one key {@code id} that signs, and one of names. */
    public static String generate(String id) {
        var random = new SecureRandom();
        return "# Signs the descriptors of KV blocks: the first key signs, every key verifies.\n" + id + ": "
                + draw(random)
                + "\n# Names KV blocks. Whoever changes it gives the prefix caches up.\n" + NAMES + ": " + draw(random)
                + "\n";
    }

    private static String draw(SecureRandom random) {
        byte[] secret = new byte[MIN_SECRET_BYTES];
        random.nextBytes(secret);
        return Base64.getEncoder().encodeToString(secret);
    }

    /** Whether there are keys: then every descriptor is signed, and none is taken that is not. */
    public boolean present() {
        return !keys.isEmpty();
    }

    /** Id of the key that signs; empty without keys. */
    public String signingId() {
        return keys.isEmpty() ? "" : keys.getFirst().id;
    }

    /** The code of {@code message} under the key that signs. */
    public byte[] sign(byte[] message) {
        return Hmac.of(keys.getFirst().secret, message);
    }

    /** Whether {@code code} is that of {@code message} under the key {@code id}. Takes as long for a wrong code as for the right one. */
    public boolean verify(String id, byte[] message, byte[] code) {
        for (Key key : keys) {
            if (key.id.equals(id)) {
                return MessageDigest.isEqual(Hmac.of(key.secret, message), code);
            }
        }
        return false;
    }

    /** Whether block names are made with the same secret as by {@code other}. */
    public boolean namesAs(KvKeys other) {
        byte[] mine = names == null ? new byte[0] : names;
        byte[] theirs = other.names == null ? new byte[0] : other.names;
        return MessageDigest.isEqual(mine, theirs);
    }

    /** The secret that names a tenant's blocks; empty without keys. */
    public Optional<byte[]> tenantSecret(String tenant) {
        if (names == null) {
            return Optional.empty();
        }
        byte[] id = tenant.getBytes(StandardCharsets.UTF_8);
        byte[] input = ByteBuffer.allocate(TENANT.length + Integer.BYTES + id.length)
                .order(ByteOrder.LITTLE_ENDIAN)
                .put(TENANT)
                .putInt(id.length)
                .put(id)
                .array();
        return Optional.of(Hmac.of(names, input));
    }

    /** The ids of the keys. */
    @Override
    public String toString() {
        return keys.isEmpty()
                ? "no keys"
                : "keys " + keys.stream().map(k -> k.id).toList();
    }
}
