package io.baton.router.app;

import io.baton.router.discovery.Discovery;
import io.baton.router.fleet.Fleet;
import io.baton.router.fleet.WorkerView;
import io.baton.router.run.Generations;
import jakarta.enterprise.context.ApplicationScoped;
import org.eclipse.microprofile.health.HealthCheck;
import org.eclipse.microprofile.health.HealthCheckResponse;
import org.eclipse.microprofile.health.HealthCheckResponseBuilder;
import org.eclipse.microprofile.health.Readiness;

/** Ready while some model can be served by the workers that take work, and the router is not stopping. */
@Readiness
@ApplicationScoped
public class RouterReadiness implements HealthCheck {
    private final Fleet fleet;
    private final Discovery discovery;
    private final Generations generations;

    RouterReadiness(Fleet fleet, Discovery discovery, Generations generations) {
        this.fleet = fleet;
        this.discovery = discovery;
        this.generations = generations;
    }

    @Override
    public HealthCheckResponse call() {
        boolean draining = generations.isDraining();
        HealthCheckResponseBuilder response =
                HealthCheckResponse.named("can serve").status(fleet.canServe() && !draining);
        if (draining) {
            response.withData("router", "is stopping");
        }
        discovery.status().forEach(response::withData);
        for (WorkerView worker : fleet.views()) {
            response.withData(
                    WorkerView.name(worker.role()) + " " + worker.address(),
                    worker.healthy() ? "ready, model " + worker.model() : worker.problem());
        }
        return response.build();
    }
}
