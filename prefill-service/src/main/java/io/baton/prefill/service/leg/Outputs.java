package io.baton.prefill.service.leg;

import io.baton.inference.v1.TokenOutput;
import org.jspecify.annotations.Nullable;

/**
 * Outputs joined.
 *
 * <p><em>Thread-safety:</em> stateless.
 */
final class Outputs {
    private Outputs() {}

    /** {@code before}, where a moved stream left something unsent, followed by {@code output}. */
    static TokenOutput join(@Nullable TokenOutput before, TokenOutput output) {
        if (before == null
                || (before.getTokenIds().isEmpty() && before.getText().isEmpty())) {
            return output;
        }
        return output.toBuilder()
                .setIndex(before.getTokenIds().isEmpty() ? output.getIndex() : before.getIndex())
                .setTokenIds(before.getTokenIds().concat(output.getTokenIds()))
                .setText(before.getText() + output.getText())
                .build();
    }
}
