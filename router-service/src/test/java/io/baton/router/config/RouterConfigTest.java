package io.baton.router.config;

import static org.assertj.core.api.Assertions.assertThat;

import io.baton.router.admission.Priority;
import io.quarkus.runtime.configuration.DurationConverter;
import io.quarkus.runtime.configuration.MemorySize;
import io.quarkus.runtime.configuration.MemorySizeConverter;
import io.smallrye.config.SmallRyeConfig;
import io.smallrye.config.SmallRyeConfigBuilder;
import java.math.BigInteger;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class RouterConfigTest {
    private static RouterConfig config(Map<String, String> values) {
        SmallRyeConfig config = new SmallRyeConfigBuilder()
                .withMapping(RouterConfig.class)
                .withConverter(Duration.class, 200, new DurationConverter())
                .withConverter(MemorySize.class, 200, new MemorySizeConverter())
                .withDefaultValues(values)
                .build();
        return config.getConfigMapping(RouterConfig.class);
    }

    private static BigInteger mebibytes(long count) {
        return BigInteger.valueOf(count << 20);
    }

    @Test
    void shouldHaveTheseDefaults() {
        // When
        RouterConfig config = config(Map.of());
        // Then
        assertThat(config.prefillWorkers()).isEmpty();
        assertThat(config.decodeWorkers()).isEmpty();
        assertThat(config.apiKeys()).isEmpty();
        assertThat(config.apiKeysReload()).isEqualTo(Duration.ofSeconds(5));
        assertThat(config.apiKeysMax()).isEqualTo(1024);
        assertThat(config.requestTimeout()).isEqualTo(Duration.ofMinutes(10));
        assertThat(config.retryBudget()).isEqualTo(6);
        assertThat(config.recoveryWaits()).isEqualTo(14);
        assertThat(config.recoveryWaitMin()).isEqualTo(Duration.ofMillis(100));
        assertThat(config.recoveryWaitMax()).isEqualTo(Duration.ofSeconds(1));
        assertThat(config.reserveCap()).isEqualTo(8192);
        assertThat(config.defaultMaxTokens()).isEqualTo(8192);
        assertThat(config.maxRequests()).isEqualTo(2048);
        assertThat(config.clientBuffer()).isEqualTo(1024);
        assertThat(config.clientBufferBytes().asBigInteger()).isEqualTo(mebibytes(4));
        assertThat(config.clientStallTimeout()).isEqualTo(Duration.ofSeconds(30));
        assertThat(config.noProgressTimeout()).isZero();
        assertThat(config.settleTimeout()).isEqualTo(Duration.ofSeconds(1));
        assertThat(config.legCloseTimeout()).isEqualTo(Duration.ofSeconds(5));
        assertThat(config.shutdownGrace()).isEqualTo(Duration.ofSeconds(30));
        assertThat(config.retryAfter()).isEqualTo(Duration.ofSeconds(1));
        assertThat(config.policy()).isEqualTo(SchedulingPolicy.AUTO);
        assertThat(config.schedule().ttftTarget()).isEqualTo(Duration.ofSeconds(2));
        assertThat(config.schedule().itlTarget()).isEqualTo(Duration.ofMillis(100));
        assertThat(config.schedule().expectedOutput()).isEqualTo(256);
        assertThat(config.schedule().disaggregation()).isEqualTo(Disaggregation.AUTO);
        assertThat(config.schedule().handOverTime()).isEqualTo(Duration.ofMillis(5));
        assertThat(config.schedule().localTokens()).isEqualTo(512);
        assertThat(config.admission().maxQueued()).isEqualTo(1024);
        assertThat(config.admission().maxQueuedBytes().asBigInteger()).isEqualTo(mebibytes(64));
        assertThat(config.admission().maxWait()).isEqualTo(Duration.ofMinutes(2));
        assertThat(config.admission().ttftDeadline()).isZero();
        assertThat(config.admission().leastShare()).isEqualTo(0.05);
        assertThat(config.admission().quantum()).isEqualTo(2048);
        assertThat(config.admission().maxBacklog()).isEqualTo(Duration.ofMillis(250));
        assertThat(config.admission().promptsPerWorker()).isEqualTo(2);
        assertThat(config.admission().maxWaiting()).isEqualTo(192);
        assertThat(config.admission().reserve()).isEqualTo(0.25);
        assertThat(config.admission().tenant().weight()).isEqualTo(1);
        assertThat(config.admission().tenant().maxRunning()).isZero();
        assertThat(config.admission().tenant().requestsPerSecond()).isZero();
        assertThat(config.admission().tenant().tokensPerSecond()).isZero();
        assertThat(config.admission().tenant().burst()).isEqualTo(Duration.ofSeconds(10));
        assertThat(config.admission().tenant().highestPriority()).isEqualTo(Priority.HIGH);
        assertThat(config.admission().tenants()).isEmpty();
        assertThat(config.prefix().secretFile()).isEmpty();
        assertThat(config.prefix().maxPieces()).isEqualTo(1 << 20);
        assertThat(config.prefix().maxRequestPieces()).isEqualTo(4096);
        assertThat(config.workers().watchTimeout()).isEqualTo(Duration.ofSeconds(2));
        assertThat(config.workers().lostTimeout()).isEqualTo(Duration.ofSeconds(2));
        assertThat(config.workers().reconnectMin()).isEqualTo(Duration.ofMillis(100));
        assertThat(config.workers().reconnectMax()).isEqualTo(Duration.ofSeconds(5));
        assertThat(config.workers().stepTimeout()).isEqualTo(Duration.ofMinutes(2));
        assertThat(config.workers().breakerFailures()).isEqualTo(5);
        assertThat(config.workers().breakerOpenMin()).isEqualTo(Duration.ofSeconds(1));
        assertThat(config.workers().breakerOpenMax()).isEqualTo(Duration.ofSeconds(30));
        assertThat(config.workers().flowControlWindow().asBigInteger()).isEqualTo(mebibytes(1));
        assertThat(config.workers().maxMessage().asBigInteger()).isEqualTo(mebibytes(16));
        assertThat(config.dns().refresh()).isEqualTo(Duration.ofSeconds(2));
        assertThat(config.dns().timeout()).isEqualTo(Duration.ofSeconds(1));
        assertThat(config.dns().servers()).isEmpty();
        assertThat(config.dns().maxWorkers()).isEqualTo(1024);
        assertThat(config.http().maxBody().asBigInteger()).isEqualTo(mebibytes(8));
        assertThat(config.http().maxDiscardedBody().asBigInteger()).isEqualTo(mebibytes(256));
        assertThat(config.http().bodyTimeout()).isEqualTo(Duration.ofMinutes(1));
        assertThat(config.http().keepAlive()).isEqualTo(Duration.ofSeconds(5));
        assertThat(config.http().maxChoices()).isEqualTo(32);
        assertThat(config.grpc().maxMessage().asBigInteger()).isEqualTo(mebibytes(8));
        assertThat(config.grpc().maxMetadata().asBigInteger()).isEqualTo(BigInteger.valueOf(16 << 10));
        assertThat(config.grpc().maxConnections()).isEqualTo(4096);
        assertThat(config.grpc().maxCallsPerConnection()).isEqualTo(1024);
        assertThat(config.grpc().keepAliveTime()).isEqualTo(Duration.ofSeconds(30));
        assertThat(config.grpc().keepAliveTimeout()).isEqualTo(Duration.ofSeconds(20));
        assertThat(config.grpc().flowControlWindow().asBigInteger()).isEqualTo(mebibytes(1));
    }

    @Test
    void shouldReadWhatSingleTenantsMayDo() {
        // When
        RouterConfig config = config(Map.of(
                "baton.router.admission.tenant.weight", "2",
                "baton.router.admission.tenants.acme.weight", "7",
                "baton.router.admission.tenants.\"a.b\".highest-priority", "batch"));
        // Then
        assertThat(config.admission().tenants()).containsOnlyKeys("acme", "a.b");
        assertThat(config.admission().tenants().values())
                .extracting(RouterConfig.Admission.OneTenant::weight)
                .containsExactlyInAnyOrder(Optional.of(7), Optional.empty());
        assertThat(config.admission().tenants().values())
                .extracting(RouterConfig.Admission.OneTenant::highestPriority)
                .containsExactlyInAnyOrder(Optional.of(Priority.BATCH), Optional.empty());
    }

    @Test
    void shouldReadListsAndUnits() {
        // When
        RouterConfig config = config(Map.of(
                "baton.router.prefill-workers", "a:1,b:2",
                "baton.router.request-timeout", "90s",
                "baton.router.http.max-body", "3M"));
        // Then
        assertThat(config.prefillWorkers()).contains(List.of("a:1", "b:2"));
        assertThat(config.requestTimeout()).isEqualTo(Duration.ofSeconds(90));
        assertThat(config.http().maxBody().asBigInteger()).isEqualTo(mebibytes(3));
    }
}
