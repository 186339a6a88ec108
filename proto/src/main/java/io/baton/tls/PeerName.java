package io.baton.tls;

import java.security.cert.CertificateException;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Who a certificate is for: its one URI among the subject's alternative names that begins with {@value #PREFIX}, a SPIFFE ID.
 *
 * @param role what its owner does
 * @param name which worker its owner is; null for a certificate that all services of a role share
 */
public record PeerName(ServiceRole role, @Nullable String name) {
    /** How every name begins. */
    public static final String PREFIX = "spiffe://baton/";

    private static final Pattern FORM =
            Pattern.compile(Pattern.quote(PREFIX) + "(router|prefill|decode)(?:/([A-Za-z0-9._:-]{1,256}))?");
    /** Kind of alternative name that is a URI, RFC 5280 section 4.2.1.6. */
    private static final int URI = 6;

    /** The name of all services of a role. */
    public static PeerName of(ServiceRole role) {
        return new PeerName(role, null);
    }

    /**
     * The name in a certificate.
     *
     * @throws CertificateException if it has none, or more than one
     */
    public static PeerName of(X509Certificate certificate) throws CertificateException {
        List<String> ours = new ArrayList<>();
        Collection<List<?>> names = certificate.getSubjectAlternativeNames();
        for (List<?> name : names == null ? List.<List<?>>of() : names) {
            if (name.get(0).equals(URI) && name.get(1) instanceof String uri && uri.startsWith(PREFIX)) {
                ours.add(uri);
            }
        }
        if (ours.size() != 1) {
            throw new CertificateException("the certificate of " + certificate.getSubjectX500Principal() + " has "
                    + ours.size() + " alternative names that begin with " + PREFIX + "; it must have one, such as "
                    + PREFIX + "decode/decode-0");
        }
        return parse(ours.getFirst());
    }

    /**
     * The name that is written so.
     *
     * @throws CertificateException if it is none
     */
    public static PeerName parse(String uri) throws CertificateException {
        Matcher m = FORM.matcher(uri);
        if (!m.matches()) {
            throw new CertificateException("'" + uri + "' is no name of a service; one is written " + PREFIX
                    + "ROLE or "
                    + PREFIX + "ROLE/NAME, with ROLE router, prefill or decode, and NAME of at most 256 letters, digits"
                    + " and .-_:");
        }
        return new PeerName(ServiceRole.valueOf(m.group(1).toUpperCase(Locale.ROOT)), m.group(2));
    }

    /** As it stands in a certificate. */
    public String uri() {
        return PREFIX + role.label() + (name == null ? "" : "/" + name);
    }

    @Override
    public String toString() {
        return uri();
    }
}
