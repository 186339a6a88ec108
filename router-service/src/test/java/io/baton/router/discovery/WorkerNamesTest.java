package io.baton.router.discovery;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class WorkerNamesTest {
    @Test
    void shouldTellNamesFromAddresses() {
        // When
        WorkerNames names =
                WorkerNames.of(List.of("a:1", "dns:///prefill.default.svc:9100", "10.0.0.1:2", "dns:///b.:3"));
        // Then
        assertThat(names.addresses()).containsExactly("a:1", "10.0.0.1:2");
        assertThat(names.names())
                .containsExactly(new WorkerNames.Name("prefill.default.svc", 9100), new WorkerNames.Name("b.", 3));
        assertThat(names.names().getFirst()).hasToString("dns:///prefill.default.svc:9100");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "dns:",
                "dns:a:1",
                "dns://a:1",
                "dns://10.0.0.1/a:1",
                "dns:///",
                "dns:///:1",
                "dns:///a",
                "dns:///a:",
                "dns:///a:0",
                "dns:///a:65536",
                "dns:///a:99999999999",
                "dns:///a b:1",
                "dns:///-a:1",
                "dns:///[::1]:1"
            })
    void shouldRefuseANameThatIsNone(String entry) {
        assertThatThrownBy(() -> WorkerNames.of(List.of(entry)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("'" + entry + "' is not dns:///name:port")
                .hasMessageContaining("baton.router.prefill-workers");
    }
}
