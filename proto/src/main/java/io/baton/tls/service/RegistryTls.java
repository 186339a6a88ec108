package io.baton.tls.service;

import io.baton.tls.Credentials;
import io.baton.tls.MutualTls;
import io.baton.tls.ServiceRole;
import io.baton.tls.ServiceTls;
import io.baton.tls.TlsException;
import io.baton.tls.TlsSettings;
import io.micrometer.core.instrument.MeterRegistry;
import io.quarkus.tls.TlsConfiguration;
import io.quarkus.tls.TlsConfigurationRegistry;
import io.vertx.core.Vertx;
import org.jboss.logging.Logger;

/**
 * TLS as a service's settings have it, with the certificates that Quarkus' TLS registry has under the name {@value #NAME}.
 *
 * <p><em>Thread-safety:</em> stateless.
 */
public final class RegistryTls {
    /** Name of the configuration in the registry: {@code quarkus.tls.baton.*}. */
    public static final String NAME = "baton";

    private static final Logger LOG = Logger.getLogger(RegistryTls.class);

    private RegistryTls() {}

    /**
     * TLS for a service.
     *
     * @param role what the service is
     * @throws TlsException if it is to have certificates and has none that it can use
     */
    public static ServiceTls open(
            ServiceRole role,
            TlsSettings settings,
            TlsConfigurationRegistry registry,
            Vertx vertx,
            MeterRegistry metrics) {
        return switch (settings.mode()) {
            case PLAINTEXT -> {
                LOG.warn("the services prove nothing to each other: baton.tls.mode is plaintext");
                yield ServiceTls.plaintext();
            }
            case MTLS -> {
                TlsConfiguration certificates = registry.get(NAME).orElse(null);
                if (certificates == null
                        || certificates.getKeyStore() == null
                        || certificates.getTrustStore() == null) {
                    throw new TlsException(
                            "baton.tls.mode=mtls: the service needs a certificate and an authority to trust;"
                                    + " name their files in quarkus.tls.baton.key-store.pem.0.cert,"
                                    + " quarkus.tls.baton.key-store.pem.0.key and quarkus.tls.baton.trust-store.pem.certs,"
                                    + " or set baton.tls.mode=plaintext");
                }
                MutualTls tls = MutualTls.open(role, source(certificates, vertx), settings.reload());
                TlsMetrics.bind(metrics, tls);
                yield tls;
            }
        };
    }

    private static MutualTls.Source source(TlsConfiguration certificates, Vertx vertx) {
        return () -> {
            // The registry keeps what it had, and does not say why.
            if (!certificates.reload()) {
                throw new TlsException(
                        "the files that quarkus.tls.baton.* name cannot be read, or are no certificates");
            }
            try {
                return Credentials.of(
                        certificates.getKeyStore(),
                        certificates.getKeyStoreOptions().getKeyManagerFactory(vertx),
                        certificates.getTrustStore());
            } catch (TlsException e) {
                throw e;
            } catch (Exception e) {
                throw new TlsException("the certificates of quarkus.tls.baton.* cannot be used: " + e.getMessage(), e);
            }
        };
    }
}
