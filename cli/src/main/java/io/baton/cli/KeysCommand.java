package io.baton.cli;

import io.baton.cli.keys.CertificateAuthority;
import io.baton.cli.keys.Issued;
import io.baton.cli.keys.SecretFiles;
import io.baton.tls.PeerName;
import io.baton.tls.ServiceRole;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.HexFormat;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Writes what a cluster keeps secret. */
@Command(
        name = "keys",
        mixinStandardHelpOptions = true,
        sortOptions = false,
        header = "Write keys and certificates for a cluster into a directory.",
        description = {
            "",
            "Writes, each readable by this user only:",
            "  kv-keys               the workers' keys of KV blocks",
            "  api-keys              an example of the router's API keys, with one tenant",
            "  ca.crt, ca.key        the authority that all services trust; the key is for this command alone",
            "  ROLE.crt, ROLE.key    a certificate for each of router, prefill and decode",
            "",
            "What is there already stays, but for the certificates of the roles, which are always new: run it again,",
            "with the same directory, before they run out.",
            ""
        })
final class KeysCommand implements Callable<Integer> {
    private static final int API_KEY_BYTES = 24;

    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it before the command runs
    private CommandSpec spec;

    @Parameters(paramLabel = "DIRECTORY", description = "Where to write; made if it is not there.")
    @SuppressWarnings("NullAway.Init") // picocli sets it before the command runs
    private Path directory;

    @Option(
            names = "--days",
            paramLabel = "N",
            description = "How long the certificates of the roles are valid. Default: ${DEFAULT-VALUE}")
    private int days = 365;

    @Option(
            names = "--ca-days",
            paramLabel = "N",
            description = "How long a new authority is valid. Default: ${DEFAULT-VALUE}")
    private int authorityDays = 3650;

    @Override
    public Integer call() {
        if (days < 1 || authorityDays < days) {
            throw new ParameterException(
                    spec.commandLine(), "--days must be at least 1, and --ca-days at least as many as --days");
        }
        PrintWriter out = spec.commandLine().getOut();
        once(out, "kv-keys", SecretFiles.kvKeys("Written by ./baton keys.", "key-1"));
        once(out, "api-keys", "# tenant: key\nexample: " + apiKey() + "\n");
        CertificateAuthority authority = authority(out);
        for (ServiceRole role : ServiceRole.values()) {
            Issued issued = authority.issue(PeerName.of(role), Duration.ofDays(days));
            SecretFiles.write(directory.resolve(role.label() + ".key"), issued.keyPem());
            SecretFiles.write(directory.resolve(role.label() + ".crt"), issued.certificatePem());
            out.println("  " + role.label() + ".crt, " + role.label() + ".key: new, valid until "
                    + issued.certificate().getNotAfter().toInstant());
        }
        return 0;
    }

    private CertificateAuthority authority(PrintWriter out) {
        Path certificate = directory.resolve("ca.crt");
        Path key = directory.resolve("ca.key");
        if (Files.exists(certificate) && Files.exists(key)) {
            out.println("  ca.crt, ca.key: as they were");
            return CertificateAuthority.read(certificate, key);
        }
        CertificateAuthority made = CertificateAuthority.create(Duration.ofDays(authorityDays));
        SecretFiles.write(key, made.own().keyPem());
        SecretFiles.write(certificate, made.own().certificatePem());
        out.println("  ca.crt, ca.key: new, valid until "
                + made.own().certificate().getNotAfter().toInstant());
        return made;
    }

    private void once(PrintWriter out, String name, String text) {
        Path file = directory.resolve(name);
        if (Files.exists(file)) {
            out.println("  " + name + ": as it was");
        } else {
            SecretFiles.write(file, text);
            out.println("  " + name + ": new");
        }
    }

    private static String apiKey() {
        byte[] random = new byte[API_KEY_BYTES];
        new SecureRandom().nextBytes(random);
        return HexFormat.of().formatHex(random);
    }
}
