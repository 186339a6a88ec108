package io.baton.cli.keys;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.baton.tls.PeerName;
import io.baton.tls.ServiceRole;
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SignatureException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.interfaces.ECPublicKey;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CertificateAuthorityTest {
    private static final Duration DAY = Duration.ofDays(1);
    private static final PeerName WORKER = new PeerName(ServiceRole.DECODE, "decode-0");

    private final CertificateAuthority authority = CertificateAuthority.create(DAY.multipliedBy(10));

    @Test
    void shouldIssueWhatAServiceNeedsAndNothingMore() throws Exception {
        // When
        X509Certificate certificate = authority.issue(WORKER, DAY).certificate();
        // Then
        assertThat(PeerName.of(certificate)).isEqualTo(WORKER);
        certificate.verify(authority.own().certificate().getPublicKey());
        certificate.checkValidity();
        assertThat(certificate.getBasicConstraints())
                .as("it issues nothing itself")
                .isEqualTo(-1);
        assertThat(certificate.getExtendedKeyUsage()).containsExactly("1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2");
        assertThat(certificate.getSigAlgName()).isEqualTo("SHA256withECDSA");
        assertThat(((ECPublicKey) certificate.getPublicKey())
                        .getParams()
                        .getOrder()
                        .bitLength())
                .isEqualTo(256);
        assertThat(authority.own().certificate().getBasicConstraints()).isNotNegative();
    }

    @Test
    void shouldIssueForAsLongAsItIsTold() {
        X509Certificate certificate = authority.issue(WORKER, DAY).certificate();
        assertThat(Duration.between(
                        certificate.getNotBefore().toInstant(),
                        certificate.getNotAfter().toInstant()))
                .isBetween(DAY, DAY.plusHours(1));
    }

    @Test
    void shouldWritePemThatOthersRead() throws Exception {
        // Given
        Issued issued = authority.issue(WORKER, DAY);
        // When / Then
        assertThat(CertificateFactory.getInstance("X.509")
                        .generateCertificate(
                                new ByteArrayInputStream(issued.certificatePem().getBytes(StandardCharsets.US_ASCII))))
                .isEqualTo(issued.certificate());
        assertThat(io.grpc.util.CertificateUtils.getPrivateKey(
                                new ByteArrayInputStream(issued.keyPem().getBytes(StandardCharsets.US_ASCII)))
                        .getEncoded())
                .isEqualTo(issued.key().getEncoded());
    }

    @Test
    void shouldGoOnWhereItWasWritten(@TempDir Path directory) throws Exception {
        // Given
        Path certificate = directory.resolve("ca.crt");
        Path key = directory.resolve("ca.key");
        SecretFiles.write(certificate, authority.own().certificatePem());
        SecretFiles.write(key, authority.own().keyPem());
        // When
        X509Certificate issued =
                CertificateAuthority.read(certificate, key).issue(WORKER, DAY).certificate();
        // Then
        issued.verify(authority.own().certificate().getPublicKey());
        assertThatThrownBy(() -> CertificateAuthority.create(DAY)
                        .issue(WORKER, DAY)
                        .certificate()
                        .verify(authority.own().certificate().getPublicKey()))
                .isInstanceOf(SignatureException.class);
    }

    @Test
    void shouldSayWhichFileIsWrong(@TempDir Path directory) throws Exception {
        Path certificate = directory.resolve("ca.crt");
        Path key = Files.writeString(directory.resolve("ca.key"), "nothing");
        assertThatThrownBy(() -> CertificateAuthority.read(certificate, key))
                .isInstanceOf(KeysException.class)
                .hasMessageContaining("ca.crt");
        SecretFiles.write(certificate, authority.own().certificatePem());
        assertThatThrownBy(() -> CertificateAuthority.read(certificate, key))
                .isInstanceOf(KeysException.class)
                .hasMessageContaining("ca.key");
    }
}
