package io.baton.engine.vllm;

import io.baton.inference.v1.Completion;
import io.baton.inference.v1.TokenOutput;

/** Is told what a stream brings, on the thread that reads it. A listener that blocks makes vLLM wait. */
public interface StreamListener {
    /** Tokens, their text, or both; never neither. */
    void onOutput(TokenOutput output) throws InterruptedException;

    /**
     * The stream is complete; nothing follows.
     *
     * @param completion how it ended
     * @param cachedTokens prompt tokens that were in the KV cache, taken over or from the prefix cache; −1 where vLLM does
     *     not tell (it does with {@code --enable-prompt-tokens-details})
     */
    void onFinished(Completion completion, int cachedTokens) throws InterruptedException;
}
