package io.baton.router.metrics;

import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.config.NamingConvention;
import io.quarkus.micrometer.runtime.MeterRegistryCustomizer;
import jakarta.inject.Singleton;
import org.jspecify.annotations.Nullable;

/**
 * Keeps the colon in names such as {@code vllm:num_requests_running}. Prometheus allows it, but Micrometer's own convention
 * turns it into an underscore; dashboards and autoscalers that know vLLM look for the exact names.
 */
@Singleton
public class VllmNaming implements MeterRegistryCustomizer {
    static final String PREFIX = "vllm:";

    @Override
    public void customize(MeterRegistry registry) {
        registry.config().namingConvention(new Convention(registry.config().namingConvention()));
    }

    /** Applies the usual convention to what follows the prefix. */
    record Convention(NamingConvention usual) implements NamingConvention {
        @Override
        public String name(String name, Meter.Type type, @Nullable String baseUnit) {
            return name.startsWith(PREFIX)
                    ? PREFIX + usual.name(name.substring(PREFIX.length()), type, baseUnit)
                    : usual.name(name, type, baseUnit);
        }

        @Override
        public String tagKey(String key) {
            return usual.tagKey(key);
        }

        @Override
        public String tagValue(String value) {
            return usual.tagValue(value);
        }
    }
}
