package io.baton.engine.text;

import io.baton.inference.v1.Completion;
import io.baton.inference.v1.FinishReason;
import org.jspecify.annotations.Nullable;

/**
 * The text of a generation, token by token, and when it ends.
 *
 * <p>Text comes out as soon as it is certain. Held back are the first bytes of an unfinished character and what may become
 * a stop string. A stop string counts if it ends in text that came with a token after the first {@code minTokens}; the
 * output ends before it. A stop token counts after the first {@code minTokens} tokens; it has no text.
 *
 * <p><em>Thread-safety:</em> none.
 */
public final class TextAssembler {
    /** Text that became certain, and how the generation ended if it did. */
    public record Delta(String text, @Nullable Completion completion) {}

    private final StopRules rules;
    private final Utf8Assembler utf8 = new Utf8Assembler();
    private final StopMatcher matcher;
    /** Certain characters that may still become part of a stop string. */
    private final StringBuilder held = new StringBuilder();

    private int tokens;
    private boolean ended;

    /** An assembler before the first generated token. */
    public TextAssembler(StopRules rules) {
        this.rules = rules;
        this.matcher = new StopMatcher(rules.stopStrings());
    }

    /** Tokens taken so far. */
    public int tokens() {
        return tokens;
    }

    /** Whether the generation has ended. */
    public boolean ended() {
        return ended;
    }

    /**
     * Takes the next generated token.
     *
     * @param piece its bytes
     */
    public Delta append(int token, byte[] piece) {
        if (ended) {
            throw new IllegalStateException("a token after the end of the generation");
        }
        boolean mayStop = tokens >= rules.minTokens();
        tokens++;
        StringBuilder out = new StringBuilder();
        if (mayStop && rules.stopTokens().contains(token)) {
            return end(out, FinishReason.FINISH_REASON_STOP, token);
        }
        String stopString = match(utf8.append(piece), mayStop, out);
        if (stopString != null) {
            ended = true;
            return new Delta(out.toString(), stopped(stopString));
        }
        if (tokens >= rules.maxTokens()) {
            return end(out, FinishReason.FINISH_REASON_LENGTH, null);
        }
        return new Delta(out.toString(), null);
    }

    /** Ends the generation for want of room: {@code FINISH_REASON_LENGTH} with the text that was held back. */
    public Delta finish() {
        if (ended) {
            throw new IllegalStateException("the generation has ended already");
        }
        return end(new StringBuilder(), FinishReason.FINISH_REASON_LENGTH, null);
    }

    private Delta end(StringBuilder out, FinishReason reason, @Nullable Integer stopToken) {
        ended = true;
        // An unfinished character becomes U+FFFD, which may itself complete a stop string.
        String stopString = match(utf8.finish(), tokens > rules.minTokens(), out);
        if (stopString != null) {
            return new Delta(out.toString(), stopped(stopString));
        }
        out.append(held);
        held.setLength(0);
        Completion.Builder completion =
                Completion.newBuilder().setReason(reason).setCompletionTokens(tokens);
        if (stopToken != null) {
            completion.setStopTokenId(stopToken);
        }
        return new Delta(out.toString(), completion.build());
    }

    private Completion stopped(String stopString) {
        return Completion.newBuilder()
                .setReason(FinishReason.FINISH_REASON_STOP)
                .setStopString(stopString)
                .setCompletionTokens(tokens)
                .build();
    }

    /** Moves characters through the matcher to {@code out}; returns the stop string that ended the text. */
    private @Nullable String match(String characters, boolean mayStop, StringBuilder out) {
        for (int i = 0; i < characters.length(); i++) {
            char c = characters.charAt(i);
            held.append(c);
            String found = matcher.accept(c);
            if (found != null && mayStop) {
                held.setLength(held.length() - found.length());
                out.append(held);
                held.setLength(0);
                return found;
            }
            int certain = held.length() - matcher.undecided();
            if (certain > 0) {
                out.append(held, 0, certain);
                held.delete(0, certain);
            }
        }
        return null;
    }
}
