package io.baton.router.metrics;

import io.baton.router.admission.AdmissionObserver;
import io.baton.router.auth.AuthObserver;
import io.baton.router.fleet.CircuitBreaker;
import io.baton.router.fleet.Fleet;
import io.baton.router.fleet.Worker;
import io.baton.router.fleet.WorkerView;
import io.baton.router.life.RequestState.Phase;
import io.baton.router.prefix.PrefixIndex;
import io.baton.router.run.Generations;
import io.baton.router.run.RunObserver;
import io.baton.router.schedule.Pick;
import io.baton.worker.v1.WorkerRole;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * The meters of the router.
 *
 * <p><em>Thread-safety:</em> safe.
 */
public final class RouterMetrics implements RunObserver, AuthObserver {
    private final MeterRegistry registry;
    private final Map<String, OfOneModel> models = new ConcurrentHashMap<>();
    private final Map<String, Counter> byStatus = new ConcurrentHashMap<>();
    private final AtomicInteger prefillLegs = new AtomicInteger();
    private final AtomicInteger decodeLegs = new AtomicInteger();
    private final Counter stale;
    private final Counter slowClients;
    private final Counter localPicks;
    private final Counter splitPicks;
    private final Counter prefixPicks;
    private final AdmissionMeters admission;

    /** Registers the meters that need no model. */
    public RouterMetrics(MeterRegistry registry) {
        this.registry = registry;
        Gauge.builder("baton_router_open_streams", prefillLegs, AtomicInteger::get)
                .description("Legs that are open to workers")
                .tag("role", "prefill")
                .register(registry);
        Gauge.builder("baton_router_open_streams", decodeLegs, AtomicInteger::get)
                .description("Legs that are open to workers")
                .tag("role", "decode")
                .register(registry);
        this.stale = Counter.builder("baton_router_stale_messages")
                .description("Messages on legs that no longer counted")
                .register(registry);
        this.slowClients = Counter.builder("baton_router_slow_clients")
                .description("Clients that were cut because they did not read their answer")
                .register(registry);
        this.admission = new AdmissionMeters(registry);
        this.localPicks = picks("local");
        this.splitPicks = picks("disaggregated");
        this.prefixPicks = Counter.builder("baton_router_prefix_picks")
                .description("Picks of a worker that had some of the prompt in its prefix cache")
                .register(registry);
    }

    /** Who is told of admission. */
    public AdmissionObserver admission() {
        return admission;
    }

    private Counter picks(String mode) {
        return Counter.builder("baton_router_picks")
                .description("Picks of workers, by who computes the prompt")
                .tag("mode", mode)
                .register(registry);
    }

    /** Registers the meters of what is known of prefix caches. */
    public void watch(PrefixIndex index) {
        Gauge.builder("baton_router_prefix_pieces", index, PrefixIndex::size)
                .description("Pieces of prompts that some worker has in its prefix cache")
                .register(registry);
        FunctionCounter.builder("baton_router_prefix_dropped", index, PrefixIndex::dropped)
                .description("Pieces that were not learned because baton.router.prefix.max-pieces were known")
                .register(registry);
    }

    /** Registers the meters of the workers and of admission. */
    public void watch(Fleet fleet, Generations generations) {
        Gauge.builder("baton_router_requests_in_flight", generations, Generations::inFlight)
                .description("Generations that wait for admission or run")
                .register(registry);
        fleet.onMembers(new Fleet.Members() {
            private final Map<Worker, List<Meter>> meters = new HashMap<>();

            @Override
            public void joined(Worker worker) {
                meters.put(worker, ofWorker(worker));
            }

            @Override
            public void left(Worker worker) {
                List<Meter> gone = meters.remove(worker);
                if (gone != null) {
                    gone.forEach(registry::remove);
                }
            }
        });
    }

    private List<Meter> ofWorker(Worker worker) {
        WorkerView view = worker.view();
        Tags tags = Tags.of("worker", view.address(), "role", WorkerView.name(view.role()));
        List<Meter> meters = new ArrayList<>();
        meters.add(Gauge.builder(
                        "baton_router_worker_healthy", worker, w -> w.view().healthy() ? 1 : 0)
                .description("Whether the worker gets work: 1 or 0")
                .tags(tags)
                .register(registry));
        for (CircuitBreaker.State state : CircuitBreaker.State.values()) {
            meters.add(Gauge.builder("baton_router_worker_breaker", worker, w -> w.breaker() == state ? 1 : 0)
                    .description("Whether the worker's circuit breaker is in this state: 1 or 0")
                    .tags(tags)
                    .tag("state", state.name().toLowerCase(Locale.ROOT))
                    .register(registry));
        }
        meters.add(FunctionCounter.builder("baton_router_worker_breaker_opened", worker, Worker::breakerOpened)
                .description("How often the worker's circuit breaker has opened")
                .tags(tags)
                .register(registry));
        return meters;
    }

    /** Counts a request that was refused before it became a generation. */
    public void refused(String status) {
        count(status);
    }

    private void count(String status) {
        byStatus.computeIfAbsent(
                        status,
                        s -> Counter.builder("baton_router_requests")
                                .description("Generations that are over, by the error's name or OK")
                                .tag("status", s)
                                .register(registry))
                .increment();
    }

    @Override
    public void refused(Refusal why) {
        Counter.builder("baton_router_unauthenticated")
                .description("Requests without a key that is known")
                .tag("key", why.name().toLowerCase(Locale.ROOT))
                .register(registry)
                .increment();
    }

    @Override
    public void reloaded(boolean good) {
        Counter.builder("baton_router_api_key_reloads")
                .description("How often the file of API keys had changed; failed: the old keys stayed")
                .tag("outcome", good ? "ok" : "failed")
                .register(registry)
                .increment();
    }

    @Override
    public OfModel of(String model) {
        return models.computeIfAbsent(model, name -> new OfOneModel(new ModelMeters(name, registry)));
    }

    @Override
    public void legs(WorkerRole role, int change) {
        (role == WorkerRole.WORKER_ROLE_PREFILL ? prefillLegs : decodeLegs).addAndGet(change);
    }

    @Override
    public void stale() {
        stale.increment();
    }

    @Override
    public void slowClient() {
        slowClients.increment();
    }

    private final class OfOneModel implements OfModel {
        private final ModelMeters meters;

        OfOneModel(ModelMeters meters) {
            this.meters = meters;
        }

        @Override
        public void phase(@Nullable Phase from, Phase to) {
            if (from != null) {
                meters.inPhase(from, -1);
            }
            meters.inPhase(to, 1);
        }

        @Override
        public void firstToken(long micros) {
            meters.timeToFirstToken.record(micros, TimeUnit.MICROSECONDS);
            meters.generationTokens.increment();
        }

        @Override
        public void nextTokens(long micros, int tokens) {
            meters.generationTokens.increment(tokens);
            for (int i = 0; i < tokens; i++) {
                meters.interTokenLatency.record(micros / tokens, TimeUnit.MICROSECONDS);
            }
        }

        @Override
        public void picked(Pick pick) {
            (pick.local() ? localPicks : splitPicks).increment();
            if (pick.prefillCached() + pick.decodeCached() > 0) {
                prefixPicks.increment();
            }
        }

        @Override
        public void moved() {
            meters.moves.increment();
        }

        @Override
        public void handedOver() {
            meters.handOvers.increment();
        }

        @Override
        public void retried() {
            meters.retries.increment();
        }

        @Override
        public void ended(Summary summary) {
            count(summary.status());
            meters.success(summary.finishReason()).increment();
            if (summary.status().equals("OK")) {
                meters.endToEnd.record(summary.totalMicros(), TimeUnit.MICROSECONDS);
                meters.queue.record(summary.queueMicros(), TimeUnit.MICROSECONDS);
                meters.prefill.record(summary.prefillMicros(), TimeUnit.MICROSECONDS);
                meters.decode.record(summary.decodeMicros(), TimeUnit.MICROSECONDS);
                meters.promptTokens.increment(summary.promptTokens());
                meters.requestPromptTokens.record(summary.promptTokens());
                meters.requestGenerationTokens.record(summary.completionTokens());
            }
        }
    }
}
