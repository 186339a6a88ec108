package io.baton.engine.vllm;

import io.baton.engine.text.TokenIds;
import io.baton.inference.v1.Completion;
import io.baton.inference.v1.TokenLogprob;
import io.baton.inference.v1.TokenOutput;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;

/** A listener that remembers. */
final class Recorded implements StreamListener {
    final CountDownLatch first = new CountDownLatch(1);
    final List<Integer> tokens = new ArrayList<>();
    final List<TokenLogprob> logprobs = new ArrayList<>();
    final StringBuilder text = new StringBuilder();

    @Nullable
    Completion completion;

    int cachedTokens = -2;

    @Override
    public void onOutput(TokenOutput output) {
        if (!output.getTokenIds().isEmpty() && output.getIndex() != tokens.size()) {
            throw new AssertionError("token " + output.getIndex() + " where " + tokens.size() + " was next");
        }
        for (int id : TokenIds.decode(output.getTokenIds(), Integer.MAX_VALUE, "ids")) {
            tokens.add(id);
        }
        logprobs.addAll(output.getLogprobsList());
        text.append(output.getText());
        first.countDown();
    }

    @Override
    public void onFinished(Completion how, int cached) {
        completion = how;
        cachedTokens = cached;
    }

    Completion completion() {
        Completion c = completion;
        if (c == null) {
            throw new AssertionError("the stream has not finished");
        }
        return c;
    }
}
