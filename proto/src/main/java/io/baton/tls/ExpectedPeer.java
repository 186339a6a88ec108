package io.baton.tls;

import io.grpc.util.AdvancedTlsX509TrustManager;
import io.grpc.util.AdvancedTlsX509TrustManager.SslSocketAndEnginePeerVerifier;
import io.grpc.util.AdvancedTlsX509TrustManager.Verification;
import java.io.IOException;
import java.net.Socket;
import java.security.GeneralSecurityException;
import java.security.cert.CertificateException;
import java.security.cert.X509Certificate;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.X509TrustManager;

/**
 * Believes a peer whose certificate is trusted and of one of the expected roles.
 *
 * <p><em>Thread-safety:</em> immutable.
 */
record ExpectedPeer(Set<ServiceRole> roles) implements SslSocketAndEnginePeerVerifier {
    /** What believes such peers. */
    static X509TrustManager trustManager(List<X509Certificate> authorities, Set<ServiceRole> roles) {
        try {
            AdvancedTlsX509TrustManager trust = AdvancedTlsX509TrustManager.newBuilder()
                    .setVerification(Verification.CERTIFICATE_ONLY_VERIFICATION)
                    .setSslSocketAndEnginePeerVerifier(new ExpectedPeer(roles))
                    .build();
            trust.updateTrustCredentials(authorities.toArray(X509Certificate[]::new));
            return trust;
        } catch (GeneralSecurityException | IOException e) {
            throw new TlsException("the trusted certificates cannot be used: " + e.getMessage(), e);
        }
    }

    @Override
    public void verifyPeerCertificate(X509Certificate[] chain, String authType, Socket socket)
            throws CertificateException {
        check(chain);
    }

    @Override
    public void verifyPeerCertificate(X509Certificate[] chain, String authType, SSLEngine engine)
            throws CertificateException {
        check(chain);
    }

    private void check(X509Certificate[] chain) throws CertificateException {
        PeerName peer = PeerName.of(chain[0]);
        if (!roles.contains(peer.role())) {
            throw new CertificateException("the peer's certificate is for " + peer + "; expected was "
                    + roles.stream().sorted().map(ServiceRole::label).collect(Collectors.joining(" or ")));
        }
    }
}
