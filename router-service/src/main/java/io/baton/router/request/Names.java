package io.baton.router.request;

import java.util.HexFormat;
import java.util.concurrent.ThreadLocalRandom;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Names of requests, and the trace context that travels with them.
 *
 * <p><em>Thread-safety:</em> stateless.
 */
public final class Names {
    /** Most characters of a request's name. */
    public static final int MAX_LENGTH = 128;
    /** What a name must be, for error messages. */
    public static final String RULE = "must be 1 to " + MAX_LENGTH + " printable ASCII characters without spaces";

    private static final HexFormat HEX = HexFormat.of();
    /** Longest part of a client's name that the legs carry: the rest makes it unique. */
    private static final int MAX_PART = MAX_LENGTH - 17;

    private static final Pattern TRACEPARENT =
            Pattern.compile("(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-[!-~]{0,64})?");

    private Names() {}

    /** Whether a client's name may be used. */
    public static boolean isValid(String name) {
        if (name.isEmpty() || name.length() > MAX_LENGTH) {
            return false;
        }
        for (int i = 0; i < name.length(); i++) {
            char c = name.charAt(i);
            if (c <= ' ' || c > '~') {
                return false;
            }
        }
        return true;
    }

    /** A new name: 32 hexadecimal digits drawn at random. */
    public static String random() {
        ThreadLocalRandom random = ThreadLocalRandom.current();
        return HEX.toHexDigits(random.nextLong()) + HEX.toHexDigits(random.nextLong());
    }

    /**
     * A name for the legs that starts like the client's one and is unique: two requests may have the same name, here or at another
     * router, and workers must not take one for the other.
     */
    public static String unique(String name) {
        String part = name.length() <= MAX_PART ? name : name.substring(0, MAX_PART);
        return part + "~" + HEX.toHexDigits(ThreadLocalRandom.current().nextLong());
    }

    /** The trace context if it is valid by W3C Trace Context; else null, because that says to go on without it. */
    public static @Nullable String traceparent(@Nullable String header) {
        return header != null && TRACEPARENT.matcher(header).matches() ? header : null;
    }
}
