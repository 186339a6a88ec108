package io.baton.tls.service;

import io.baton.tls.MutualTls;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import java.util.function.ToDoubleFunction;

/** What mutual TLS counts. */
final class TlsMetrics {
    private TlsMetrics() {}

    static void bind(MeterRegistry registry, MutualTls tls) {
        refused(registry, tls, "handshake", MutualTls::handshakesRefused);
        refused(registry, tls, "role", MutualTls::rolesRefused);
        reloads(registry, tls, "done", MutualTls::reloaded);
        reloads(registry, tls, "failed", MutualTls::reloadsFailed);
        Gauge.builder("baton.tls.certificate.expiry", tls, t -> t.expires().getEpochSecond())
                .description("When the service's certificate runs out, in seconds since the epoch")
                .baseUnit("seconds")
                .register(registry);
    }

    private static void refused(MeterRegistry registry, MutualTls tls, String at, ToDoubleFunction<MutualTls> count) {
        FunctionCounter.builder("baton.tls.refused", tls, count)
                .tag("at", at)
                .description("Connections that TLS did not let begin, and calls refused because of the caller's role")
                .register(registry);
    }

    private static void reloads(
            MeterRegistry registry, MutualTls tls, String outcome, ToDoubleFunction<MutualTls> count) {
        FunctionCounter.builder("baton.tls.reloads", tls, count)
                .tag("outcome", outcome)
                .description("How often there were new certificates, or such as could not be used")
                .register(registry);
    }
}
