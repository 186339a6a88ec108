package io.baton.engine.text;

import com.google.protobuf.ByteString;
import io.baton.engine.SampledToken;
import io.baton.engine.Tokenizer;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.inference.v1.Completion;
import io.baton.inference.v1.TokenLogprob;
import io.baton.inference.v1.TokenOutput;
import io.baton.inference.v1.TopLogprob;
import org.jspecify.annotations.Nullable;

/**
 * The output of one request on one worker: chosen tokens in, {@link TokenOutput}s out.
 *
 * <p>A stream that moves is replayed: the tokens generated elsewhere go through the same assembler, and of what they give
 * only what the client has not been sent comes out. So the text goes on exactly where it was, in the middle of a character
 * or of a possible stop string too.
 *
 * <p><em>Thread-safety:</em> none; used by one thread at a time.
 */
public final class Generation {
    /**
     * What a token gave.
     *
     * @param output new tokens and new text; no tokens and no text if the client has been sent all of it
     * @param completion how the generation ended, null while it goes on
     */
    public record Step(TokenOutput output, @Nullable Completion completion) {}

    private final Tokenizer tokenizer;
    private final TextAssembler assembler;
    /** Generated tokens that the client has been sent. */
    private int tokensSent;
    /** UTF-8 bytes of the next text that the client has been sent. */
    private long bytesToSkip;

    /** A generation before its first token. */
    public Generation(StopRules rules, Tokenizer tokenizer) {
        this.tokenizer = tokenizer;
        this.assembler = new TextAssembler(rules);
    }

    /** Tokens generated so far, replayed ones included. */
    public int tokens() {
        return assembler.tokens();
    }

    /** Whether the generation has ended. */
    public boolean ended() {
        return assembler.ended();
    }

    /**
     * Takes over what was generated elsewhere. Before anything else, once.
     *
     * @param generated the generated token ids, in order
     * @param sentTokens how many generated tokens the client has been sent; one more than there are here if the next one
     *     is known and sent already
     * @param sentBytes UTF-8 bytes of text that the client has been sent
     * @return what the client has not been sent: without tokens and text if there is no such thing. Log probabilities of
     *     tokens chosen elsewhere are not known here.
     * @throws BatonException {@code PROTOCOL_VIOLATION} if the numbers cannot belong to these tokens
     */
    public Step replay(int[] generated, int sentTokens, long sentBytes) {
        if (assembler.tokens() > 0) {
            throw new IllegalStateException("replay comes before the first token");
        }
        if (sentTokens < 0 || sentTokens > generated.length + 1 || sentBytes < 0) {
            throw violation(sentTokens + " tokens and " + sentBytes + " bytes of text sent of " + generated.length
                    + " generated tokens");
        }
        tokensSent = sentTokens;
        bytesToSkip = sentBytes;
        StringBuilder text = new StringBuilder();
        Completion completion = null;
        for (int i = 0; i < generated.length; i++) {
            if (completion != null) {
                throw violation("token " + i + " of " + generated.length + " comes after the end of the generation");
            }
            TextAssembler.Delta delta = assembler.append(generated[i], tokenizer.piece(generated[i]));
            text.append(unsent(delta.text()));
            completion = delta.completion();
        }
        if (bytesToSkip > 0 && sentTokens <= generated.length) {
            throw violation(bytesToSkip + " bytes more of text sent than the generated tokens have");
        }
        int first = Math.min(tokensSent, generated.length);
        TokenOutput output = TokenOutput.newBuilder()
                .setTokenIds(TokenIds.encode(generated, first, generated.length))
                .setIndex(first)
                .setText(text.toString())
                .build();
        tokensSent = Math.max(tokensSent, generated.length);
        return new Step(output, completion);
    }

    /** Takes the next chosen token. */
    public Step accept(SampledToken token) {
        int index = assembler.tokens();
        byte[] piece = tokenizer.piece(token.id());
        TextAssembler.Delta delta = assembler.append(token.id(), piece);
        TokenOutput.Builder output = TokenOutput.newBuilder().setIndex(index).setText(unsent(delta.text()));
        if (index >= tokensSent) {
            output.setTokenIds(TokenIds.encode(token.id()));
            if (!Float.isNaN(token.logprob())) {
                output.addLogprobs(logprob(token, piece));
            }
            tokensSent = index + 1;
        }
        return new Step(output.build(), delta.completion());
    }

    /** Ends the generation for want of room: the text that was held back and {@code FINISH_REASON_LENGTH}. */
    public Step finish() {
        int index = assembler.tokens();
        TextAssembler.Delta delta = assembler.finish();
        return new Step(
                TokenOutput.newBuilder()
                        .setIndex(index)
                        .setText(unsent(delta.text()))
                        .build(),
                delta.completion());
    }

    private TokenLogprob logprob(SampledToken token, byte[] piece) {
        TokenLogprob.Builder logprob = TokenLogprob.newBuilder()
                .setTokenId(token.id())
                .setLogprob(token.logprob())
                .setToken(ByteString.copyFrom(piece));
        for (SampledToken.TokenProbability top : token.top()) {
            logprob.addTop(TopLogprob.newBuilder()
                    .setTokenId(top.id())
                    .setLogprob(top.logprob())
                    .setToken(ByteString.copyFrom(tokenizer.piece(top.id()))));
        }
        return logprob.build();
    }

    /** The part of {@code text} that the client has not been sent. */
    private String unsent(String text) {
        int at = 0;
        while (bytesToSkip > 0 && at < text.length()) {
            int c = text.codePointAt(at);
            bytesToSkip -= c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
            at += Character.charCount(c);
        }
        if (bytesToSkip < 0) {
            throw violation("the sent bytes of text end inside a character");
        }
        return text.substring(at);
    }

    private static BatonException violation(String what) {
        return new BatonException(
                ErrorCode.PROTOCOL_VIOLATION, "the state of a moved stream contradicts itself: " + what);
    }
}
