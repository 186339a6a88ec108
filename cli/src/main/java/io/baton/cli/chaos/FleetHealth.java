package io.baton.cli.chaos;

import io.baton.cli.launch.Fleet;
import io.baton.cli.launch.LaunchException;
import io.baton.cli.launch.Metrics;
import io.baton.cli.launch.RunState;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BooleanSupplier;

/**
 * What a fleet's metrics say, asked in a way that a busy or a starting process does not break.
 *
 * <p><em>Thread-safety:</em> safe.
 */
final class FleetHealth {
    private static final String HEALTHY = "baton_router_worker_healthy";
    private static final List<String> AT_REST_WORKER = List.of(
            "baton_kv_pinned_bytes",
            "baton_engine_reserved_cells",
            "baton_engine_used_cells",
            "baton_engine_open_sequences",
            "baton_open_legs",
            "baton_open_streams",
            "baton_kv_leases");
    private static final List<String> AT_REST_ROUTER =
            List.of("baton_router_open_streams", "baton_router_requests_in_flight");

    /** Ends of waits for what must come; only a failing run reaches them. */
    private static final Duration WELL_WITHIN = Duration.ofMinutes(5);

    private static final Duration AT_REST_WITHIN = Duration.ofMinutes(3);

    /** Metrics cost the one who tells them, too. */
    static final long POLL_MILLIS = 200;

    private final Fleet fleet;
    private final Links links;

    FleetHealth(Fleet fleet, Links links) {
        this.fleet = fleet;
        this.links = links;
    }

    /** The metrics of a service; none if it does not answer. */
    private Optional<Metrics> ask(RunState.Service service) {
        try {
            return Optional.of(fleet.metrics(service));
        } catch (LaunchException e) {
            // It is being killed, it starts, or it has no processor time now.
            return Optional.empty();
        }
    }

    /** Whether the router says that the worker takes work; true where the router cannot be asked. */
    boolean isWell(RunState.Service worker, BooleanSupplier routerDown) {
        return routerDown.getAsBoolean()
                || ask(fleet.router()).map(m -> healthy(m, worker)).orElse(true);
    }

    private boolean healthy(Metrics router, RunState.Service worker) {
        // A router that starts answers before it has metrics.
        return router.has(HEALTHY) && router.sum(HEALTHY, Map.of("worker", links.address(worker))) == 1;
    }

    /**
     * Waits until the router, once it is there, says that the worker takes work.
     *
     * @throws LaunchException if it never does
     */
    void awaitWell(RunState.Service worker, BooleanSupplier routerDown) {
        long deadline = System.nanoTime() + WELL_WITHIN.toNanos();
        while (routerDown.getAsBoolean()
                || !ask(fleet.router()).map(m -> healthy(m, worker)).orElse(false)) {
            if (System.nanoTime() - deadline > 0) {
                throw new LaunchException(worker.name() + " was not well again within " + WELL_WITHIN.toMinutes()
                        + " minutes; its log is " + worker.log());
            }
            Faults.pause(POLL_MILLIS);
        }
    }

    /** A counter of the router; 0 where it has not counted yet or does not answer. */
    double routerCounter(String name) {
        return ask(fleet.router())
                .filter(m -> m.has(name))
                .map(m -> m.sum(name))
                .orElse(0.0);
    }

    /** What is still held a while after the last request; empty if nothing is. */
    List<String> awaitRest() {
        long deadline = System.nanoTime() + AT_REST_WITHIN.toNanos();
        while (true) {
            List<String> held = new ArrayList<>();
            for (RunState.Service service : fleet.state().services()) {
                switch (service.role()) {
                    case ROUTER -> note(held, service, AT_REST_ROUTER);
                    case PREFILL, DECODE -> note(held, service, AT_REST_WORKER);
                }
            }
            if (held.isEmpty() || System.nanoTime() - deadline > 0) {
                return held;
            }
            Faults.pause(POLL_MILLIS);
        }
    }

    private void note(List<String> held, RunState.Service service, List<String> gauges) {
        Optional<Metrics> metrics = ask(service);
        if (metrics.isEmpty()) {
            held.add(service.name() + " does not answer");
            return;
        }
        for (String name : gauges) {
            if (!metrics.get().has(name)) {
                held.add(service.name() + " does not tell " + name);
            } else if (metrics.get().sum(name) != 0) {
                held.add(service.name() + ": " + name + " = " + metrics.get().sum(name));
            }
        }
    }
}
