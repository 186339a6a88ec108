package io.baton.engine.sampling;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.baton.engine.SampledToken;
import io.baton.engine.Sampling;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SamplerTest {
    private static final int[] NO_HISTORY = {};

    private final Sampler sampler = new Sampler();

    private static Sampling with(
            float temperature, int topK, float topP, float minP, float repetition, float presence, float frequency) {
        return new Sampling(temperature, topK, topP, minP, repetition, presence, frequency, 0, Map.of(), 0, Set.of());
    }

    private static Sampling seeded(Sampling s, long seed) {
        return new Sampling(
                s.temperature(),
                s.topK(),
                s.topP(),
                s.minP(),
                s.repetitionPenalty(),
                s.presencePenalty(),
                s.frequencyPenalty(),
                seed,
                s.logitBias(),
                s.bannedUntil(),
                s.bannedEarly());
    }

    private int choose(Sampling s, int[] history, int promptTokens, float... logits) {
        return sampler.sample(
                        MemorySegment.ofArray(logits), logits.length, s, history, history.length, promptTokens, -1)
                .id();
    }

    @Test
    void shouldTakeTheLowestIdAmongEqualsWhenGreedy() {
        assertThat(choose(Sampling.greedy(), NO_HISTORY, 0, 1f, 3f, 3f, 2f)).isEqualTo(1);
    }

    @Test
    void shouldReadOffHeapLogitsAtAnyAlignment() {
        try (Arena arena = Arena.ofConfined()) {
            // Given
            MemorySegment logits = arena.allocate(13).asSlice(1, 12);
            logits.set(ValueLayout.JAVA_FLOAT_UNALIGNED, 0, -1f);
            logits.set(ValueLayout.JAVA_FLOAT_UNALIGNED, 4, 5f);
            logits.set(ValueLayout.JAVA_FLOAT_UNALIGNED, 8, 2f);
            // When
            SampledToken token = sampler.sample(logits, 3, Sampling.greedy(), NO_HISTORY, 0, 0, -1);
            // Then
            assertThat(token.id()).isEqualTo(1);
            assertThat(token.position()).isZero();
            assertThat(token.logprob()).isNaN();
            assertThat(token.top()).isEmpty();
        }
    }

    @ParameterizedTest
    @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY})
    void shouldRefuseLogitsThatAreNotFinite(float bad) {
        for (Sampling s : new Sampling[] {Sampling.greedy(), with(1, 0, 1, 0, 1, 0, 0), with(0, 0, 1, 0, 1.1f, 0, 0)}) {
            assertThatThrownBy(() -> choose(s, NO_HISTORY, 0, 1f, bad, 2f))
                    .isInstanceOfSatisfying(
                            BatonException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.ENGINE_FAILED));
        }
    }

    @Test
    void shouldReportLogProbabilitiesOfTheRawLogits() {
        // Given a choice that bias changes
        Sampling biased = new Sampling(0, 0, 1, 0, 1, 0, 0, 0, Map.of(0, 100f), 0, Set.of());
        float[] logits = {0f, (float) Math.log(2), (float) Math.log(5), (float) Math.log(2)};
        // When
        SampledToken token = sampler.sample(MemorySegment.ofArray(logits), 4, biased, new int[] {3, 3}, 2, 1, 3);
        // Then the probabilities are 0.1, 0.2, 0.5, 0.2
        assertThat(token.id()).isZero();
        assertThat(token.position()).isEqualTo(2);
        assertThat(token.logprob()).isCloseTo((float) Math.log(0.1), within(1e-6f));
        assertThat(token.top()).extracting(SampledToken.TokenProbability::id).containsExactly(2, 1, 3);
        assertThat(token.top().get(0).logprob()).isCloseTo((float) Math.log(0.5), within(1e-6f));
    }

    @Test
    void shouldReportAForcedTokenWithItsLogProbability() {
        SampledToken token = sampler.forced(MemorySegment.ofArray(new float[] {0f, 0f}), 2, 1, 9, 0);
        assertThat(token.id()).isEqualTo(1);
        assertThat(token.position()).isEqualTo(9);
        assertThat(token.logprob()).isCloseTo((float) Math.log(0.5), within(1e-6f));
        assertThat(token.top()).isEmpty();
    }

    @Test
    void shouldBanEarlyEndsWhileTooFewTokensWereGenerated() {
        // Given
        Sampling s = new Sampling(0, 0, 1, 0, 1, 0, 0, 0, Map.of(), 2, Set.of(0));
        // Then with a prompt of one token
        assertThat(choose(s, new int[] {1}, 1, 9f, 1f, 2f)).isEqualTo(2);
        assertThat(choose(s, new int[] {1, 1}, 1, 9f, 1f, 2f)).isEqualTo(2);
        assertThat(choose(s, new int[] {1, 1, 1}, 1, 9f, 1f, 2f)).isZero();
    }

    @Test
    void shouldLetTheBanWinOverTheBias() {
        Sampling s = new Sampling(0, 0, 1, 0, 1, 0, 0, 0, Map.of(0, 100f), 5, Set.of(0));
        assertThat(choose(s, NO_HISTORY, 0, 9f, 1f, 2f)).isEqualTo(2);
    }

    @Test
    void shouldRefuseToBanTheWholeVocabulary() {
        Sampling s = new Sampling(0, 0, 1, 0, 1, 0, 0, 0, Map.of(), 5, Set.of(0, 1));
        assertThatThrownBy(() -> choose(s, NO_HISTORY, 0, 1f, 2f)).hasMessageContaining("min_tokens");
    }

    @Test
    void shouldApplyTheRepetitionPenaltyToPromptAndOutputAndByTheSignOfTheLogit() {
        Sampling s = with(0, 0, 1, 0, 2, 0, 0);
        // 4/2 loses to 3; in the prompt as in the output
        assertThat(choose(s, new int[] {0}, 1, 4f, 3f)).isEqualTo(1);
        assertThat(choose(s, new int[] {0}, 0, 4f, 3f)).isEqualTo(1);
        // −2·2 loses to −3
        assertThat(choose(s, new int[] {0}, 1, -2f, -3f)).isEqualTo(1);
        // once, however often the token occurs: 4/2 wins over 1.5
        assertThat(choose(s, new int[] {0, 0, 0, 0}, 2, 4f, 1.5f)).isZero();
    }

    @Test
    void shouldApplyPresenceOnceAndFrequencyPerOccurrenceToTheOutputOnly() {
        // Given token 0 twice in the output
        int[] history = {0, 0, 0};
        // Then presence 1: 4−1 against 3.5 and 2.5
        assertThat(choose(with(0, 0, 1, 0, 1, 1, 0), history, 1, 4f, 3.5f)).isEqualTo(1);
        assertThat(choose(with(0, 0, 1, 0, 1, 1, 0), history, 1, 4f, 2.5f)).isZero();
        // frequency 1: 4−2 against 2.5
        assertThat(choose(with(0, 0, 1, 0, 1, 0, 1), history, 1, 4f, 2.5f)).isEqualTo(1);
        // the prompt does not count
        assertThat(choose(with(0, 0, 1, 0, 1, 1, 1), history, 3, 4f, 3.5f)).isZero();
    }

    @Test
    void shouldPenaliseAfterTheBias() {
        // Given bias makes −1 to 3, so that the repetition penalty divides it: 3/2 loses to 2
        Sampling s = new Sampling(0, 0, 1, 0, 2, 0, 0, 0, Map.of(0, 4f), 0, Set.of());
        assertThat(choose(s, new int[] {0}, 1, -1f, 2f)).isEqualTo(1);
    }

    @Test
    void shouldForgetAHistoryThatIsOver() {
        // Given a choice with penalties
        Sampling s = with(0, 0, 1, 0, 1, 2, 2);
        choose(s, new int[] {0, 0, 1}, 0, 4f, 3f);
        // Then the next one starts anew
        assertThat(choose(s, new int[] {1}, 0, 4f, 3f)).isZero();
    }

    @Test
    void shouldSurviveExtremePenaltiesAndTemperatures() {
        assertThat(choose(with(0, 0, 1, 0, Float.MIN_VALUE, 0, 0), new int[] {1}, 1, 4f, 3f))
                .isEqualTo(1);
        assertThat(choose(with(Float.MIN_VALUE, 0, 1, 0, 1, 0, 0), NO_HISTORY, 0, 4f, 4.1f, -4f))
                .isEqualTo(1);
    }

    @Test
    void shouldKeepTheMostLikelyOnly() {
        float[] logits = {1f, 2f, 3f, 2.5f, 2.5f};
        for (long seed = 0; seed < 200; seed++) {
            assertThat(choose(seeded(with(100, 1, 1, 0, 1, 0, 0), seed), NO_HISTORY, 0, logits))
                    .isEqualTo(2);
            assertThat(choose(seeded(with(100, 2, 1, 0, 1, 0, 0), seed), NO_HISTORY, 0, logits))
                    .isIn(2, 3);
            assertThat(choose(seeded(with(1, 0, 1, 1, 1, 0, 0), seed), NO_HISTORY, 0, logits))
                    .isEqualTo(2);
            assertThat(choose(seeded(with(1, 0, 1e-6f, 0, 1, 0, 0), seed), NO_HISTORY, 0, logits))
                    .isEqualTo(2);
        }
    }

    @Test
    void shouldCountTopPAmongWhatTopKLeft() {
        // Given probabilities 0.4, 0.3, 0.2, 0.1; of the two that top-k keeps, the first has 0.57
        float[] logits = {(float) Math.log(4), (float) Math.log(3), (float) Math.log(2), 0f};
        for (long seed = 0; seed < 200; seed++) {
            assertThat(choose(seeded(with(1, 2, 0.55f, 0, 1, 0, 0), seed), NO_HISTORY, 0, logits))
                    .isZero();
        }
        // Then without top-k 0.55 takes two
        assertThat(java.util.stream.LongStream.range(0, 200)
                        .mapToObj(seed -> choose(seeded(with(1, 0, 0.55f, 0, 1, 0, 0), seed), NO_HISTORY, 0, logits)))
                .contains(0, 1)
                .doesNotContain(2, 3);
    }

    @Test
    void shouldFollowTheDistribution() {
        // Given probabilities 0.4, 0.3, 0.2, 0.1 and the seeds 0 … 19999
        float[] logits = {(float) Math.log(4), (float) Math.log(3), (float) Math.log(2), 0f};
        double[] expected = {0.4, 0.3, 0.2, 0.1};
        int[] counts = new int[4];
        for (long seed = 0; seed < 20_000; seed++) {
            counts[choose(seeded(with(1, 0, 1, 0, 1, 0, 0), seed), NO_HISTORY, 0, logits)]++;
        }
        // Then chi-square with 3 degrees of freedom is below its 99.9 % point
        double chi = 0;
        for (int i = 0; i < 4; i++) {
            double e = 20_000 * expected[i];
            chi += (counts[i] - e) * (counts[i] - e) / e;
        }
        assertThat(chi).isLessThan(16.3);
    }

    @Test
    void shouldFollowTheDistributionOverPositionsOfOneStream() {
        // Given one seed and 20,000 positions; temperature 2 makes 16 : 4 : 1 to 4 : 2 : 1
        float[] logits = {(float) Math.log(16), (float) Math.log(4), 0f};
        double[] expected = {4 / 7.0, 2 / 7.0, 1 / 7.0};
        int[] counts = new int[3];
        int[] history = new int[20_000];
        for (int position = 0; position < 20_000; position++) {
            counts[
                    sampler.sample(
                                    MemorySegment.ofArray(logits),
                                    3,
                                    seeded(with(2, 0, 1, 0, 1, 0, 0), 99),
                                    history,
                                    position,
                                    0,
                                    -1)
                            .id()]++;
        }
        // Then chi-square with 2 degrees of freedom is below its 99.9 % point
        double chi = 0;
        for (int i = 0; i < 3; i++) {
            double e = 20_000 * expected[i];
            chi += (counts[i] - e) * (counts[i] - e) / e;
        }
        assertThat(chi).isLessThan(13.8);
    }
}
