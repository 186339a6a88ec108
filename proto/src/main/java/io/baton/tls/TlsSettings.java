package io.baton.tls;

import io.smallrye.config.WithDefault;
import java.time.Duration;

/** Settings of the connections between services. Their prefix is {@code baton.tls}. */
public interface TlsSettings {
    /** How services talk to each other: {@code mtls}, with the certificates of {@code quarkus.tls.baton.*}, or {@code plaintext}. */
    @WithDefault("mtls")
    TlsMode mode();

    /** How often the files of certificates are looked at for a change; new connections then use what is new. */
    @WithDefault("10s")
    Duration reload();
}
