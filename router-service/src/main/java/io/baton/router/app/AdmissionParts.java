package io.baton.router.app;

import io.baton.router.admission.AdmissionSettings;
import io.baton.router.admission.TenantRules;
import io.baton.router.config.Disaggregation;
import io.baton.router.config.RouterConfig;
import io.baton.router.metrics.RouterMetrics;
import io.baton.router.run.FleetRoom;
import io.baton.router.run.Gate;
import io.baton.router.run.LiveFleet;
import io.baton.router.schedule.Headroom;
import io.netty.channel.EventLoopGroup;
import io.quarkus.netty.MainEventLoopGroup;
import jakarta.enterprise.inject.Produces;
import jakarta.inject.Singleton;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;

/** Produces what admits requests. */
@Singleton
public class AdmissionParts {
    @Produces
    @Singleton
    Gate gate(RouterConfig config, LiveFleet fleet, RouterMetrics metrics, @MainEventLoopGroup EventLoopGroup timers) {
        RouterConfig.Admission admission = config.admission();
        Headroom headroom = new Headroom(
                seconds(admission.maxBacklog()),
                admission.promptsPerWorker(),
                admission.maxWaiting(),
                admission.reserve(),
                config.schedule().disaggregation() != Disaggregation.ALWAYS);
        return new Gate(settings(config), new FleetRoom(fleet, headroom), metrics.admission(), timers);
    }

    static AdmissionSettings settings(RouterConfig config) {
        RouterConfig.Admission admission = config.admission();
        TenantRules others = rules(admission.tenant());
        Map<String, TenantRules> tenants = new HashMap<>();
        admission.tenants().forEach((name, own) -> tenants.put(name, rules(own, others)));
        return new AdmissionSettings(
                config.maxRequests(),
                admission.maxQueued(),
                admission.maxQueuedBytes().asLongValue(),
                admission.maxWait().toNanos(),
                admission.leastShare(),
                admission.quantum(),
                tenants,
                others);
    }

    private static TenantRules rules(RouterConfig.Admission.Tenant all) {
        return new TenantRules(
                all.weight(),
                all.maxRunning(),
                all.requestsPerSecond(),
                all.tokensPerSecond(),
                seconds(all.burst()),
                all.highestPriority());
    }

    private static TenantRules rules(RouterConfig.Admission.OneTenant own, TenantRules others) {
        return new TenantRules(
                own.weight().orElse(others.weight()),
                own.maxRunning().orElse(others.maxRunning()),
                own.requestsPerSecond().orElse(others.requestsPerSecond()),
                own.tokensPerSecond().orElse(others.tokensPerSecond()),
                own.burst().map(AdmissionParts::seconds).orElse(others.burstSeconds()),
                own.highestPriority().orElse(others.highest()));
    }

    private static double seconds(Duration duration) {
        return duration.toNanos() / 1e9;
    }
}
