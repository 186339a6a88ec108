package io.baton.decode.service.leg;

import io.baton.decode.v1.DecodeStart;
import io.baton.engine.ModelInfo;
import io.baton.engine.Sampling;
import io.baton.engine.sampling.SamplingRequests;
import io.baton.engine.text.StopRules;
import io.baton.engine.text.TokenIds;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.inference.v1.StopParams;
import io.baton.prefill.v1.Continuation;
import io.baton.worker.prompt.PromptRequest;
import io.baton.worker.prompt.TokenizedPrompt;
import java.util.Arrays;

/**
 * What generation starts from, checked against the reservation.
 *
 * @param history all tokens: prompt, then generated; the last one is not in the KV cache, and where the prompt is computed
 *     here, none is
 * @param promptTokens how many of them are the original prompt
 * @param sampling how to choose tokens
 * @param rules when the generation ends
 * @param topLogprobs alternatives per token, −1 for no log probabilities
 * @param tokensSent generated tokens that the client has been sent
 * @param textBytesSent bytes of text that the client has been sent
 * @param arrivedNanos when Start came
 */
public record StartRequest(
        int[] history,
        int promptTokens,
        Sampling sampling,
        StopRules rules,
        int topLogprobs,
        int tokensSent,
        long textBytesSent,
        long arrivedNanos) {
    /**
     * Checks a Start against the reservation that it continues.
     *
     * @throws BatonException {@code INVALID_REQUEST} if a parameter is out of range, {@code PROTOCOL_VIOLATION} if the
     *     tokens do not follow from the reservation
     */
    public static StartRequest of(DecodeStart s, ReserveRequest reserved, ModelInfo model, long now) {
        int[] generated = TokenIds.decode(s.getGeneratedTokenIds(), model.vocabularySize(), "generated_token_ids");
        int[] known = reserved.tokens();
        if (generated.length == 0) {
            throw violation("generated_token_ids is empty; the first token comes from prefill");
        }
        int prompt = s.getPromptTokens();
        if (prompt < 1 || prompt + generated.length - 1 != known.length) {
            throw violation("prompt_tokens is " + prompt + " with " + generated.length
                    + " generated tokens, but the KV cache was reserved for " + known.length
                    + " tokens: all but the last generated one");
        }
        if (!Arrays.equals(known, prompt, known.length, generated, 0, generated.length - 1)) {
            throw violation("generated_token_ids does not continue the token ids of the reservation");
        }
        StopParams stop = s.getStop();
        // What is asked for can be more than the cells: the router may have capped the reservation.
        int asked = stop.hasMaxTokens() ? stop.getMaxTokens() : Integer.MAX_VALUE;
        int[] history = Arrays.copyOf(known, known.length + 1);
        history[known.length] = generated[generated.length - 1];
        return new StartRequest(
                history,
                prompt,
                SamplingRequests.sampling(s.getSampling(), stop, model),
                StopRules.of(stop, asked, model),
                SamplingRequests.topLogprobs(s.hasTopLogprobs(), s.getTopLogprobs()),
                s.getTokensSent(),
                s.getTextBytesSent(),
                now);
    }

    /** What a prompt that is computed here starts from. */
    static StartRequest of(PromptRequest request, TokenizedPrompt prompt, ModelInfo model, long now) {
        Continuation c = request.continuation();
        return new StartRequest(
                prompt.tokens(),
                prompt.promptTokens(),
                request.sampling(),
                StopRules.of(request.stop(), prompt.maxTokens(), model),
                request.topLogprobs(),
                c == null ? 0 : c.getTokensSent(),
                c == null ? 0 : c.getTextBytesSent(),
                now);
    }

    /** Generated tokens. */
    public int[] generated() {
        return Arrays.copyOfRange(history, promptTokens, history.length);
    }

    private static BatonException violation(String message) {
        return new BatonException(ErrorCode.PROTOCOL_VIOLATION, message);
    }
}
