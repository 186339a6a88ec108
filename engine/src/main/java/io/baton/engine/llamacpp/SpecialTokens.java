package io.baton.engine.llamacpp;

import io.baton.engine.Tokenizer.ChatMessage;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Keeps special tokens that somebody said apart from those that the chat template wrote: the former are put between two
 * private-use characters before rendering, and what is between them afterwards is tokenised as plain text.
 *
 * <p>A text with such a span is tokenised in parts, so tokens cannot join across the span's ends, and a vocabulary that puts
 * a space before a text puts one before each part; a text without such a span is tokenised as a whole.
 *
 * <p><em>Thread-safety:</em> immutable.
 */
final class SpecialTokens {
    private static final int PRIVATE_USE_BEGIN = 0xE000;
    private static final int PRIVATE_USE_END = 0xF8FF;

    @Nullable
    private final Pattern any;

    /** {@code llama_tokenize}, as far as it is needed here. */
    interface Encoder {
        int[] encode(String text, boolean addSpecial, boolean parseSpecial);
    }

    private SpecialTokens(List<String> texts) {
        List<String> longestFirst = texts.stream()
                .filter(t -> !t.isEmpty())
                .sorted(Comparator.comparingInt(String::length).reversed())
                .map(Pattern::quote)
                .toList();
        any = longestFirst.isEmpty() ? null : Pattern.compile(String.join("|", longestFirst));
    }

    /** With these texts. */
    static SpecialTokens of(List<String> texts) {
        return new SpecialTokens(texts);
    }

    /** Those of a vocabulary that count only where special tokens are parsed. */
    static SpecialTokens of(LlamaVocab vocab) {
        List<String> texts = new ArrayList<>();
        for (int i = 0; i < vocab.nTokens(); i++) {
            if ((vocab.attr(i) & (LlamaVocab.ATTR_CONTROL | LlamaVocab.ATTR_UNKNOWN)) != 0) {
                texts.add(vocab.text(i));
            }
        }
        return new SpecialTokens(texts);
    }

    /**
     * Messages ready to be rendered.
     *
     * @param messages with marks
     * @param open character before a span; 0 if nothing is marked
     * @param close character after it
     */
    record Marked(List<ChatMessage> messages, char open, char close) {
        /** Token ids of the rendered messages. */
        int[] encode(String rendered, boolean addSpecial, Encoder encoder) {
            if (open == 0) {
                return encoder.encode(rendered, addSpecial, true);
            }
            List<int[]> parts = new ArrayList<>();
            boolean first = addSpecial;
            int at = 0;
            while (at < rendered.length()) {
                int begin = rendered.indexOf(open, at);
                int end = begin < 0 ? -1 : rendered.indexOf(close, begin);
                if (end < 0) {
                    begin = rendered.length();
                    end = begin;
                }
                if (begin > at || first) {
                    parts.add(encoder.encode(unmarked(rendered.substring(at, begin)), first, true));
                    first = false;
                }
                if (end > begin) {
                    parts.add(encoder.encode(unmarked(rendered.substring(begin, end)), false, false));
                }
                at = end + 1;
            }
            return parts.stream().flatMapToInt(Arrays::stream).toArray();
        }

        /** A template may cut a marked text in pieces; a mark that lost its other half goes too. */
        private String unmarked(String text) {
            return text.replace(String.valueOf(open), "").replace(String.valueOf(close), "");
        }
    }

    /**
     * Marks every special token in what was said.
     *
     * @throws BatonException {@code INVALID_REQUEST} if a role holds one: roles are for the template to read
     */
    Marked mark(List<ChatMessage> messages) {
        Pattern pattern = any;
        if (pattern != null) {
            for (ChatMessage m : messages) {
                if (pattern.matcher(m.role()).find()) {
                    throw new BatonException(
                            ErrorCode.INVALID_REQUEST, "the role of a message holds a special token of the model");
                }
            }
        }
        if (pattern == null
                || messages.stream().noneMatch(m -> pattern.matcher(m.content()).find())) {
            return new Marked(messages, (char) 0, (char) 0);
        }
        char open = unused(messages, (char) PRIVATE_USE_BEGIN);
        char close = unused(messages, (char) (open + 1));
        List<ChatMessage> marked = messages.stream()
                .map(m -> new ChatMessage(
                        m.role(),
                        pattern.matcher(m.content())
                                .replaceAll(found -> Matcher.quoteReplacement(open + found.group() + close))))
                .toList();
        return new Marked(marked, open, close);
    }

    private static char unused(List<ChatMessage> messages, char from) {
        for (char c = from; c <= PRIVATE_USE_END; c++) {
            char candidate = c;
            if (messages.stream().noneMatch(m -> m.content().indexOf(candidate) >= 0)) {
                return c;
            }
        }
        throw new BatonException(
                ErrorCode.INVALID_REQUEST, "the messages use every private-use character of Unicode; leave some out");
    }
}
