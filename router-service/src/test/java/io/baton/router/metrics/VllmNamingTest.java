package io.baton.router.metrics;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.config.NamingConvention;
import org.junit.jupiter.api.Test;

class VllmNamingTest {
    private final NamingConvention convention = new VllmNaming.Convention(NamingConvention.snakeCase);

    @Test
    void shouldKeepTheColonOfVllmsNames() {
        assertThat(convention.name("vllm:num.requests.running", Meter.Type.GAUGE, null))
                .isEqualTo("vllm:num_requests_running");
    }

    @Test
    void shouldLeaveOtherNamesToTheUsualConvention() {
        assertThat(convention.name("baton.router.retries", Meter.Type.COUNTER, null))
                .isEqualTo("baton_router_retries");
        assertThat(convention.tagKey("model.name")).isEqualTo("model_name");
        assertThat(convention.tagValue("a:b")).isEqualTo("a:b");
    }
}
