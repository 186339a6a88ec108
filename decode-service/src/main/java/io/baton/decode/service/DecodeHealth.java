package io.baton.decode.service;

import jakarta.enterprise.inject.Produces;
import jakarta.inject.Singleton;
import org.eclipse.microprofile.health.HealthCheck;
import org.eclipse.microprofile.health.HealthCheckResponse;
import org.eclipse.microprofile.health.Liveness;
import org.eclipse.microprofile.health.Readiness;

/**
 * Ready while the engine works, the gRPC server listens and the worker is not draining; alive while the engine works.
 *
 * <p><em>Thread-safety:</em> stateless.
 */
@Singleton
public class DecodeHealth {
    @Produces
    @Singleton
    @Readiness
    HealthCheck ready(DecodeWorker worker) {
        return () -> HealthCheckResponse.named("takes requests")
                .status(worker.ready())
                .build();
    }

    @Produces
    @Singleton
    @Liveness
    HealthCheck alive(DecodeWorker worker) {
        return () -> HealthCheckResponse.named("engine")
                .status(worker.failure() == null)
                .build();
    }
}
