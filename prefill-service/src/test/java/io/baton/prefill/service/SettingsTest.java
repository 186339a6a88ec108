package io.baton.prefill.service;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.baton.tls.ServiceTls;
import io.baton.tls.TlsSettings;
import io.baton.worker.EngineSettings;
import io.baton.worker.GrpcSettings;
import io.baton.worker.KvSettings;
import io.baton.worker.SettingException;
import io.baton.worker.WorkerSettings;
import io.baton.worker.WorkerSetup;
import io.smallrye.config.PropertiesConfigSource;
import io.smallrye.config.SmallRyeConfig;
import io.smallrye.config.SmallRyeConfigBuilder;
import io.smallrye.config.WithDefault;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SettingsTest {
    private static final String UNSET = "(not set)";

    private static final Map<String, String> DEFAULTS = Map.ofEntries(
            Map.entry("baton.engine.kind", "llamacpp"),
            Map.entry("baton.engine.model", UNSET),
            Map.entry("baton.engine.model-name", UNSET),
            Map.entry("baton.engine.library-dir", UNSET),
            Map.entry("baton.engine.ctx-size", "16384"),
            Map.entry("baton.engine.max-request-tokens", UNSET),
            Map.entry("baton.engine.kv-type", "f16"),
            Map.entry("baton.engine.flash-attention", "true"),
            Map.entry("baton.engine.threads", UNSET),
            Map.entry("baton.engine.batch-tokens", "256"),
            Map.entry("baton.engine.max-concurrent-prefills", "4"),
            Map.entry("baton.engine.max-sequences", "64"),
            Map.entry("baton.engine.import-budget", "5ms"),
            Map.entry("baton.engine.transfer-piece", "4M"),
            Map.entry("baton.engine.command-queue", "4096"),
            Map.entry("baton.engine.gpu-layers", "-1"),
            Map.entry("baton.engine.mmap", "true"),
            Map.entry("baton.engine.library-log", "false"),
            Map.entry("baton.engine.simulated.seed", "0"),
            Map.entry("baton.engine.simulated.vocabulary", "1024"),
            Map.entry("baton.engine.simulated.layers", "2"),
            Map.entry("baton.engine.simulated.kv-bytes-per-token", "256"),
            Map.entry("baton.engine.simulated.prefill-base-micros", "2000"),
            Map.entry("baton.engine.simulated.prefill-per-token-micros", "4000"),
            Map.entry("baton.engine.simulated.step-base-micros", "80000"),
            Map.entry("baton.engine.simulated.step-per-sequence-micros", "1250"),
            Map.entry("baton.engine.simulated.import-bytes-per-micro", "5000"),
            Map.entry("baton.engine.simulated.speed", "1"),
            Map.entry("baton.engine.simulated.fail-after-steps", "0"),
            Map.entry("baton.kv.block-size", "256"),
            Map.entry("baton.kv.store-size", "1G"),
            Map.entry("baton.kv.frame-size", "256K"),
            Map.entry("baton.kv.write-buffer", "1M"),
            Map.entry("baton.kv.http2-frame-size", "1M"),
            Map.entry("baton.kv.max-concurrent-pulls", "4"),
            Map.entry("baton.kv.max-queued-pulls", "65536"),
            Map.entry("baton.kv.max-served-pulls", "64"),
            Map.entry("baton.kv.unpulled-budget", "256M"),
            Map.entry("baton.kv.no-progress-timeout", "2s"),
            Map.entry("baton.kv.pull-deadline", "30s"),
            Map.entry("baton.kv.stall-timeout", "10s"),
            Map.entry("baton.kv.lease-time", "30s"),
            Map.entry("baton.kv.max-ended-leases", "4096"),
            Map.entry("baton.kv.keys-file", UNSET),
            Map.entry("baton.kv.keys-reload", "5s"),
            Map.entry("baton.kv.max-holders", "256"),
            Map.entry("baton.worker.id", UNSET),
            Map.entry("baton.worker.advertised-address", UNSET),
            Map.entry("baton.worker.max-legs", "512"),
            Map.entry("baton.worker.max-waiting", "256"),
            Map.entry("baton.worker.tokenize-threads", "2"),
            Map.entry("baton.worker.go-timeout", "30s"),
            Map.entry("baton.worker.max-watchers", "64"),
            Map.entry("baton.worker.max-pieces", "65536"),
            Map.entry("baton.worker.max-request-pieces", "4096"),
            Map.entry("baton.worker.max-piece-changes", "16384"),
            Map.entry("baton.worker.drain-grace", "30s"),
            Map.entry("baton.tls.mode", "mtls"),
            Map.entry("baton.tls.reload", "10s"),
            Map.entry("baton.grpc.flow-control-window", "8M"),
            Map.entry("baton.grpc.max-connections", "1024"),
            Map.entry("baton.grpc.max-inbound-message-size", "16M"),
            Map.entry("baton.grpc.max-inbound-metadata-size", "16K"),
            Map.entry("baton.grpc.max-calls-per-connection", "1024"),
            Map.entry("baton.grpc.threads", "4"),
            Map.entry("baton.grpc.permit-keep-alive-time", "500ms"));

    @Test
    void shouldHaveExactlyTheseSettingsAndDefaults() {
        // When
        Map<String, String> found = new TreeMap<>();
        collect("baton.engine", EngineSettings.class, found);
        collect("baton.kv", KvSettings.class, found);
        collect("baton.worker", WorkerSettings.class, found);
        collect("baton.grpc", GrpcSettings.class, found);
        collect("baton.tls", TlsSettings.class, found);

        // Then
        assertThat(found).containsExactlyInAnyOrderEntriesOf(DEFAULTS);
    }

    private static void collect(String prefix, Class<?> settings, Map<String, String> into) {
        for (Method m : settings.getDeclaredMethods()) {
            if (!Modifier.isAbstract(m.getModifiers())) {
                continue;
            }
            String name =
                    prefix + "." + m.getName().replaceAll("([A-Z])", "-$1").toLowerCase(Locale.ROOT);
            if (m.getReturnType().isInterface()) {
                collect(name, m.getReturnType(), into);
            } else {
                WithDefault value = m.getAnnotation(WithDefault.class);
                into.put(name, value == null ? UNSET : value.value());
            }
        }
    }

    private static WorkerSetup setup(Map<String, String> settings) {
        Map<String, String> all = new HashMap<>(settings);
        all.putIfAbsent("baton.engine.kind", "simulated");
        SmallRyeConfig config = new SmallRyeConfigBuilder()
                .addDiscoveredConverters()
                .withSources(new PropertiesConfigSource(all, "test", 1000))
                .withMapping(EngineSettings.class, "baton.engine")
                .withMapping(KvSettings.class, "baton.kv")
                .withMapping(WorkerSettings.class, "baton.worker")
                .withMapping(GrpcSettings.class, "baton.grpc")
                .build();
        return new WorkerSetup(
                config.getConfigMapping(EngineSettings.class, "baton.engine"),
                config.getConfigMapping(KvSettings.class, "baton.kv"),
                config.getConfigMapping(WorkerSettings.class, "baton.worker"),
                config.getConfigMapping(GrpcSettings.class, "baton.grpc"),
                ServiceTls.plaintext(),
                "127.0.0.1",
                9100);
    }

    @Test
    void shouldAcceptTheDefaults() {
        assertThat(setup(Map.of()).kv().storeSize().bytes()).isEqualTo(1L << 30);
    }

    @ParameterizedTest
    @CsvSource({
        "baton.engine.kind, tensorflow",
        "baton.engine.kv-type, q4_0",
        "baton.engine.ctx-size, 0",
        "baton.engine.max-request-tokens, 100000000",
        "baton.engine.threads, 0",
        "baton.engine.batch-tokens, 0",
        "baton.engine.max-concurrent-prefills, 0",
        "baton.engine.max-sequences, 256",
        "baton.engine.import-budget, 0s",
        "baton.engine.transfer-piece, 0",
        "baton.engine.command-queue, 1",
        "baton.engine.gpu-layers, -2",
        "baton.kv.block-size, 0",
        "baton.kv.store-size, 0",
        "baton.kv.frame-size, 100M",
        "baton.kv.write-buffer, 32K",
        "baton.kv.http2-frame-size, 15K",
        "baton.kv.http2-frame-size, 16M",
        "baton.kv.max-concurrent-pulls, 0",
        "baton.kv.max-queued-pulls, 0",
        "baton.kv.max-served-pulls, 0",
        "baton.kv.unpulled-budget, 0",
        "baton.kv.no-progress-timeout, 0s",
        "baton.kv.pull-deadline, 0s",
        "baton.kv.stall-timeout, 0s",
        "baton.kv.lease-time, 0s",
        "baton.kv.max-ended-leases, 0",
        "baton.kv.keys-reload, 0s",
        "baton.kv.max-holders, 0",
        "baton.worker.id, ' '",
        "baton.worker.advertised-address, nowhere",
        "baton.worker.max-legs, 0",
        "baton.worker.max-waiting, 0",
        "baton.worker.tokenize-threads, 0",
        "baton.worker.go-timeout, 0s",
        "baton.worker.max-watchers, 0",
        "baton.worker.max-pieces, 0",
        "baton.worker.max-request-pieces, 0",
        "baton.worker.max-piece-changes, 0",
        "baton.grpc.flow-control-window, 1",
        "baton.grpc.max-inbound-message-size, 1",
        "baton.grpc.max-inbound-metadata-size, 1",
        "baton.grpc.max-calls-per-connection, 0",
        "baton.grpc.threads, 0",
        "baton.grpc.permit-keep-alive-time, 0s"
    })
    void shouldRefuseAValueOutOfRangeByTheNameOfItsSetting(String name, String value) {
        assertThatThrownBy(() -> setup(Map.of(name, value)))
                .isInstanceOf(SettingException.class)
                .hasMessageContaining("setting " + name + "=");
    }

    @Test
    void shouldRefuseQuantisedCacheWithoutFlashAttention() {
        assertThatThrownBy(() -> setup(Map.of("baton.engine.kv-type", "q8_0", "baton.engine.flash-attention", "false")))
                .isInstanceOf(SettingException.class)
                .hasMessageContaining("baton.engine.flash-attention");
    }

    @Test
    void shouldAskForAModelWhereTheEngineNeedsOne() {
        assertThatThrownBy(() -> setup(Map.of("baton.engine.kind", "llamacpp")))
                .isInstanceOf(SettingException.class)
                .hasMessageContaining("baton.engine.model");
    }
}
