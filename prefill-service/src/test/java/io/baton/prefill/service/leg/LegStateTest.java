package io.baton.prefill.service.leg;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.baton.engine.Sampling;
import io.baton.inference.v1.Prompt;
import io.baton.inference.v1.StopParams;
import io.baton.worker.prompt.PromptRequest;
import io.baton.worker.prompt.TokenizedPrompt;
import org.junit.jupiter.api.Test;

class LegStateTest {
    private static final PromptRequest REQUEST = new PromptRequest(
            "r",
            1,
            "",
            Prompt.getDefaultInstance(),
            Sampling.greedy(),
            StopParams.getDefaultInstance(),
            -1,
            null,
            new long[0]);
    /** 40 tokens: two blocks of 16 and a tail of 8. */
    private static final TokenizedPrompt PROMPT = new TokenizedPrompt(new int[40], 40, 10, 0);

    private static LegState.Computing computing(String receiver) {
        return new LegState.AwaitingStart().start(REQUEST).prepared(PROMPT, 1).go(receiver, 16, 1_000);
    }

    @Test
    void shouldDescribeEveryBlockWhenSomebodyPulls() {
        assertThat(computing("decode-1").undescribed()).isEqualTo(3);
        assertThat(computing("decode-1").cachedTokens()).isEqualTo(16);
    }

    @Test
    void shouldDescribeNothingWhenNobodyPulls() {
        assertThat(computing("").undescribed()).isZero();
        assertThat(computing("").computed(24).complete()).isTrue();
    }

    @Test
    void shouldFinishOnlyWhenComputedAndEveryBlockDescribed() {
        // Given
        LegState.Computing computed = computing("decode-1").described(2).computed(24);

        // Then
        assertThat(computed.complete()).isFalse();
        assertThatThrownBy(computed::finish).isInstanceOf(IllegalStateException.class);
        assertThat(computed.described(1).complete()).isTrue();
    }

    @Test
    void shouldRememberAHalfCloseThatCameWhileComputing() {
        // When
        LegState.Draining draining = computing("").halfClose().computed(24).finish();

        // Then
        assertThat(draining.over(false)).isFalse();
        assertThat(draining.over(true)).isTrue();
    }

    @Test
    void shouldNotBeOverBeforeTheHalfClose() {
        // Given
        LegState.Draining draining = computing("").computed(24).finish();

        // Then
        assertThat(draining.over(true)).isFalse();
        assertThat(draining.halfClose().over(true)).isTrue();
    }

    @Test
    void shouldTellWaitAndComputeApart() {
        // When Go came at 1 µs, the first chunk began at 5 µs and the first token came at 105 µs
        LegState.Computing done =
                computing("").started(5_000).firstToken(105_000).computed(24);

        // Then
        assertThat(done.summary().getQueueUs()).isEqualTo(4);
        assertThat(done.summary().getPrefillUs()).isEqualTo(100);
        assertThat(done.summary().getComputedTokens()).isEqualTo(24);
        assertThat(done.summary().getCachedTokens()).isEqualTo(16);
    }

    @Test
    void shouldLeaveTheLastTokenOutOfWhatMayBeReused() {
        assertThat(new TokenizedPrompt(new int[32], 32, 1, 0).reusableBlocks(16))
                .isEqualTo(1);
        assertThat(new TokenizedPrompt(new int[33], 33, 1, 0).reusableBlocks(16))
                .isEqualTo(2);
        assertThat(new TokenizedPrompt(new int[1], 1, 1, 0).reusableBlocks(16)).isZero();
    }
}
