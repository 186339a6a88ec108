package io.baton.router.run;

import io.baton.router.fleet.Fleet;
import java.util.concurrent.ScheduledExecutorService;

/**
 * What all runs share.
 *
 * @param gate admits requests
 * @param timers fires timers; their work moves to the request's serial executor at once
 */
public record RunEnvironment(
        Fleet fleet,
        Scheduling scheduling,
        Gate gate,
        RunSettings settings,
        ScheduledExecutorService timers,
        RunObserver observer) {}
