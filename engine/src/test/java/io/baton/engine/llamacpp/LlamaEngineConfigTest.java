package io.baton.engine.llamacpp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;

/** Every default, and the limits that keep libllama from aborting. */
class LlamaEngineConfigTest {
    private static final LlamaEngineConfig DEFAULTS = LlamaEngineConfig.of(Path.of("m.gguf"));

    @Test
    void shouldHaveTheDocumentedDefaults() {
        assertThat(DEFAULTS)
                .isEqualTo(new LlamaEngineConfig(
                        Path.of("m.gguf"),
                        null,
                        null,
                        4096,
                        0,
                        KvType.F16,
                        true,
                        Runtime.getRuntime().availableProcessors(),
                        256,
                        4,
                        64,
                        Duration.ofMillis(5),
                        4L << 20,
                        1024,
                        -1,
                        true,
                        false));
    }

    @Test
    void shouldRefuseSettingsOutOfRangeByName() {
        assertThatThrownBy(() -> DEFAULTS.withLimits(256, 1024)).hasMessageContaining("max-sequences is 256");
        assertThatThrownBy(() -> DEFAULTS.withContext(0, 0)).hasMessageContaining("context-cells is 0");
        assertThatThrownBy(() -> DEFAULTS.withThreads(0)).hasMessageContaining("threads is 0");
        assertThatThrownBy(() -> DEFAULTS.withBatch(0, 1)).hasMessageContaining("batch-tokens is 0");
        assertThatThrownBy(() -> DEFAULTS.withTransfers(Duration.ofMillis(-1), 1))
                .hasMessageContaining("import-budget");
    }
}
