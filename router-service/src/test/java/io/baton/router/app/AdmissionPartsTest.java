package io.baton.router.app;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.baton.router.admission.AdmissionSettings;
import io.baton.router.admission.Priority;
import io.baton.router.admission.TenantRules;
import io.baton.router.config.RouterConfig;
import io.quarkus.runtime.configuration.DurationConverter;
import io.quarkus.runtime.configuration.MemorySize;
import io.quarkus.runtime.configuration.MemorySizeConverter;
import io.smallrye.config.SmallRyeConfigBuilder;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.Test;

class AdmissionPartsTest {
    private static AdmissionSettings settings(Map<String, String> values) {
        return AdmissionParts.settings(new SmallRyeConfigBuilder()
                .withMapping(RouterConfig.class)
                .withConverter(Duration.class, 200, new DurationConverter())
                .withConverter(MemorySize.class, 200, new MemorySizeConverter())
                .withDefaultValues(values)
                .build()
                .getConfigMapping(RouterConfig.class));
    }

    @Test
    void shouldTakeForATenantWhatIsNotSetForItFromAll() {
        // When
        AdmissionSettings settings = settings(Map.of(
                "baton.router.admission.tenant.weight", "2",
                "baton.router.admission.tenant.max-running", "5",
                "baton.router.admission.tenants.acme.weight", "7",
                "baton.router.admission.tenants.acme.tokens-per-second", "1.5",
                "baton.router.admission.tenants.acme.burst", "3s",
                "baton.router.admission.tenants.acme.highest-priority", "normal"));
        // Then
        assertThat(settings.others()).isEqualTo(new TenantRules(2, 5, 0, 0, 10, Priority.HIGH));
        assertThat(settings.tenants()).isEqualTo(Map.of("acme", new TenantRules(7, 5, 0, 1.5, 3, Priority.NORMAL)));
    }

    @Test
    void shouldRefuseWhatMakesNoSense() {
        for (Map.Entry<String, String> wrong : Map.of(
                        "tenant.weight", "0",
                        "tenant.burst", "0s",
                        "tenants.a.requests-per-second", "-1",
                        "least-share", "0.5",
                        "quantum", "0",
                        "max-wait", "0s",
                        "max-queued", "-1")
                .entrySet()) {
            Map<String, String> values = Map.of("baton.router.admission." + wrong.getKey(), wrong.getValue());
            assertThatThrownBy(() -> settings(values)).as(wrong.getKey()).isInstanceOf(IllegalArgumentException.class);
        }
    }
}
