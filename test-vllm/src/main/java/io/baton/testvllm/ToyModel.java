package io.baton.testvllm;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A model of letters: a token is a byte of text, the KV row of a token is a digest of all tokens up to it, and the next token
 * is a function of the row of all tokens so far, the seed and the penalties. So a text goes on the same wherever it is cut.
 *
 * <p><em>Thread-safety:</em> stateless.
 */
public final class ToyModel {
    /** Ends a text. */
    public static final int EOS = 0;
    /** Begins every text that is tokenised. */
    public static final int BOS = 1;

    private static final int FIRST_BYTE = 3;
    /** Token ids are below it. */
    public static final int VOCABULARY = FIRST_BYTE + 256;

    private static final int LETTERS = 27;

    private ToyModel() {}

    /** Token ids of a text, with BOS. */
    public static int[] tokenize(String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        int[] ids = new int[bytes.length + 1];
        ids[0] = BOS;
        for (int i = 0; i < bytes.length; i++) {
            ids[i + 1] = FIRST_BYTE + (bytes[i] & 0xff);
        }
        return ids;
    }

    /** A conversation as the chat template renders it. */
    public static String render(List<String[]> messages, boolean addGenerationPrompt) {
        StringBuilder text = new StringBuilder();
        for (String[] m : messages) {
            text.append('<').append(m[0]).append('>').append(m[1]).append('\n');
        }
        return addGenerationPrompt ? text.append("<assistant>").toString() : text.toString();
    }

    /** KV rows of a prompt, one per token. */
    static long[] rows(int[] prompt) {
        long[] rows = new long[prompt.length];
        long row = 0x9e3779b97f4a7c15L;
        for (int i = 0; i < prompt.length; i++) {
            row = after(row, prompt[i]);
            rows[i] = row;
        }
        return rows;
    }

    private static long after(long row, int token) {
        return mix(row ^ token);
    }

    private static long mix(long x) {
        long z = (x + 0x9e3779b97f4a7c15L) * 0xbf58476d1ce4e5b9L;
        z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
        return z ^ (z >>> 31);
    }

    /**
     * How a generation is to go.
     *
     * @param salt stands for seed, temperature and all else that changes which tokens are chosen
     */
    public record Rules(
            int maxTokens, int minTokens, boolean ignoreEos, List<String> stop, List<Integer> stopTokenIds, long salt) {
        /** Copies the lists. */
        public Rules {
            stop = List.copyOf(stop);
            stopTokenIds = List.copyOf(stopTokenIds);
        }

        /** What Baton's API makes of a request that sets max_tokens, seed and temperature alone. */
        public static Rules of(int maxTokens, long seed, double temperature) {
            long salt = CompletionBody.salt(seed, temperature, 1.0, -1, 0.0, 1.0, 0.0, 0.0, "");
            return new Rules(maxTokens, 0, false, List.of(), List.of(), salt);
        }

        /** The same with stop strings. */
        public Rules stopping(String... strings) {
            return new Rules(maxTokens, minTokens, ignoreEos, List.of(strings), stopTokenIds, salt);
        }

        /** The same without an end of text. */
        public Rules endless() {
            return new Rules(maxTokens, minTokens, true, stop, stopTokenIds, salt);
        }
    }

    /**
     * A generation.
     *
     * @param tokens all of them, the one that ended it included
     * @param text without the stop string
     * @param reason finish_reason
     * @param stopReason stop_reason: a String, an Integer or null
     */
    public record Output(
            List<Integer> tokens,
            String text,
            String reason,
            @Nullable Object stopReason) {
        /** Copies the list. */
        public Output {
            tokens = List.copyOf(tokens);
        }
    }

    /** What the model says after a prompt that it computed itself: what a client must see however the work was divided. */
    public static Output expected(int[] prompt, Rules rules) {
        long[] rows = rows(prompt);
        return generate(rows[rows.length - 1], rules);
    }

    static Output generate(long lastRow, Rules rules) {
        List<Integer> tokens = new ArrayList<>();
        StringBuilder text = new StringBuilder();
        long row = lastRow;
        while (true) {
            int token = next(mix(mix(row ^ rules.salt())), rules, tokens.size());
            tokens.add(token);
            row = after(row, token);
            if (token == EOS && !rules.ignoreEos()) {
                return new Output(tokens, text.toString(), "stop", null);
            }
            if (rules.stopTokenIds().contains(token) && tokens.size() > rules.minTokens()) {
                return new Output(tokens, text.toString(), "stop", token);
            }
            text.append(text(token));
            for (String stop : rules.stop()) {
                int at = text.indexOf(stop);
                if (at >= 0 && tokens.size() > rules.minTokens()) {
                    return new Output(tokens, text.substring(0, at), "stop", stop);
                }
            }
            if (tokens.size() >= rules.maxTokens()) {
                return new Output(tokens, text.toString(), "length", null);
            }
        }
    }

    private static int next(long state, Rules rules, int before) {
        boolean mayEnd = !rules.ignoreEos() && before >= rules.minTokens();
        if (mayEnd && Math.floorMod(state >>> 20, 60) == 0) {
            return EOS;
        }
        int letter = (int) Math.floorMod(state, (long) LETTERS);
        return FIRST_BYTE + (letter == LETTERS - 1 ? ' ' : 'a' + letter);
    }

    /** Text of a token; all that are generated are ASCII. */
    static String text(int token) {
        return token < FIRST_BYTE ? "" : String.valueOf((char) (token - FIRST_BYTE));
    }
}
