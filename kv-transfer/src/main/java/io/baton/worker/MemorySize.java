package io.baton.worker;

import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * An amount of memory in a setting: a whole number of bytes, or one with the unit K, M, G or T (powers of 1024, also
 * written Ki, KiB and so on).
 *
 * @param bytes the amount, at least 0
 */
public record MemorySize(long bytes) {
    private static final Pattern SYNTAX =
            Pattern.compile("(\\d+)\\s*(?:([KMGT])(?:I?B?|B)?)?", Pattern.CASE_INSENSITIVE);
    private static final String UNITS = "KMGT";

    /** Checks the range. */
    public MemorySize {
        if (bytes < 0) {
            throw new IllegalArgumentException("an amount of memory must not be negative, was " + bytes);
        }
    }

    /** Reads a setting; the configuration library finds this method by its name. */
    public static MemorySize of(String text) {
        Matcher m = SYNTAX.matcher(text.strip());
        if (!m.matches()) {
            throw new IllegalArgumentException("'" + text
                    + "' is not an amount of memory; write bytes or a number with K, M, G or T, such as 256M");
        }
        try {
            long number = Long.parseLong(m.group(1));
            String unit = m.group(2);
            int power = unit == null ? 0 : UNITS.indexOf(unit.toUpperCase(Locale.ROOT)) + 1;
            return new MemorySize(Math.multiplyExact(number, 1L << (10 * power)));
        } catch (ArithmeticException | NumberFormatException e) {
            throw new IllegalArgumentException("'" + text + "' is more memory than a machine can have", e);
        }
    }

    /** The amount as an int, for limits of single messages. */
    public int intBytes() {
        return Math.toIntExact(bytes);
    }

    @Override
    public String toString() {
        for (int power = UNITS.length(); power > 0; power--) {
            long unit = 1L << (10 * power);
            if (bytes >= unit && bytes % unit == 0) {
                return (bytes / unit) + UNITS.substring(power - 1, power);
            }
        }
        return Long.toString(bytes);
    }
}
