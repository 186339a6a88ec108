package io.baton.router.config;

import io.baton.tls.TlsSettings;
import io.smallrye.config.ConfigMapping;

/** The settings of the connections to the workers' TLS, which all services share. */
@ConfigMapping(prefix = "baton.tls")
public interface RouterTls extends TlsSettings {}
