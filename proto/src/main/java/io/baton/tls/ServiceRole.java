package io.baton.tls;

import java.util.Locale;

/** What a service does, as its certificate says. */
public enum ServiceRole {
    /** Stands in front of the workers. */
    ROUTER,
    /** Runs prompts. */
    PREFILL,
    /** Generates tokens. */
    DECODE;

    /** The name in certificates and messages: {@code router}, {@code prefill}, {@code decode}. */
    public String label() {
        return name().toLowerCase(Locale.ROOT);
    }
}
