package io.baton.prefill.service;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.baton.worker.SettingException;
import io.baton.worker.vllm.VllmSettings;
import io.smallrye.config.PropertiesConfigSource;
import io.smallrye.config.SmallRyeConfigBuilder;
import io.smallrye.config.WithDefault;
import java.lang.reflect.Method;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class VllmSettingsTest {
    private static final String UNSET = "(not set)";

    private static final Map<String, String> DEFAULTS = Map.ofEntries(
            Map.entry("base-url", "http://127.0.0.1:8200"),
            Map.entry("model", UNSET),
            Map.entry("api-key", UNSET),
            Map.entry("connect-timeout", "2s"),
            Map.entry("tokenize-timeout", "30s"),
            Map.entry("prefill-timeout", "5m"),
            Map.entry("handover-timeout", "20s"),
            Map.entry("idle-timeout", "60s"),
            Map.entry("health-interval", "1s"),
            Map.entry("health-timeout", "2s"),
            Map.entry("health-failures", "2"),
            Map.entry("start-timeout", "15m"),
            Map.entry("max-response", "16M"),
            Map.entry("max-event", "1M"),
            Map.entry("max-params", "1M"));

    private static VllmSettings settings(Map<String, String> values) {
        return new SmallRyeConfigBuilder()
                .addDiscoveredConverters()
                .withSources(new PropertiesConfigSource(values, "test", 1000))
                .withMapping(VllmSettings.class, "baton.vllm")
                .build()
                .getConfigMapping(VllmSettings.class, "baton.vllm");
    }

    @Test
    void shouldHaveExactlyTheseSettingsAndDefaults() {
        // When
        Map<String, String> found = new TreeMap<>();
        for (Method m : VllmSettings.class.getDeclaredMethods()) {
            if (!m.isDefault() && !m.isSynthetic() && m.getParameterCount() == 0) {
                WithDefault value = m.getAnnotation(WithDefault.class);
                found.put(
                        m.getName().replaceAll("([A-Z])", "-$1").toLowerCase(Locale.ROOT),
                        value == null ? UNSET : value.value());
            }
        }

        // Then
        assertThat(found).containsExactlyInAnyOrderEntriesOf(DEFAULTS);
    }

    @Test
    void shouldAcceptTheDefaults() {
        VllmSettings defaults = settings(Map.of());
        defaults.validate();
        assertThat(defaults.baseUrl()).isEqualTo("http://127.0.0.1:8200");
        assertThat(defaults.apiKey()).isEmpty();
    }

    @ParameterizedTest
    @CsvSource({
        "base-url, 127.0.0.1:8200",
        "base-url, ftp://127.0.0.1",
        "base-url, http://127.0.0.1:8200/v1",
        "base-url, ' '",
        "model, ' '",
        "api-key, 'two words'",
        "connect-timeout, 0s",
        "tokenize-timeout, 0s",
        "prefill-timeout, 0s",
        "handover-timeout, 0s",
        "idle-timeout, 0s",
        "health-interval, 0s",
        "health-timeout, 0s",
        "start-timeout, 0s",
        "health-failures, 0",
        "max-response, 1",
        "max-event, 1",
        "max-params, 2G"
    })
    void shouldRefuseAValueOutOfRangeByTheNameOfItsSetting(String name, String value) {
        assertThatThrownBy(() -> settings(Map.of("baton.vllm." + name, value)).validate())
                .isInstanceOf(SettingException.class)
                .hasMessageContaining("setting baton.vllm." + name + "=");
    }

    @Test
    void shouldNotTellTheKeyInAnError() {
        assertThatThrownBy(() ->
                        settings(Map.of("baton.vllm.api-key", "secret secret")).validate())
                .hasMessageNotContaining("secret secret");
    }
}
