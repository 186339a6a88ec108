package io.baton.router.life;

import com.google.protobuf.ByteString;
import io.baton.prefill.v1.Continuation;
import io.baton.prefill.v1.PrefillFinished;
import org.jspecify.annotations.Nullable;

/**
 * A stream that lost its workers after the client had been sent tokens: what other workers need to continue it. Its prompt
 * and the tokens so far are their prompt.
 *
 * @param prompt token ids of the prompt (little-endian int32)
 * @param maxTokens the max_tokens in force, counted from the request's start
 * @param progress what the client has been sent; at least one token
 * @param report prefill's report of the first attempt, which computed the prompt; null if it never came
 * @param waits how often workers were waited for
 */
record Resume(
        ByteString prompt,
        int maxTokens,
        Progress progress,
        @Nullable PrefillFinished report,
        int waits) {
    Resume waited() {
        return new Resume(prompt, maxTokens, progress, report, waits + 1);
    }

    /** Everything that was computed: prompt, then generated. */
    ByteString tokenIds() {
        return prompt.concat(progress.generated());
    }

    Continuation continuation() {
        return Continuation.newBuilder()
                .setPromptTokens(prompt.size() / Integer.BYTES)
                .setTokensSent(progress.tokens())
                .setTextBytesSent(progress.textBytes())
                .build();
    }
}
