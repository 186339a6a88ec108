package io.baton.cli.keys;

import io.baton.tls.PeerName;
import java.io.IOException;
import java.io.InputStream;
import java.io.Reader;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.PrivateKey;
import java.security.SecureRandom;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.ECGenParameterSpec;
import java.time.Duration;
import java.time.Instant;
import java.util.Date;
import javax.security.auth.x500.X500Principal;
import org.bouncycastle.asn1.pkcs.PrivateKeyInfo;
import org.bouncycastle.asn1.x509.BasicConstraints;
import org.bouncycastle.asn1.x509.ExtendedKeyUsage;
import org.bouncycastle.asn1.x509.Extension;
import org.bouncycastle.asn1.x509.GeneralName;
import org.bouncycastle.asn1.x509.GeneralNames;
import org.bouncycastle.asn1.x509.KeyPurposeId;
import org.bouncycastle.asn1.x509.KeyUsage;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.cert.jcajce.JcaX509ExtensionUtils;
import org.bouncycastle.cert.jcajce.JcaX509v3CertificateBuilder;
import org.bouncycastle.openssl.PEMParser;
import org.bouncycastle.openssl.jcajce.JcaPEMKeyConverter;
import org.bouncycastle.operator.OperatorCreationException;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;
import org.jspecify.annotations.Nullable;

/**
 * Issues the certificates of one fleet's or one cluster's services. Keys are EC P-256, signatures ECDSA with SHA-256.
 *
 * <p><em>Thread-safety:</em> immutable.
 */
public final class CertificateAuthority {
    private static final String CURVE = "secp256r1";
    private static final String SIGNATURE = "SHA256withECDSA";
    private static final int SERIAL_BITS = 127;
    /** Clocks of other machines may be behind. */
    private static final Duration BACKDATED = Duration.ofMinutes(5);

    private final Issued own;

    private CertificateAuthority(Issued own) {
        this.own = own;
    }

    /** A new authority. */
    public static CertificateAuthority create(Duration validity) {
        KeyPair keys = keyPair();
        X500Principal name = new X500Principal("CN=Baton services, SERIALNUMBER=" + serial().toString(16));
        return new CertificateAuthority(
                new Issued(sign(name, keys.getPrivate(), name, keys, validity, null), keys.getPrivate()));
    }

    /**
     * The authority whose certificate and key are in two files.
     *
     * @throws KeysException if they cannot be read
     */
    public static CertificateAuthority read(Path certificate, Path key) {
        try (InputStream in = Files.newInputStream(certificate);
                Reader text = Files.newBufferedReader(key);
                PEMParser parser = new PEMParser(text)) {
            X509Certificate read =
                    (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(in);
            if (!(parser.readObject() instanceof PrivateKeyInfo info)) {
                throw new KeysException(key + " is no private key in PKCS #8, as it was written");
            }
            return new CertificateAuthority(new Issued(read, new JcaPEMKeyConverter().getPrivateKey(info)));
        } catch (IOException | GeneralSecurityException e) {
            throw new KeysException(
                    "the authority in " + certificate + " and " + key + " cannot be read: " + e.getMessage(), e);
        }
    }

    /** Its own certificate and key. */
    public Issued own() {
        return own;
    }

    /** A new key with a certificate for a service. */
    public Issued issue(PeerName name, Duration validity) {
        KeyPair keys = keyPair();
        X500Principal subject = new X500Principal("CN=baton-" + name.role().label());
        return new Issued(
                sign(own.certificate().getSubjectX500Principal(), own.key(), subject, keys, validity, name),
                keys.getPrivate());
    }

    private static X509Certificate sign(
            X500Principal issuer,
            PrivateKey issuerKey,
            X500Principal subject,
            KeyPair keys,
            Duration validity,
            @Nullable PeerName name) {
        Instant now = Instant.now();
        var builder = new JcaX509v3CertificateBuilder(
                issuer,
                serial(),
                Date.from(now.minus(BACKDATED)),
                Date.from(now.plus(validity)),
                subject,
                keys.getPublic());
        try {
            builder.addExtension(Extension.basicConstraints, true, new BasicConstraints(name == null));
            builder.addExtension(
                    Extension.subjectKeyIdentifier,
                    false,
                    new JcaX509ExtensionUtils().createSubjectKeyIdentifier(keys.getPublic()));
            if (name == null) {
                usage(builder, KeyUsage.keyCertSign | KeyUsage.cRLSign);
            } else {
                usage(builder, KeyUsage.digitalSignature);
                builder.addExtension(Extension.extendedKeyUsage, false, new ExtendedKeyUsage(new KeyPurposeId[] {
                    KeyPurposeId.id_kp_serverAuth, KeyPurposeId.id_kp_clientAuth
                }));
                builder.addExtension(
                        Extension.subjectAlternativeName,
                        false,
                        new GeneralNames(new GeneralName(GeneralName.uniformResourceIdentifier, name.uri())));
            }
            return new JcaX509CertificateConverter()
                    .getCertificate(builder.build(new JcaContentSignerBuilder(SIGNATURE).build(issuerKey)));
        } catch (IOException | GeneralSecurityException | OperatorCreationException e) {
            throw new IllegalStateException("a certificate could not be made", e);
        }
    }

    private static void usage(JcaX509v3CertificateBuilder builder, int bits) throws IOException {
        builder.addExtension(Extension.keyUsage, true, new KeyUsage(bits));
    }

    private static KeyPair keyPair() {
        try {
            KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
            generator.initialize(new ECGenParameterSpec(CURVE));
            return generator.generateKeyPair();
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("every Java platform has EC keys", e);
        }
    }

    private static BigInteger serial() {
        return new BigInteger(SERIAL_BITS, new SecureRandom());
    }
}
