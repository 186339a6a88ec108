package io.baton.router.auth;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The keys that clients may show, each with the tenant that it stands for. Only SHA-256 digests are kept; whether a key is known
 * takes the same time whichever it is and wherever it differs.
 *
 * <p><em>Thread-safety:</em> immutable.
 */
public final class ApiKeys {
    /** Fewer could be guessed. */
    static final int SHORTEST_KEY = 16;
    /** A longer key is none, and is not hashed. */
    static final int LONGEST_KEY = 512;

    private static final String DIGEST_MARK = "sha256:";
    private static final Pattern LINE = Pattern.compile("([^:]*):\\s*(\\S+)");
    private static final Pattern TENANT = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,63}");
    /** What RFC 6750 lets a client send behind "Bearer". */
    private static final Pattern KEY = Pattern.compile("[A-Za-z0-9._~+/-]+=*");

    private record Entry(String tenant, byte[] digest) {}

    private final List<Entry> entries;

    private ApiKeys(List<Entry> entries) {
        this.entries = entries;
    }

    /**
     * Reads keys, one a line: {@code tenant: key}, or {@code tenant: sha256:DIGEST} with the key's SHA-256 in hexadecimal. Empty
     * lines, and those that begin with {@code #}, are skipped. A tenant may have several keys.
     *
     * @param most keys that there may be
     * @throws IllegalArgumentException if a line is wrong; the message has its number and never a key
     */
    public static ApiKeys parse(String text, int most) {
        List<Entry> entries = new ArrayList<>();
        Set<String> seen = new HashSet<>();
        int number = 0;
        for (String line : text.split("\n", -1)) {
            number++;
            String content = line.strip();
            if (content.isEmpty() || content.startsWith("#")) {
                continue;
            }
            Entry entry = entry(content, number);
            if (!seen.add(HexFormat.of().formatHex(entry.digest()))) {
                throw wrong(number, "has a key that an earlier line has; a key stands for one tenant");
            }
            entries.add(entry);
            if (entries.size() > most) {
                throw wrong(number, "is one too many: there may be " + most + " keys (baton.router.api-keys-max)");
            }
        }
        if (entries.isEmpty()) {
            throw new IllegalArgumentException("there is no key in it; write lines 'tenant: key'");
        }
        return new ApiKeys(List.copyOf(entries));
    }

    private static Entry entry(String line, int number) {
        Matcher m = LINE.matcher(line);
        if (!m.matches()) {
            throw wrong(number, "is not 'tenant: key'");
        }
        String tenant = m.group(1).strip();
        if (!TENANT.matcher(tenant).matches()) {
            throw wrong(number, "begins with no tenant: 1 to 64 letters, digits, '.', '_' and '-'");
        }
        String key = m.group(2);
        if (key.startsWith(DIGEST_MARK)) {
            String digest = key.substring(DIGEST_MARK.length());
            if (!digest.matches("[0-9a-fA-F]{64}")) {
                throw wrong(number, "has no SHA-256 behind sha256: it has 64 hexadecimal digits");
            }
            return new Entry(tenant, HexFormat.of().parseHex(digest));
        }
        if (key.length() < SHORTEST_KEY
                || key.length() > LONGEST_KEY
                || !KEY.matcher(key).matches()) {
            throw wrong(
                    number,
                    "has no key of " + SHORTEST_KEY + " to " + LONGEST_KEY
                            + " letters, digits, '-', '.', '_', '~', '+' and '/'");
        }
        return new Entry(tenant, digest(key));
    }

    private static IllegalArgumentException wrong(int line, String what) {
        return new IllegalArgumentException("line " + line + " " + what);
    }

    /** The tenant that a key stands for; null if nobody has that key. */
    @Nullable
    String tenant(String key) {
        if (key.length() > LONGEST_KEY) {
            return null;
        }
        byte[] digest = digest(key);
        String found = null;
        // All of them: how long it takes tells nothing of where a key stands.
        for (Entry entry : entries) {
            if (MessageDigest.isEqual(entry.digest(), digest)) {
                found = entry.tenant();
            }
        }
        return found;
    }

    /** How many keys there are. */
    public int size() {
        return entries.size();
    }

    private static byte[] digest(String key) {
        try {
            return MessageDigest.getInstance("SHA-256").digest(key.getBytes(StandardCharsets.UTF_8));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java platform has SHA-256", e);
        }
    }

    /** Tells how many keys of how many tenants; never a key. */
    @Override
    public String toString() {
        long tenants = entries.stream().map(Entry::tenant).distinct().count();
        return entries.size() + " API keys of " + tenants + " tenants";
    }
}
