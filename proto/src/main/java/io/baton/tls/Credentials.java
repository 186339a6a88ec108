package io.baton.tls;

import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.KeyStoreException;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import javax.net.ssl.KeyManagerFactory;

/**
 * What a service shows, and whom it believes.
 *
 * <p><em>Thread-safety:</em> immutable.
 *
 * @param keys the key of the certificate
 * @param certificate what it shows
 * @param trusted authorities whose certificates it believes
 */
public record Credentials(KeyManagerFactory keys, X509Certificate certificate, List<X509Certificate> trusted) {
    /** Copies the list. */
    public Credentials {
        trusted = List.copyOf(trusted);
    }

    /**
     * What two key stores hold.
     *
     * @throws TlsException if it is not one key with its certificate, and at least one authority
     */
    public static Credentials of(KeyStore own, KeyManagerFactory keys, KeyStore trust) {
        try {
            List<X509Certificate> mine = new ArrayList<>();
            for (String alias : Collections.list(own.aliases())) {
                if (own.isKeyEntry(alias) && own.getCertificate(alias) instanceof X509Certificate c) {
                    mine.add(c);
                }
            }
            List<X509Certificate> trusted = certificates(trust);
            if (mine.size() != 1 || trusted.isEmpty()) {
                throw new TlsException("a service has one certificate with its key and trusts at least one authority;"
                        + " here are " + mine.size() + " and " + trusted.size());
            }
            return new Credentials(keys, mine.getFirst(), trusted);
        } catch (GeneralSecurityException e) {
            throw new TlsException("the certificates cannot be read: " + e.getMessage(), e);
        }
    }

    private static List<X509Certificate> certificates(KeyStore store) throws KeyStoreException {
        List<X509Certificate> found = new ArrayList<>();
        for (String alias : Collections.list(store.aliases())) {
            if (store.getCertificate(alias) instanceof X509Certificate c) {
                found.add(c);
            }
        }
        return found;
    }

    /** Whether the other ones show and believe the same. */
    boolean sameAs(Credentials other) {
        return certificate.equals(other.certificate) && trusted.equals(other.trusted);
    }
}
