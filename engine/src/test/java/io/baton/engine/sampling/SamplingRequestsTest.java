package io.baton.engine.sampling;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.baton.engine.ModelInfo;
import io.baton.engine.Sampling;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.inference.v1.SamplingParams;
import io.baton.inference.v1.StopParams;
import java.util.Map;
import java.util.Set;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class SamplingRequestsTest {
    private static final ModelInfo MODEL = new ModelInfo("m", "f", 100, 512, Set.of(2), "simulated");

    private static Sampling convert(UnaryOperator<SamplingParams.Builder> change) {
        return SamplingRequests.sampling(
                change.apply(SamplingParams.newBuilder().setSeed(7)).build(), StopParams.getDefaultInstance(), MODEL);
    }

    @Test
    void shouldUseTheDocumentedDefaults() {
        assertThat(convert(b -> b)).isEqualTo(new Sampling(1, 0, 1, 0, 1, 0, 0, 7, Map.of(), 0, Set.of()));
    }

    @Test
    void shouldTakeEveryFieldOver() {
        assertThat(convert(b -> b.setTemperature(0.5f)
                        .setTopK(3)
                        .setTopP(0.9f)
                        .setMinP(0.1f)
                        .setRepetitionPenalty(1.1f)
                        .setPresencePenalty(-2)
                        .setFrequencyPenalty(2)
                        .setSeed(-1)
                        .putLogitBias(99, -100)))
                .isEqualTo(new Sampling(0.5f, 3, 0.9f, 0.1f, 1.1f, -2, 2, -1, Map.of(99, -100f), 0, Set.of()));
    }

    static Stream<Arguments> outOfRange() {
        return Stream.of(
                refused("temperature", b -> b.setTemperature(-0.1f)),
                refused("temperature", b -> b.setTemperature(100.1f)),
                refused("temperature", b -> b.setTemperature(Float.NaN)),
                refused("temperature", b -> b.setTemperature(Float.POSITIVE_INFINITY)),
                refused("top_k", b -> b.setTopK(-1)),
                refused("top_p", b -> b.setTopP(0)),
                refused("top_p", b -> b.setTopP(1.01f)),
                refused("top_p", b -> b.setTopP(Float.NaN)),
                refused("min_p", b -> b.setMinP(-0.01f)),
                refused("min_p", b -> b.setMinP(1.01f)),
                refused("min_p", b -> b.setMinP(Float.NaN)),
                refused("repetition_penalty", b -> b.setRepetitionPenalty(0)),
                refused("repetition_penalty", b -> b.setRepetitionPenalty(10.1f)),
                refused("repetition_penalty", b -> b.setRepetitionPenalty(Float.NaN)),
                refused("presence_penalty", b -> b.setPresencePenalty(2.1f)),
                refused("presence_penalty", b -> b.setPresencePenalty(Float.NaN)),
                refused("frequency_penalty", b -> b.setFrequencyPenalty(-2.1f)),
                refused("frequency_penalty", b -> b.setFrequencyPenalty(Float.NaN)),
                refused("logit_bias", b -> b.putLogitBias(100, 1)),
                refused("logit_bias", b -> b.putLogitBias(-1, 1)),
                refused("logit_bias", b -> b.putLogitBias(1, 100.1f)),
                refused("logit_bias", b -> b.putLogitBias(1, Float.NaN)));
    }

    private static Arguments refused(String field, UnaryOperator<SamplingParams.Builder> change) {
        return Arguments.of(field, change);
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("outOfRange")
    void shouldNameTheFieldThatIsOutOfRange(String field, UnaryOperator<SamplingParams.Builder> change) {
        assertThatThrownBy(() -> convert(change))
                .hasMessageContaining("sampling." + field)
                .isInstanceOfSatisfying(
                        BatonException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.INVALID_REQUEST));
    }

    @Test
    void shouldAcceptTheEndsOfTheRanges() {
        assertThat(convert(b -> b.setTemperature(100).setTopP(1).setMinP(1).setRepetitionPenalty(10)))
                .isNotNull();
        assertThat(convert(b -> b.setTemperature(0).setMinP(0).putLogitBias(0, 100)))
                .isNotNull();
    }

    @Test
    void shouldRefuseTooManyBiases() {
        ModelInfo large = new ModelInfo("m", "f", 5000, 512, Set.of(2), "simulated");
        SamplingParams.Builder b = SamplingParams.newBuilder().setSeed(1);
        for (int i = 0; i <= SamplingRequests.MAX_LOGIT_BIAS_ENTRIES; i++) {
            b.putLogitBias(i, 1);
        }
        assertThatThrownBy(() -> SamplingRequests.sampling(b.build(), StopParams.getDefaultInstance(), large))
                .hasMessageContaining("1025 entries");
    }

    @Test
    void shouldDemandASeedBetweenServices() {
        assertThatThrownBy(() -> SamplingRequests.sampling(
                        SamplingParams.getDefaultInstance(), StopParams.getDefaultInstance(), MODEL))
                .isInstanceOfSatisfying(
                        BatonException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.PROTOCOL_VIOLATION));
    }

    @Test
    void shouldBanStopTokensUntilMinTokens() {
        // Given
        SamplingParams p = SamplingParams.newBuilder().setSeed(1).build();
        StopParams stop =
                StopParams.newBuilder().setMinTokens(4).addStopTokenIds(9).build();
        // Then
        Sampling s = SamplingRequests.sampling(p, stop, MODEL);
        assertThat(s.bannedUntil()).isEqualTo(4);
        assertThat(s.bannedEarly()).containsExactlyInAnyOrder(2, 9);
        assertThat(SamplingRequests.sampling(
                                p, stop.toBuilder().setIgnoreEos(true).build(), MODEL)
                        .bannedEarly())
                .containsExactly(9);
    }

    @Test
    void shouldCheckTheNumberOfAlternatives() {
        assertThat(SamplingRequests.topLogprobs(false, 0)).isEqualTo(-1);
        assertThat(SamplingRequests.topLogprobs(true, 0)).isZero();
        assertThat(SamplingRequests.topLogprobs(true, 20)).isEqualTo(20);
        assertThatThrownBy(() -> SamplingRequests.topLogprobs(true, 21)).hasMessageContaining("top_logprobs");
        assertThatThrownBy(() -> SamplingRequests.topLogprobs(true, -1)).hasMessageContaining("top_logprobs");
    }
}
