package io.baton.cli.launch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Map;
import org.junit.jupiter.api.Test;

class MetricsTest {
    private static final String TEXT = """
            # HELP baton_kv_pinned_bytes bytes
            # TYPE baton_kv_pinned_bytes gauge
            baton_kv_pinned_bytes 0.0
            baton_kv_transfer_bytes_total{direction="in",model_name="a \\"b\\", c"} 1.5E3
            baton_kv_transfer_bytes_total{direction="out",model_name="x"} 20 1700000000000
            vllm:time_to_first_token_seconds_bucket{le="+Inf"} 4.0
            odd NaN
            """;

    private final Metrics metrics = Metrics.parse(TEXT);

    @Test
    void shouldSumAMetricOverItsLabels() {
        assertThat(metrics.sum("baton_kv_pinned_bytes")).isZero();
        assertThat(metrics.sum("baton_kv_transfer_bytes_total")).isEqualTo(1520);
        assertThat(metrics.sum("vllm:time_to_first_token_seconds_bucket")).isEqualTo(4);
    }

    @Test
    void shouldSumOnlyTheSamplesWithTheLabels() {
        assertThat(metrics.sum("baton_kv_transfer_bytes_total", Map.of("direction", "in")))
                .isEqualTo(1500);
        assertThat(metrics.sum("baton_kv_transfer_bytes_total", Map.of("direction", "up")))
                .isZero();
    }

    @Test
    void shouldReadQuotesAndCommasInLabels() {
        assertThat(metrics.samples().get(1).labels()).containsEntry("model_name", "a \"b\", c");
    }

    @Test
    void shouldReadWhatIsNoNumber() {
        assertThat(metrics.sum("odd")).isNaN();
    }

    @Test
    void shouldRefuseAMetricThatIsNotThere() {
        assertThatThrownBy(() -> metrics.sum("baton_kv_pined_bytes"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("baton_kv_pined_bytes")
                .hasMessageContaining("baton_kv_pinned_bytes");
    }
}
