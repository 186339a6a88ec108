package io.baton.router.metrics;

import io.baton.router.admission.AdmissionObserver;
import io.baton.router.admission.Priority;
import io.baton.router.admission.Reason;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import java.time.Duration;
import java.util.EnumMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/**
 * The meters of admission.
 *
 * <p><em>Thread-safety:</em> safe.
 */
final class AdmissionMeters implements AdmissionObserver {
    private static final Duration[] SECONDS = {
        Duration.ofMillis(1),
        Duration.ofMillis(10),
        Duration.ofMillis(50),
        Duration.ofMillis(100),
        Duration.ofMillis(250),
        Duration.ofMillis(500),
        Duration.ofSeconds(1),
        Duration.ofMillis(2500),
        Duration.ofSeconds(5),
        Duration.ofSeconds(10),
        Duration.ofSeconds(30),
        Duration.ofSeconds(60),
        Duration.ofSeconds(120)
    };

    private final Map<Priority, OfClass> classes = new EnumMap<>(Priority.class);
    private final Map<Reason, Counter> refusals = new EnumMap<>(Reason.class);

    private record OfClass(AtomicLong requests, AtomicLong tokens, Timer waited) {}

    AdmissionMeters(MeterRegistry registry) {
        for (Priority priority : Priority.values()) {
            OfClass meters = new OfClass(
                    new AtomicLong(),
                    new AtomicLong(),
                    Timer.builder("baton_router_admission_wait")
                            .description("From the arrival of a request to its admission")
                            .tag("priority", priority.label())
                            .serviceLevelObjectives(SECONDS)
                            .register(registry));
            gauge("baton_router_queued_requests", meters.requests, "Generations that wait for admission", priority)
                    .register(registry);
            gauge("baton_router_queued_tokens", meters.tokens, "What they cost: prompt and max_tokens", priority)
                    .register(registry);
            classes.put(priority, meters);
        }
        for (Reason reason : Reason.values()) {
            refusals.put(
                    reason,
                    Counter.builder("baton_router_admission_refused")
                            .description("Generations that were not admitted, by why")
                            .tag("reason", reason.label())
                            .register(registry));
        }
    }

    private static Gauge.Builder<AtomicLong> gauge(
            String name, AtomicLong value, String description, Priority priority) {
        return Gauge.builder(name, value, AtomicLong::get)
                .description(description)
                .tag("priority", priority.label());
    }

    private OfClass of(Priority priority) {
        OfClass meters = classes.get(priority);
        if (meters == null) {
            throw new IllegalStateException("no meters for " + priority);
        }
        return meters;
    }

    @Override
    public void waiting(Priority priority, int requests, long tokens) {
        OfClass meters = of(priority);
        meters.requests.addAndGet(requests);
        meters.tokens.addAndGet(tokens);
    }

    @Override
    public void admitted(Priority priority, long waitedNanos) {
        of(priority).waited.record(waitedNanos, TimeUnit.NANOSECONDS);
    }

    @Override
    public void refused(Reason reason) {
        Counter counter = refusals.get(reason);
        if (counter != null) {
            counter.increment();
        }
    }
}
