package io.baton.router.app;

import static java.util.Objects.requireNonNull;

import grpc.health.v1.HealthOuterClass.HealthCheckResponse.ServingStatus;
import io.baton.inference.v1.InferenceServiceGrpc;
import io.baton.router.auth.Authenticator;
import io.baton.router.config.RouterConfig;
import io.baton.router.discovery.Discovery;
import io.baton.router.fleet.Fleet;
import io.baton.router.metrics.RouterMetrics;
import io.baton.router.run.Generations;
import io.quarkus.grpc.runtime.health.GrpcHealthStorage;
import io.quarkus.runtime.ShutdownDelayInitiatedEvent;
import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.runtime.StartupEvent;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import java.time.Duration;
import org.jboss.logging.Logger;

/** Starts the router with the application and stops it gracefully: readiness off, refuse, finish, then end. */
@ApplicationScoped
public class RouterLifecycle {
    private static final Logger LOG = Logger.getLogger(RouterLifecycle.class);

    /** Name under which grpc.health.v1 tells whether a restart would help. Workers do not matter: it would not mend them. */
    private static final String LIVENESS = "liveness";

    private final RouterConfig config;
    private final Fleet fleet;
    private final Discovery discovery;
    private final Generations generations;
    private final RouterMetrics metrics;
    private final GrpcHealthStorage health;

    RouterLifecycle(
            RouterConfig config,
            Fleet fleet,
            Discovery discovery,
            Generations generations,
            RouterMetrics metrics,
            GrpcHealthStorage health,
            Authenticator authenticator) {
        // Named here so that a wrong file of keys ends the start instead of the first request.
        requireNonNull(authenticator);
        this.config = config;
        this.fleet = fleet;
        this.discovery = discovery;
        this.generations = generations;
        this.metrics = metrics;
        this.health = health;
    }

    void start(@Observes StartupEvent event) {
        metrics.watch(fleet, generations);
        fleet.onChange(this::publishHealth);
        publishHealth();
        health.setStatus(LIVENESS, ServingStatus.SERVING);
        fleet.start();
        discovery.start();
        if (fleet.views().isEmpty() && discovery.status().isEmpty()) {
            LOG.warn("no workers are named; set baton.router.prefill-workers and baton.router.decode-workers");
        }
    }

    private void publishHealth() {
        ServingStatus status =
                fleet.canServe() && !generations.isDraining() ? ServingStatus.SERVING : ServingStatus.NOT_SERVING;
        health.setStatus(GrpcHealthStorage.DEFAULT_SERVICE_NAME, status);
        health.setStatus(InferenceServiceGrpc.SERVICE_NAME, status);
    }

    /** Runs while the servers still answer; only when it returns do they close. */
    void drain(@Observes ShutdownDelayInitiatedEvent event) {
        Duration grace = config.shutdownGrace();
        LOG.infof("stopping: %d generations in flight get %d ms", generations.inFlight(), grace.toMillis());
        try {
            boolean idle = generations.drain(grace, this::publishHealth);
            if (!idle) {
                LOG.warn("the grace is over; the generations that were left were ended");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            LOG.warn("interrupted while stopping; the generations in flight are lost");
        }
    }

    void stop(@Observes ShutdownEvent event) {
        discovery.close();
        fleet.close();
    }
}
