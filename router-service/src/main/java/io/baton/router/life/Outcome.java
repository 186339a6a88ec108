package io.baton.router.life;

import io.baton.decode.v1.DecodeFinished;
import io.baton.inference.v1.Completion;
import io.baton.prefill.v1.PrefillFinished;
import org.jspecify.annotations.Nullable;

/**
 * How a generation ended well, with the reports of both legs.
 *
 * @param completion how it ended
 * @param promptTokens tokens of the prompt
 * @param prefill prefill's closing report; null if it never came
 * @param decode decode's closing report; null if the first token ended the request
 */
public record Outcome(
        Completion completion,
        int promptTokens,
        @Nullable PrefillFinished prefill,
        @Nullable DecodeFinished decode) {
    Outcome withPrefill(PrefillFinished report) {
        return new Outcome(completion, promptTokens, report, decode);
    }
}
