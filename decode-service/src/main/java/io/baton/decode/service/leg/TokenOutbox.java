package io.baton.decode.service.leg;

import com.google.protobuf.ByteString;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.inference.v1.TokenLogprob;
import io.baton.inference.v1.TokenOutput;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Tokens that a router has not taken yet. Generation does not wait for a slow reader: what gathers here goes out as one
 * message when the call is ready again, and a reader that falls too far behind loses the request.
 *
 * <p><em>Thread-safety:</em> none; guarded by its leg.
 */
final class TokenOutbox {
    private final int maxTokens;
    private final List<ByteString> ids = new ArrayList<>();
    private final List<TokenLogprob> logprobs = new ArrayList<>();
    private final StringBuilder text = new StringBuilder();
    private int index = -1;

    /** An outbox for at most {@code maxTokens} tokens. */
    TokenOutbox(int maxTokens) {
        this.maxTokens = maxTokens;
    }

    /**
     * Adds tokens or text.
     *
     * @throws BatonException {@code QUEUE_FULL} if the reader is too far behind
     */
    void add(TokenOutput output) {
        if (ids.size() >= maxTokens) {
            throw new BatonException(
                    ErrorCode.QUEUE_FULL,
                    "the router has not taken the last " + ids.size()
                            + " tokens, as many as baton.decode.outbox-tokens allows; the request is given up");
        }
        if (index < 0) {
            index = output.getIndex();
        }
        if (!output.getTokenIds().isEmpty()) {
            ids.add(output.getTokenIds());
        }
        logprobs.addAll(output.getLogprobsList());
        text.append(output.getText());
    }

    /** Everything that waits as one message, and empties the outbox; null if nothing waits. */
    @Nullable
    TokenOutput take() {
        if (index < 0) {
            return null;
        }
        TokenOutput all = TokenOutput.newBuilder()
                .setTokenIds(ByteString.copyFrom(ids))
                .setText(text.toString())
                .setIndex(index)
                .addAllLogprobs(logprobs)
                .build();
        ids.clear();
        logprobs.clear();
        text.setLength(0);
        index = -1;
        return all;
    }

    /** Tokens that wait. */
    int size() {
        return ids.size();
    }
}
