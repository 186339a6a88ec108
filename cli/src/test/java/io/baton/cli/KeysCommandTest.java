package io.baton.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.baton.kv.key.ClusterKeys;
import io.baton.tls.PeerName;
import io.baton.tls.ServiceRole;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class KeysCommandTest {
    @TempDir
    @SuppressWarnings("NullAway.Init")
    private Path directory;

    private final StringWriter output = new StringWriter();

    private int keys(String... more) {
        String[] arguments = Stream.concat(Stream.of("keys", directory.toString()), Stream.of(more))
                .toArray(String[]::new);
        PrintWriter out = new PrintWriter(output);
        return Main.commandLine().setOut(out).setErr(out).execute(arguments);
    }

    private Map<String, String> files() throws IOException {
        Map<String, String> files = new TreeMap<>();
        try (Stream<Path> all = Files.list(directory)) {
            for (Path file : all.toList()) {
                files.put(file.getFileName().toString(), Files.readString(file));
            }
        }
        return files;
    }

    private X509Certificate certificate(String name) throws Exception {
        try (InputStream in = Files.newInputStream(directory.resolve(name))) {
            return (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(in);
        }
    }

    @Test
    void shouldWriteEverythingThatAClusterNeedsForThisUserAlone() throws Exception {
        // When
        assertThat(keys("--days", "30")).as(output.toString()).isZero();
        // Then
        Map<String, String> files = files();
        assertThat(files)
                .containsOnlyKeys(
                        "api-keys",
                        "ca.crt",
                        "ca.key",
                        "decode.crt",
                        "decode.key",
                        "kv-keys",
                        "prefill.crt",
                        "prefill.key",
                        "router.crt",
                        "router.key");
        for (String file : files.keySet()) {
            assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(directory.resolve(file))))
                    .isEqualTo("rw-------");
        }
        assertThat(ClusterKeys.parse(files.getOrDefault("kv-keys", "")).names()).isPresent();
        assertThat(files.get("api-keys")).containsPattern("(?m)^example: [0-9a-f]{48}$");
        for (ServiceRole role : ServiceRole.values()) {
            X509Certificate c = certificate(role.label() + ".crt");
            assertThat(PeerName.of(c)).isEqualTo(PeerName.of(role));
            c.verify(certificate("ca.crt").getPublicKey());
        }
    }

    @Test
    void shouldRenewTheCertificatesOfTheRolesAndKeepTheRest() throws Exception {
        // Given
        keys();
        Map<String, String> before = files();
        // When
        assertThat(keys()).isZero();
        // Then
        Map<String, String> after = files();
        for (String kept : new String[] {"api-keys", "kv-keys", "ca.crt", "ca.key"}) {
            assertThat(after.get(kept)).as(kept).isEqualTo(before.get(kept));
        }
        for (ServiceRole role : ServiceRole.values()) {
            assertThat(after.get(role.label() + ".crt")).isNotEqualTo(before.get(role.label() + ".crt"));
            certificate(role.label() + ".crt").verify(certificate("ca.crt").getPublicKey());
        }
    }

    @Test
    void shouldRefuseTimesThatMakeNoSense() throws Exception {
        assertThat(keys("--days", "0")).isEqualTo(2);
        assertThat(keys("--days", "10", "--ca-days", "9")).isEqualTo(2);
        assertThat(output.toString()).contains("--ca-days");
        assertThat(files()).isEmpty();
    }
}
