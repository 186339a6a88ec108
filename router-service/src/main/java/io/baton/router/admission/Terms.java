package io.baton.router.admission;

import java.time.Duration;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What a client asks of admission.
 *
 * @param priority its class
 * @param ttft how long it waits for its first token; null if it does not say
 */
public record Terms(Priority priority, @Nullable Duration ttft) {
    /** Name of the header, and of the metadata, with the class. */
    public static final String PRIORITY_HEADER = "baton-priority";
    /** Name of the header, and of the metadata, with the time. */
    public static final String TTFT_HEADER = "baton-ttft-timeout";
    /** What the first one must be, for error messages. */
    public static final String PRIORITY_RULE = "must be high, normal or batch";
    /** What the second one must be, for error messages. */
    public static final String TTFT_RULE = "must be a whole number from 1 to 99999999 with a unit, such as 500ms or 2s";

    /** A client that asks for nothing. */
    public static final Terms NONE = new Terms(Priority.NORMAL, null);

    private static final Pattern TTFT = Pattern.compile("([1-9][0-9]{0,7})(ms|s)");

    /** The class that a header names, null if it names none; NORMAL where there is no header. */
    public static @Nullable Priority priority(@Nullable String header) {
        if (header == null) {
            return Priority.NORMAL;
        }
        for (Priority p : Priority.values()) {
            if (p.label().equals(header)) {
                return p;
            }
        }
        return null;
    }

    /** Whether a header says a time as it must. */
    public static boolean isTtft(String header) {
        return TTFT.matcher(header).matches();
    }

    /** The time that a header says; null where there is none, or none that is valid. */
    public static @Nullable Duration ttft(@Nullable String header) {
        if (header == null || !isTtft(header)) {
            return null;
        }
        boolean millis = header.endsWith("ms");
        long value = Long.parseLong(header.substring(0, header.length() - (millis ? 2 : 1)));
        return millis ? Duration.ofMillis(value) : Duration.ofSeconds(value);
    }
}
