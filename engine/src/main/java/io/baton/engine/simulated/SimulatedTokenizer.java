package io.baton.engine.simulated;

import io.baton.engine.Tokenizer;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * A reversible tokenizer: five control tokens, the 256 bytes, then words. Words take the longest match; all else becomes
 * bytes, so characters outside ASCII split over tokens. Conversations are rendered as ChatML.
 *
 * <p><em>Thread-safety:</em> immutable.
 */
final class SimulatedTokenizer implements Tokenizer {
    static final int UNKNOWN = 0;
    static final int BEGIN = 1;
    static final int END = 2;
    static final int IM_START = 3;
    static final int IM_END = 4;
    private static final int FIRST_BYTE = 5;
    /** The first token that is a word. */
    static final int FIRST_WORD = FIRST_BYTE + 256;
    /** Control tokens, bytes and one word. */
    static final int LEAST_VOCABULARY = FIRST_WORD + 1;

    private static final List<String> WORDS = List.of(
            " the",
            " a",
            " and",
            " to",
            " of",
            " in",
            " was",
            " fox",
            " lantern",
            " Ruby",
            " found",
            " night",
            " river",
            " she",
            " he",
            " said",
            " little",
            " story",
            " hello",
            " world",
            "hello",
            "story",
            "ing",
            "ed",
            ".",
            ",",
            "!",
            "?",
            "\n",
            " ",
            " caf\u00e9",
            " \u20ac",
            " \ud83e\udd8a",
            "user",
            "assistant",
            "system");
    private static final Map<String, Integer> CONTROL =
            Map.of("<s>", BEGIN, "</s>", END, "<|im_start|>", IM_START, "<|im_end|>", IM_END);

    private final byte[][] pieces;
    private final Map<String, Integer> words = new HashMap<>();
    private final int longest;

    SimulatedTokenizer(int vocabulary) {
        pieces = new byte[vocabulary][];
        int most = 0;
        for (int id = 0; id < vocabulary; id++) {
            if (id < FIRST_BYTE) {
                pieces[id] = new byte[0];
            } else if (id < FIRST_WORD) {
                pieces[id] = new byte[] {(byte) (id - FIRST_BYTE)};
            } else {
                int n = id - FIRST_WORD;
                String word = n < WORDS.size() ? WORDS.get(n) : String.format(Locale.ROOT, " w%d", n);
                pieces[id] = word.getBytes(StandardCharsets.UTF_8);
                words.put(word, id);
                most = Math.max(most, word.length());
            }
        }
        longest = most;
    }

    @Override
    public int[] encode(String text, boolean addSpecial, boolean parseSpecial) {
        Ids ids = new Ids(text.length() + 1);
        if (addSpecial) {
            ids.add(BEGIN);
        }
        append(text, parseSpecial, ids);
        return ids.toArray();
    }

    private void append(String text, boolean parseSpecial, Ids ids) {
        int at = 0;
        while (at < text.length()) {
            int length = Math.min(longest, text.length() - at);
            Integer found = null;
            if (parseSpecial) {
                for (Map.Entry<String, Integer> control : CONTROL.entrySet()) {
                    if (text.startsWith(control.getKey(), at)) {
                        found = control.getValue();
                        length = control.getKey().length();
                    }
                }
            }
            while (found == null && length > 0) {
                found = words.get(text.substring(at, at + length));
                length -= found == null ? 1 : 0;
            }
            if (found != null) {
                ids.add(found);
                at += length;
            } else {
                int c = text.codePointAt(at);
                for (byte b : Character.toString(c).getBytes(StandardCharsets.UTF_8)) {
                    ids.add(FIRST_BYTE + (b & 0xff));
                }
                at += Character.charCount(c);
            }
        }
    }

    @Override
    public byte[] piece(int token) {
        return pieces[token].clone();
    }

    @Override
    public int[] encodeChat(List<ChatMessage> messages, boolean addGenerationPrompt) {
        if (messages.isEmpty()) {
            throw new BatonException(ErrorCode.INVALID_REQUEST, "the conversation has no messages; send at least one");
        }
        Ids ids = new Ids(64);
        ids.add(BEGIN);
        for (ChatMessage m : messages) {
            ids.add(IM_START);
            append(m.role() + "\n" + m.content(), false, ids);
            ids.add(IM_END);
            append("\n", false, ids);
        }
        if (addGenerationPrompt) {
            ids.add(IM_START);
            append("assistant\n", false, ids);
        }
        return ids.toArray();
    }

    /** A growing array of ids. */
    private static final class Ids {
        private int[] ids;
        private int size;

        Ids(int capacity) {
            ids = new int[capacity];
        }

        void add(int id) {
            if (size == ids.length) {
                ids = java.util.Arrays.copyOf(ids, 2 * size + 1);
            }
            ids[size++] = id;
        }

        int[] toArray() {
            return java.util.Arrays.copyOf(ids, size);
        }
    }
}
