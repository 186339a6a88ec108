package io.baton.tls;

/** How services talk to each other. */
public enum TlsMode {
    /** Over TLS 1.3, each with a certificate. */
    MTLS,
    /** As it is: whoever reaches a worker is believed. */
    PLAINTEXT
}
