package io.baton.decode.service;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.baton.worker.SettingException;
import io.smallrye.config.PropertiesConfigSource;
import io.smallrye.config.SmallRyeConfigBuilder;
import java.util.Map;
import org.junit.jupiter.api.Test;

class DecodeSettingsTest {
    private static DecodeSettings settings(Map<String, String> values) {
        return new SmallRyeConfigBuilder()
                .withSources(new PropertiesConfigSource(values, "test", 1000))
                .withMapping(DecodeSettings.class)
                .build()
                .getConfigMapping(DecodeSettings.class);
    }

    @Test
    void shouldHaveExactlyTheseSettingsAndDefaults() {
        DecodeSettings s = settings(Map.of());
        s.validate();
        assertThat(s.outboxTokens()).isEqualTo(1024);
        assertThat(s.keepGenerated()).isTrue();
        assertThat(s.maxHandOvers()).isEqualTo(4);
        assertThat(DecodeSettings.class.getDeclaredMethods())
                .extracting("name")
                .containsExactlyInAnyOrder("outboxTokens", "keepGenerated", "maxHandOvers", "validate");
    }

    @Test
    void shouldRefuseAValueOutOfRangeByTheNameOfItsSetting() {
        assertThatThrownBy(() ->
                        settings(Map.of("baton.decode.outbox-tokens", "0")).validate())
                .isInstanceOf(SettingException.class)
                .hasMessageContaining("baton.decode.outbox-tokens=0");
        assertThatThrownBy(() ->
                        settings(Map.of("baton.decode.max-hand-overs", "0")).validate())
                .isInstanceOf(SettingException.class)
                .hasMessageContaining("baton.decode.max-hand-overs=0");
    }
}
