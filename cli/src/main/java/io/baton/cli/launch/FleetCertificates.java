package io.baton.cli.launch;

import io.baton.cli.keys.CertificateAuthority;
import io.baton.cli.keys.Issued;
import io.baton.cli.keys.SecretFiles;
import io.baton.tls.PeerName;
import io.baton.tls.ServiceRole;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The certificates of one fleet, one for each process, issued when it starts by an authority whose key is then forgotten.
 *
 * <p><em>Thread-safety:</em> stateless.
 */
public final class FleetCertificates {
    /** Longer than a fleet that one launcher started is up. */
    private static final Duration VALIDITY = Duration.ofDays(365);

    private FleetCertificates() {}

    /** Where the certificates of the fleet at {@code port} are. */
    public static Path directory(Path runs, int port) {
        return RunState.directory(runs, port).resolve("tls").toAbsolutePath().normalize();
    }

    /** Writes new ones for all processes; those of an earlier fleet at this port are of no use any more. */
    static void write(Path directory, List<CommandLines.Planned> processes) {
        CertificateAuthority authority = CertificateAuthority.create(VALIDITY);
        SecretFiles.write(directory.resolve("ca.crt"), authority.own().certificatePem());
        for (CommandLines.Planned process : processes) {
            ServiceRole role = ServiceRole.valueOf(process.role().name());
            write(directory, process.name(), authority.issue(new PeerName(role, process.name()), VALIDITY));
        }
    }

    /** Writes a certificate and its key under a name. */
    public static void write(Path directory, String name, Issued issued) {
        // The key first: a service that looks in between has a key without its certificate, and looks again.
        SecretFiles.write(directory.resolve(name + ".key"), issued.keyPem());
        SecretFiles.write(directory.resolve(name + ".crt"), issued.certificatePem());
    }

    /** The settings of a service whose certificate is written under {@code name}. */
    public static Map<String, String> settings(Path directory, String name) {
        Map<String, String> settings = new LinkedHashMap<>();
        settings.put("baton.tls.mode", "mtls");
        settings.put(
                "quarkus.tls.baton.key-store.pem.0.cert",
                directory.resolve(name + ".crt").toString());
        settings.put(
                "quarkus.tls.baton.key-store.pem.0.key",
                directory.resolve(name + ".key").toString());
        settings.put(
                "quarkus.tls.baton.trust-store.pem.certs",
                directory.resolve("ca.crt").toString());
        return settings;
    }
}
