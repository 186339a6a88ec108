package io.baton.cli.bench;

import io.baton.cli.keys.CertificateAuthority;
import io.baton.cli.keys.SecretFiles;
import io.baton.cli.launch.FleetCertificates;
import io.baton.tls.PeerName;
import io.baton.tls.ServiceRole;
import io.grpc.ServerCredentials;
import io.grpc.TlsServerCredentials;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;

/**
 * A certificate for each role, as a Kubernetes Secret that all pods of a Deployment mount has it, and their authority.
 *
 * <p><em>Thread-safety:</em> stateless.
 */
final class BenchCertificates {
    private static final Duration VALIDITY = Duration.ofDays(1);

    private BenchCertificates() {}

    /** Writes new ones. */
    static void write(Path directory) {
        CertificateAuthority authority = CertificateAuthority.create(VALIDITY);
        SecretFiles.write(directory.resolve("ca.crt"), authority.own().certificatePem());
        for (ServiceRole role : ServiceRole.values()) {
            FleetCertificates.write(directory, role.label(), authority.issue(PeerName.of(role), VALIDITY));
        }
    }

    /** What a worker of a role shows and whom it believes. */
    static ServerCredentials of(Path directory, ServiceRole role) throws IOException {
        return TlsServerCredentials.newBuilder()
                .keyManager(
                        directory.resolve(role.label() + ".crt").toFile(),
                        directory.resolve(role.label() + ".key").toFile())
                .trustManager(directory.resolve("ca.crt").toFile())
                .clientAuth(TlsServerCredentials.ClientAuth.REQUIRE)
                .build();
    }
}
