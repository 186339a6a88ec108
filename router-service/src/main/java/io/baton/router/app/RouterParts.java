package io.baton.router.app;

import io.baton.router.config.RouterConfig;
import io.baton.router.fleet.Fleet;
import io.baton.router.metrics.RouterMetrics;
import io.baton.router.run.Generations;
import io.baton.router.run.RunEnvironment;
import io.baton.router.run.RunSettings;
import io.baton.router.schedule.Scheduler;
import io.micrometer.core.instrument.MeterRegistry;
import io.netty.channel.EventLoopGroup;
import io.quarkus.netty.MainEventLoopGroup;
import jakarta.enterprise.inject.Produces;
import jakarta.inject.Singleton;
import java.util.List;

/** Produces the parts that are plain objects. */
@Singleton
public class RouterParts {
    @Produces
    @Singleton
    Fleet fleet(RouterConfig config, @MainEventLoopGroup EventLoopGroup eventLoops) {
        return new Fleet(
                config.prefillWorkers().orElse(List.of()),
                config.decodeWorkers().orElse(List.of()),
                config.workers(),
                eventLoops);
    }

    @Produces
    @Singleton
    RouterMetrics metrics(MeterRegistry registry) {
        return new RouterMetrics(registry);
    }

    @Produces
    @Singleton
    Generations generations(
            RouterConfig config, Fleet fleet, RouterMetrics metrics, @MainEventLoopGroup EventLoopGroup timers) {
        return new Generations(
                new RunEnvironment(fleet, Scheduler.roundRobin(), RunSettings.of(config), timers, metrics));
    }
}
