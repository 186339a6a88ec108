package io.baton.cli.process;

import static org.assertj.core.api.Assertions.assertThat;

import io.baton.cli.keys.CertificateAuthority;
import io.baton.cli.keys.Issued;
import io.baton.cli.keys.SecretFiles;
import io.baton.cli.launch.EngineSpec;
import io.baton.cli.launch.Fleet;
import io.baton.cli.launch.FleetCertificates;
import io.baton.cli.launch.FleetSpec;
import io.baton.cli.launch.LaunchException;
import io.baton.cli.launch.Role;
import io.baton.cli.launch.RunState;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.tls.PeerName;
import io.baton.tls.ServiceRole;
import io.baton.worker.v1.WatchRequest;
import io.baton.worker.v1.WorkerServiceGrpc;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.GrpcSslContexts;
import io.grpc.netty.NettyChannelBuilder;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.handler.ssl.util.InsecureTrustManagerFactory;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLException;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A fleet whose services have certificates: who gets in, and what happens when the certificates change. */
@Tag("process")
class MutualTlsIT {
    private static final Duration DAY = Duration.ofDays(1);

    @TempDir
    @SuppressWarnings("NullAway.Init")
    private Path directory;

    private static FleetSpec.Builder spec() {
        return SharedFleet.spec(EngineSpec.simulated()).setting("baton.engine.simulated.speed", "0");
    }

    /** A fleet with the certificates in a directory, which the test may change. */
    private FleetSpec.Builder withCertificates() {
        FleetSpec.Builder spec = spec().setting("baton.tls.reload", "200ms");
        for (Role role : Role.values()) {
            FleetCertificates.settings(directory, role.label()).forEach((key, value) -> spec.setting(role, key, value));
        }
        return spec;
    }

    private void issue(CertificateAuthority authority, CertificateAuthority... trusted) {
        StringBuilder trust = new StringBuilder();
        for (CertificateAuthority t : trusted) {
            trust.append(t.own().certificatePem());
        }
        SecretFiles.write(directory.resolve("ca.crt"), trust.toString());
        for (ServiceRole role : ServiceRole.values()) {
            FleetCertificates.write(directory, role.label(), authority.issue(PeerName.of(role), DAY));
        }
    }

    private static StatusRuntimeException watch(RunState.Service worker, @Nullable Issued certificate) {
        ManagedChannel channel = channel(worker, certificate);
        try {
            WorkerServiceGrpc.newBlockingStub(channel)
                    .withDeadlineAfter(60, TimeUnit.SECONDS)
                    .watch(WatchRequest.getDefaultInstance())
                    .next();
            throw new AssertionError("it was let in");
        } catch (StatusRuntimeException e) {
            return e;
        } finally {
            channel.shutdownNow();
        }
    }

    /** Trusts anybody, so that what refuses is the worker. */
    private static ManagedChannel channel(RunState.Service worker, @Nullable Issued certificate) {
        try {
            SslContextBuilder tls = GrpcSslContexts.forClient().trustManager(InsecureTrustManagerFactory.INSTANCE);
            if (certificate != null) {
                tls.keyManager(certificate.key(), certificate.certificate());
            }
            return NettyChannelBuilder.forAddress(worker.host(), worker.grpcPort())
                    .sslContext(tls.build())
                    .build();
        } catch (SSLException e) {
            throw new AssertionError(e);
        }
    }

    private static double refused(Fleet fleet, RunState.Service service, String at) {
        return fleet.metrics(service).sum("baton_tls_refused_total", Map.of("at", at));
    }

    @Test
    void shouldLetInWhoeverProvesTheRightRoleAndNobodyElse() {
        // Given
        CertificateAuthority authority = CertificateAuthority.create(DAY);
        issue(authority, authority);
        try (Fleet fleet = Fleet.start(withCertificates().build(), line -> {});
                Client client = new Client(fleet.grpcAddress())) {
            RunState.Service prefill = fleet.services(Role.PREFILL).getFirst();
            assertThat(client.generate(Client.endless(Prompts.random(1, 300), 8))
                            .ids())
                    .hasSize(8);
            assertThat(fleet.metrics(prefill).sum("baton_tls_certificate_expiry_seconds", Map.of()))
                    .isPositive();

            // When / Then: a decode worker's certificate does not make a router
            StatusRuntimeException role = watch(prefill, authority.issue(PeerName.of(ServiceRole.DECODE), DAY));
            assertThat(BatonException.from(role).code()).isEqualTo(ErrorCode.ROLE_REFUSED);
            assertThat(refused(fleet, prefill, "role")).isEqualTo(1);
            assertThat(refused(fleet, prefill, "handshake")).isZero();

            // When / Then: no certificate, one of another authority, no TLS
            Issued strange = CertificateAuthority.create(DAY).issue(PeerName.of(ServiceRole.ROUTER), DAY);
            assertThat(watch(prefill, null).getStatus().getCode()).isEqualTo(Status.Code.UNAVAILABLE);
            assertThat(watch(prefill, strange).getStatus().getCode()).isEqualTo(Status.Code.UNAVAILABLE);
            ManagedChannel plain = NettyChannelBuilder.forAddress(prefill.host(), prefill.grpcPort())
                    .usePlaintext()
                    .build();
            try {
                WorkerServiceGrpc.newBlockingStub(plain)
                        .withDeadlineAfter(60, TimeUnit.SECONDS)
                        .watch(WatchRequest.getDefaultInstance())
                        .next();
                throw new AssertionError("it was let in");
            } catch (StatusRuntimeException e) {
                assertThat(e.getStatus().getCode()).isEqualTo(Status.Code.UNAVAILABLE);
            } finally {
                plain.shutdownNow();
            }
            assertThat(refused(fleet, prefill, "handshake")).isGreaterThanOrEqualTo(3);
            Counters.awaitNothingHeld(fleet);
        }
    }

    @Test
    void shouldChangeAuthorityAndCertificatesWithoutARestart() {
        // Given
        CertificateAuthority first = CertificateAuthority.create(DAY);
        CertificateAuthority second = CertificateAuthority.create(DAY.multipliedBy(2));
        issue(first, first);
        try (Fleet fleet = Fleet.start(withCertificates().build(), line -> {});
                Client client = new Client(fleet.grpcAddress())) {
            assertThat(client.generate(Client.endless(Prompts.random(1, 300), 8))
                            .ids())
                    .hasSize(8);

            // When: trust both, then be of the second, then trust the second alone
            reload(fleet, () -> issue(first, first, second));
            reload(fleet, () -> issue(second, first, second));
            reload(fleet, () -> issue(second, second));

            // Then: the worker of old connections goes and comes, and the router finds it again
            RunState.Service prefill = fleet.services(Role.PREFILL).getFirst();
            Issued old = first.issue(PeerName.of(ServiceRole.ROUTER), DAY);
            assertThat(watch(prefill, old).getStatus().getCode()).isEqualTo(Status.Code.UNAVAILABLE);
            fleet.restart(prefill);
            Await.untilEmpty(() -> fleet.ready(fleet.router()) ? "" : "the router has no prefill worker");
            assertThat(client.generate(Client.endless(Prompts.random(2, 300), 8))
                            .ids())
                    .hasSize(8);
        }
    }

    private static void reload(Fleet fleet, Runnable change) {
        Map<String, Double> before = reloads(fleet);
        change.run();
        Await.untilEmpty(() -> {
            Map<String, Double> now = reloads(fleet);
            return now.entrySet().stream().allMatch(e -> e.getValue() > before.getOrDefault(e.getKey(), 0.0))
                    ? ""
                    : "not every service has the new certificates: " + now;
        });
    }

    private static Map<String, Double> reloads(Fleet fleet) {
        return fleet.state().services().stream()
                .collect(java.util.stream.Collectors.toMap(
                        RunState.Service::name,
                        s -> fleet.metrics(s).sum("baton_tls_reloads_total", Map.of("outcome", "done"))));
    }

    @Test
    void shouldNotStartWithoutACertificateUnlessToldTo() {
        assertThat(failure(spec().setting("baton.tls.mode", "mtls")))
                .contains("baton.tls.mode=mtls", "quarkus.tls.baton.key-store.pem.0.cert", "plaintext");
    }

    @Test
    void shouldNotStartWithTheCertificateOfAnotherRoleOrAnotherName() {
        // Given
        CertificateAuthority authority = CertificateAuthority.create(DAY);
        issue(authority, authority);
        FleetCertificates.write(directory, "prefill", authority.issue(PeerName.of(ServiceRole.DECODE), DAY));
        // When / Then
        assertThat(failure(withCertificates())).contains("is a prefill", "spiffe://baton/decode");

        // Given
        FleetCertificates.write(
                directory, "prefill", authority.issue(new PeerName(ServiceRole.PREFILL, "another"), DAY));
        // When / Then
        assertThat(failure(withCertificates())).contains("baton.worker.id=prefill-0", "'another'");
    }

    private static String failure(FleetSpec.Builder spec) {
        try (Fleet fleet = Fleet.start(spec.build(), line -> {})) {
            throw new AssertionError("it started: " + fleet.state());
        } catch (LaunchException e) {
            return String.valueOf(e.getMessage());
        }
    }
}
