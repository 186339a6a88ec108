package io.baton.prefill.service.leg;

import io.baton.engine.ModelInfo;
import io.baton.engine.SampledToken;
import io.baton.engine.Tokenizer;
import io.baton.engine.text.Generation;
import io.baton.engine.text.StopRules;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.inference.v1.TokenOutput;
import io.baton.prefill.v1.Continuation;
import io.baton.prefill.v1.PrefillFirstToken;
import io.baton.worker.prompt.PromptRequest;
import io.baton.worker.prompt.TokenizedPrompt;

/**
 * What a leg says of text: the first token, and before it what a moved stream had generated and not sent.
 *
 * <p><em>Thread-safety:</em> none; guarded by its leg.
 */
final class FirstOutput {
    private final Generation generation;
    private final TokenOutput unsent;

    /**
     * Replays what the request continues, if anything.
     *
     * @throws BatonException {@code PROTOCOL_VIOLATION} if that has ended already
     */
    FirstOutput(PromptRequest request, TokenizedPrompt prompt, ModelInfo model, Tokenizer tokenizer) {
        this.generation = new Generation(StopRules.of(request.stop(), prompt.maxTokens(), model), tokenizer);
        Continuation c = request.continuation();
        if (c == null) {
            unsent = TokenOutput.getDefaultInstance();
            return;
        }
        Generation.Step step = generation.replay(prompt.generated(), c.getTokensSent(), c.getTextBytesSent());
        if (step.completion() != null) {
            throw new BatonException(
                    ErrorCode.PROTOCOL_VIOLATION,
                    "the prefill protocol was broken: the stream to continue has ended already");
        }
        unsent = step.output();
    }

    /** The message that tells of the first token. */
    PrefillFirstToken of(SampledToken token) {
        Generation.Step step = generation.accept(token);
        PrefillFirstToken.Builder first = PrefillFirstToken.newBuilder().setOutput(afterUnsent(step.output()));
        if (step.completion() != null) {
            first.setCompletion(step.completion());
        }
        return first.build();
    }

    private TokenOutput afterUnsent(TokenOutput output) {
        if (unsent.getTokenIds().isEmpty() && unsent.getText().isEmpty()) {
            return output;
        }
        return output.toBuilder()
                .setIndex(unsent.getTokenIds().isEmpty() ? output.getIndex() : unsent.getIndex())
                .setTokenIds(unsent.getTokenIds().concat(output.getTokenIds()))
                .setText(unsent.getText() + output.getText())
                .build();
    }
}
