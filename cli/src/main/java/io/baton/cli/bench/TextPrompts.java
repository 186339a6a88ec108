package io.baton.cli.bench;

import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Prompts of text of which {@link SimulatedFleet} makes a wanted number of tokens, begun differently each time so that no
 * two share a prefix.
 *
 * <p><em>Thread-safety:</em> thread-safe.
 */
final class TextPrompts {
    /** Least tokens of a prompt. */
    static final int SHORTEST = 2;

    private static final int HEAD_DIGITS = 8;

    private final Map<Integer, String> bodies = new ConcurrentHashMap<>();
    private final AtomicInteger next = new AtomicInteger();

    /** A prompt of so many tokens, at least 2. */
    String next(int tokens) {
        String body = bodies.computeIfAbsent(tokens, TextPrompts::body);
        return String.format("%0" + HEAD_DIGITS + "d", next.getAndIncrement()) + body;
    }

    private static String body(int tokens) {
        SplittableRandom random = new SplittableRandom(tokens);
        int length = Math.max(0, tokens * SimulatedFleet.TEXT_BYTES - HEAD_DIGITS);
        StringBuilder text = new StringBuilder(length);
        while (text.length() < length) {
            // Words of three to eight letters, as prose has them.
            for (int letters = random.nextInt(3, 9); letters > 0; letters--) {
                text.append((char) random.nextInt('a', 'z' + 1));
            }
            text.append(' ');
        }
        text.setLength(length);
        return text.toString();
    }
}
