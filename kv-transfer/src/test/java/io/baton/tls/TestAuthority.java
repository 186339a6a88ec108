package io.baton.tls;

import java.math.BigInteger;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateException;
import java.security.cert.X509Certificate;
import java.security.spec.ECGenParameterSpec;
import java.time.Duration;
import java.time.Instant;
import java.util.Date;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicReference;
import javax.net.ssl.KeyManagerFactory;
import javax.security.auth.x500.X500Principal;
import org.bouncycastle.asn1.x509.BasicConstraints;
import org.bouncycastle.asn1.x509.Extension;
import org.bouncycastle.asn1.x509.GeneralName;
import org.bouncycastle.asn1.x509.GeneralNames;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.cert.jcajce.JcaX509v3CertificateBuilder;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;

/** An authority, and the certificates of services that it issues. */
public final class TestAuthority {
    private static final char[] PASSWORD = "none".toCharArray();
    private static final Duration RELOAD = Duration.ofMillis(20);

    private final X500Principal name;
    private final KeyPair keys = keys();
    private final X509Certificate certificate;

    public TestAuthority(String name) {
        this.name = new X500Principal("CN=" + name);
        this.certificate = sign(this.name, keys, Duration.ofDays(1), List.of(), true);
    }

    public X509Certificate certificate() {
        return certificate;
    }

    /** TLS of a service with this name, which trusts this authority. */
    public MutualTls tls(String uri) {
        try {
            PeerName peer = PeerName.parse(uri);
            Credentials credentials = credentials(List.of(uri), Duration.ofDays(1));
            return MutualTls.open(peer.role(), () -> credentials, RELOAD);
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }

    /** TLS of a service that trusts this authority, and whose own certificate another one has issued. */
    public MutualTls strange(String uri) {
        try {
            Credentials credentials =
                    new TestAuthority("stranger").credentials(List.of(uri), Duration.ofDays(1), List.of(certificate));
            return MutualTls.open(PeerName.parse(uri).role(), () -> credentials, RELOAD);
        } catch (CertificateException e) {
            throw new AssertionError(e);
        }
    }

    /** TLS of a service whose certificate, and what it trusts, is of the authority that is the current one. */
    public static MutualTls changing(String uri, AtomicReference<TestAuthority> current) {
        Map<TestAuthority, Credentials> made = new ConcurrentHashMap<>();
        try {
            return MutualTls.open(
                    PeerName.parse(uri).role(),
                    () -> made.computeIfAbsent(current.get(), a -> a.credentials(List.of(uri), Duration.ofDays(1))),
                    RELOAD);
        } catch (CertificateException e) {
            throw new AssertionError(e);
        }
    }

    /** The same from a source that may change. */
    MutualTls tls(ServiceRole role, MutualTls.Source source) {
        return MutualTls.open(role, source, RELOAD);
    }

    /** A certificate with these alternative names that is valid for so long from now on, or was. */
    Credentials credentials(List<String> uris, Duration validity) {
        return credentials(uris, validity, List.of(certificate));
    }

    /** The same, trusting others. */
    Credentials credentials(List<String> uris, Duration validity, List<X509Certificate> trusted) {
        try {
            KeyPair own = keys();
            X509Certificate issued = sign(new X500Principal("CN=service"), own, validity, uris, false);
            KeyStore store = KeyStore.getInstance("PKCS12");
            store.load(null, null);
            store.setKeyEntry("own", own.getPrivate(), PASSWORD, new Certificate[] {issued});
            KeyManagerFactory managers = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
            managers.init(store, PASSWORD);
            KeyStore trust = KeyStore.getInstance("PKCS12");
            trust.load(null, null);
            for (int i = 0; i < trusted.size(); i++) {
                trust.setCertificateEntry("authority-" + i, trusted.get(i));
            }
            return Credentials.of(store, managers, trust);
        } catch (TlsException e) {
            throw e;
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }

    /** A certificate with these alternative names. */
    X509Certificate issue(List<String> uris) {
        return sign(new X500Principal("CN=service"), keys(), Duration.ofDays(1), uris, false);
    }

    private X509Certificate sign(
            X500Principal subject, KeyPair own, Duration validity, List<String> uris, boolean authority) {
        try {
            Instant end = Instant.now().plus(validity);
            var builder = new JcaX509v3CertificateBuilder(
                    name,
                    BigInteger.valueOf(System.nanoTime()),
                    Date.from(end.minus(Duration.ofDays(30))),
                    Date.from(end),
                    subject,
                    own.getPublic());
            builder.addExtension(Extension.basicConstraints, true, new BasicConstraints(authority));
            if (!uris.isEmpty()) {
                GeneralName[] names = uris.stream()
                        .map(uri -> new GeneralName(GeneralName.uniformResourceIdentifier, uri))
                        .toArray(GeneralName[]::new);
                builder.addExtension(Extension.subjectAlternativeName, false, new GeneralNames(names));
            }
            return new JcaX509CertificateConverter()
                    .getCertificate(
                            builder.build(new JcaContentSignerBuilder("SHA256withECDSA").build(keys.getPrivate())));
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }

    private static KeyPair keys() {
        try {
            KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
            generator.initialize(new ECGenParameterSpec("secp256r1"));
            return generator.generateKeyPair();
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }
}
