package io.baton.engine.llamacpp;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.baton.error.BatonException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Models whose cache is not one plain full-attention cache are refused by name. */
class ModelTraitsTest {
    @Test
    void shouldServeAPlainDecoder() {
        ModelTraits plain = new ModelTraits("llama", false, false, false, false, true, 0, 0, 64, 64);
        assertThatCode(() -> plain.check(KvType.Q8_0, true)).doesNotThrowAnyException();
        assertThatCode(() -> plain.check(KvType.F16, false)).doesNotThrowAnyException();
    }

    @ParameterizedTest
    @CsvSource({
        "mamba, true, false, false, false, true, 0, 0, recurrent",
        "jamba, true, true, false, false, true, 0, 0, hybrid",
        "dream, false, false, true, false, true, 0, 0, diffusion",
        "bert, false, false, false, true, false, 0, 0, encoder-only",
        "t5, false, false, false, true, true, 0, 0, encoder-decoder",
        "gemma3, false, false, false, false, true, 1024, 2, sliding-window",
        "qwen2vl, false, false, false, false, true, 0, 8, M-RoPE",
        "qwen3vl, false, false, false, false, true, 0, 40, M-RoPE"
    })
    void shouldRefuseOtherCachesByName(
            String architecture,
            boolean recurrent,
            boolean hybrid,
            boolean diffusion,
            boolean encoder,
            boolean decoder,
            int window,
            int rope,
            String reason) {
        ModelTraits traits =
                new ModelTraits(architecture, recurrent, hybrid, diffusion, encoder, decoder, window, rope, 64, 64);
        assertThatThrownBy(() -> traits.check(KvType.F16, true))
                .isInstanceOf(BatonException.class)
                .hasMessageContaining("the " + architecture + " model")
                .hasMessageContaining(reason);
    }

    @Test
    void shouldRefuseQuantisedValuesWithoutFlashAttention() {
        ModelTraits plain = new ModelTraits("llama", false, false, false, false, true, 0, 0, 64, 64);
        assertThatThrownBy(() -> plain.check(KvType.Q8_0, false)).hasMessageContaining("needs flash attention");
    }

    @Test
    void shouldRefuseHeadsThatDoNotFitQuantisedBlocks() {
        ModelTraits small = new ModelTraits("llama", false, false, false, false, true, 0, 0, 48, 48);
        assertThatThrownBy(() -> small.check(KvType.Q8_0, true)).hasMessageContaining("heads of 48");
    }
}
