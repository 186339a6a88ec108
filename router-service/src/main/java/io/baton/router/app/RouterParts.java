package io.baton.router.app;

import io.baton.router.auth.Authenticator;
import io.baton.router.config.RouterConfig;
import io.baton.router.config.RouterTls;
import io.baton.router.discovery.Discovery;
import io.baton.router.discovery.WorkerNames;
import io.baton.router.fleet.Fleet;
import io.baton.router.metrics.RouterMetrics;
import io.baton.router.run.Gate;
import io.baton.router.run.Generations;
import io.baton.router.run.RunEnvironment;
import io.baton.router.run.RunSettings;
import io.baton.router.run.Scheduling;
import io.baton.tls.ServiceRole;
import io.baton.tls.ServiceTls;
import io.baton.tls.service.RegistryTls;
import io.micrometer.core.instrument.MeterRegistry;
import io.netty.channel.EventLoopGroup;
import io.quarkus.netty.MainEventLoopGroup;
import io.quarkus.tls.TlsConfigurationRegistry;
import io.vertx.core.Vertx;
import jakarta.enterprise.inject.Disposes;
import jakarta.enterprise.inject.Produces;
import jakarta.inject.Singleton;
import java.util.List;

/** Produces the parts that are plain objects. */
@Singleton
public class RouterParts {
    @Produces
    @Singleton
    ServiceTls tls(RouterTls settings, TlsConfigurationRegistry certificates, Vertx vertx, MeterRegistry registry) {
        return RegistryTls.open(ServiceRole.ROUTER, settings, certificates, vertx, registry);
    }

    void end(@Disposes ServiceTls tls) {
        tls.close();
    }

    @Produces
    @Singleton
    Fleet fleet(RouterConfig config, @MainEventLoopGroup EventLoopGroup eventLoops, ServiceTls tls) {
        return new Fleet(
                prefill(config).addresses(),
                decode(config).addresses(),
                config.workers(),
                config.schedule().disaggregation(),
                eventLoops,
                tls);
    }

    @Produces
    @Singleton
    Discovery discovery(RouterConfig config, Fleet fleet, @MainEventLoopGroup EventLoopGroup eventLoops) {
        return new Discovery(fleet, prefill(config).names(), decode(config).names(), config.dns(), eventLoops);
    }

    private static WorkerNames prefill(RouterConfig config) {
        return WorkerNames.of(config.prefillWorkers().orElse(List.of()));
    }

    private static WorkerNames decode(RouterConfig config) {
        return WorkerNames.of(config.decodeWorkers().orElse(List.of()));
    }

    @Produces
    @Singleton
    RouterMetrics metrics(MeterRegistry registry) {
        return new RouterMetrics(registry);
    }

    @Produces
    @Singleton
    Authenticator authenticator(RouterConfig config, RouterMetrics metrics) {
        return Authenticator.of(config, metrics);
    }

    void end(@Disposes Authenticator authenticator) {
        authenticator.close();
    }

    @Produces
    @Singleton
    Generations generations(
            RouterConfig config,
            Fleet fleet,
            Scheduling scheduling,
            Gate gate,
            RouterMetrics metrics,
            @MainEventLoopGroup EventLoopGroup timers) {
        return new Generations(new RunEnvironment(fleet, scheduling, gate, RunSettings.of(config), timers, metrics));
    }
}
