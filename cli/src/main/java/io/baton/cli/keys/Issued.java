package io.baton.cli.keys;

import java.io.IOException;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.security.PrivateKey;
import java.security.cert.X509Certificate;
import org.bouncycastle.openssl.jcajce.JcaPEMWriter;
import org.bouncycastle.openssl.jcajce.JcaPKCS8Generator;

/**
 * A certificate and its private key.
 *
 * <p><em>Thread-safety:</em> immutable.
 */
public record Issued(X509Certificate certificate, PrivateKey key) {
    /** The certificate in PEM (RFC 7468). */
    public String certificatePem() {
        return pem(certificate);
    }

    /** The private key in PEM, PKCS #8, not encrypted. */
    public String keyPem() {
        try {
            return pem(new JcaPKCS8Generator(key, null));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static String pem(Object object) {
        StringWriter text = new StringWriter();
        try (JcaPEMWriter writer = new JcaPEMWriter(text)) {
            writer.writeObject(object);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return text.toString();
    }
}
