package io.baton.cli.chaos;

import io.baton.cli.launch.Fleet;
import io.baton.cli.launch.FleetSpec;
import io.baton.cli.launch.LaunchException;
import io.baton.cli.launch.Metrics;
import io.baton.cli.launch.RunState;
import io.baton.inference.v1.GenerateRequest;
import io.grpc.ManagedChannel;
import io.grpc.netty.NettyChannelBuilder;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/**
 * One run: answers without faults, then the same requests while faults come, then what is left behind.
 *
 * <p><em>Thread-safety:</em> none; one thread runs it.
 */
final class ChaosRun {
    private static final List<String> AT_REST_WORKER = List.of(
            "baton_kv_pinned_bytes",
            "baton_engine_reserved_cells",
            "baton_engine_used_cells",
            "baton_engine_open_sequences",
            "baton_open_legs",
            "baton_open_streams");
    private static final List<String> AT_REST_PREFILL = List.of("baton_kv_leases");
    private static final List<String> AT_REST_ROUTER =
            List.of("baton_router_open_streams", "baton_router_requests_in_flight");
    static final String RETRIES = "baton_router_retries_total";
    static final String MOVED = "baton_router_streams_moved_total";
    static final String FLIPPED = "bits flipped in KV rows";
    private static final List<String> RECOVERIES = List.of(RETRIES, MOVED, "baton_router_stale_messages_total");
    /** For kinds of faults that have not happened by the end. */
    private static final Duration PATIENCE = Duration.ofMinutes(10);

    private static final Duration AT_REST_WITHIN = Duration.ofSeconds(60);

    /**
     * What to do.
     *
     * @param requests requests, at least; it goes on until every kind of fault has happened, too
     * @param length how long faults come, at least
     * @param different different requests among them
     * @param rate requests per second
     * @param faultEvery time between the beginnings of two faults
     * @param deadline of a request
     * @param seed of requests, arrivals and faults
     */
    record Plan(
            int requests,
            Duration length,
            int different,
            double rate,
            Duration faultEvery,
            Duration deadline,
            long seed) {}

    private final Plan plan;
    private final Consumer<String> progress;
    private final Asked asked;
    private final Map<String, Double> recoveries = new TreeMap<>();

    private ChaosRun(Plan plan, Consumer<String> progress) {
        this.plan = plan;
        this.progress = progress;
        this.asked = Asked.of(plan.different(), plan.seed());
    }

    /** Runs it on a fleet of its own, which {@code spec} describes but for its port and its proxies. */
    static ChaosReport run(FleetSpec.Builder spec, Plan plan, Consumer<String> progress) {
        return new ChaosRun(plan, progress).run(spec);
    }

    private ChaosReport run(FleetSpec.Builder builder) {
        FleetSpec wanted = builder.build();
        int port = Fleet.freePort(Links.WORKER_HOST, wanted.workers());
        FleetSpec spec = builder.host(Links.WORKER_HOST)
                .reached(Links.KV_HOST, Links.ROUTER_HOST)
                .port(port)
                .build();
        try (Links links = Links.open(port, spec.workers());
                Fleet fleet = Fleet.start(spec, progress)) {
            ManagedChannel channel = NettyChannelBuilder.forTarget(fleet.grpcAddress())
                    .usePlaintext()
                    .maxInboundMessageSize(16 << 20)
                    .build();
            try {
                progress.accept("asking " + plan.different() + " requests undisturbed");
                Judge judge = new Judge(undisturbed(channel));
                Faults faults = new Faults(fleet, links, new Random(plan.seed() + 1), () -> noteRecoveries(fleet));
                load(channel, judge, faults);
                List<String> left = awaitRest(fleet);
                noteRecoveries(fleet);
                recoveries.put(FLIPPED, (double) links.corrupted());
                return new ChaosReport(judge.verdict(), faults.done(), Map.copyOf(recoveries), left);
            } finally {
                channel.shutdownNow();
            }
        }
    }

    private List<Call.Answer> undisturbed(ManagedChannel channel) {
        List<Call.Answer> answers = new ArrayList<>();
        for (int i = 0; i < asked.requests().size(); i++) {
            Call.Ended end = Call.start(channel, asked.requests().get(i), plan.deadline())
                    .join();
            int number = i;
            end.error().ifPresent(e -> {
                throw new LaunchException("request " + number + " failed before any fault: " + e.getMessage(), e);
            });
            answers.add(end.answer());
        }
        return answers;
    }

    private void load(ManagedChannel channel, Judge judge, Faults faults) {
        Random arrivals = new Random(plan.seed() + 2);
        List<CompletableFuture<Void>> running = new ArrayList<>();
        long begun = System.nanoTime();
        long nextRequest = begun;
        long nextFault = begun + plan.faultEvery().toNanos();
        long nextWord = begun;
        int sent = 0;
        while (true) {
            Duration passed = Duration.ofNanos(System.nanoTime() - begun);
            boolean enough = sent >= plan.requests() && passed.compareTo(plan.length()) >= 0;
            if (enough && (faults.complete() || passed.compareTo(plan.length().plus(PATIENCE)) >= 0)) {
                break;
            }
            long now = System.nanoTime();
            if (now - nextRequest >= 0) {
                int request = sent++ % asked.requests().size();
                running.add(ask(channel, request, judge, faults));
                nextRequest += Asked.gapNanos(arrivals, plan.rate());
            }
            if (now - nextFault >= 0) {
                faults.next();
                nextFault += plan.faultEvery().toNanos();
            }
            if (now - nextWord >= 0) {
                running.removeIf(CompletableFuture::isDone);
                progress.accept(sent + " requests sent, " + judge.count() + " ended, "
                        + faults.done().values().stream()
                                .mapToInt(Integer::intValue)
                                .sum()
                        + " faults");
                nextWord += TimeUnit.SECONDS.toNanos(10);
            }
            long wait = Math.min(nextRequest, nextFault) - System.nanoTime();
            if (wait > 0) {
                Faults.pause(Math.min(50, TimeUnit.NANOSECONDS.toMillis(wait) + 1));
            }
        }
        progress.accept("no more requests and faults; waiting for what runs");
        faults.awaitMended();
        CompletableFuture.allOf(running.toArray(CompletableFuture<?>[]::new)).join();
    }

    /** Asks; again if the router is killed meanwhile, as a client of a replica would. */
    private CompletableFuture<Void> ask(ManagedChannel channel, int request, Judge judge, Faults faults) {
        CompletableFuture<Void> over = new CompletableFuture<>();
        Thread.ofVirtual().name("client-" + request).start(() -> {
            try {
                GenerateRequest message = asked.requests().get(request);
                while (true) {
                    while (faults.routerDown()) {
                        Faults.pause(20);
                    }
                    int life = faults.routerLife();
                    Call.Ended end =
                            Call.start(channel, message, plan.deadline()).join();
                    if (end.error().isPresent() && faults.routerLife() != life) {
                        judge.askedAgain();
                        continue;
                    }
                    judge.ended(request, end);
                    over.complete(null);
                    return;
                }
            } catch (RuntimeException e) {
                over.completeExceptionally(e);
            }
        });
        return over;
    }

    /** Counters end with their process. */
    private void noteRecoveries(Fleet fleet) {
        Metrics router = fleet.metrics(fleet.router());
        for (String name : RECOVERIES) {
            recoveries.merge(name, router.sum(name), Double::sum);
        }
    }

    /** What is still held a while after the last request; empty if nothing is. */
    private static List<String> awaitRest(Fleet fleet) {
        long deadline = System.nanoTime() + AT_REST_WITHIN.toNanos();
        while (true) {
            List<String> held = new ArrayList<>();
            for (RunState.Service service : fleet.state().services()) {
                switch (service.role()) {
                    case ROUTER -> note(held, fleet, service, AT_REST_ROUTER);
                    case DECODE -> note(held, fleet, service, AT_REST_WORKER);
                    case PREFILL -> {
                        note(held, fleet, service, AT_REST_WORKER);
                        note(held, fleet, service, AT_REST_PREFILL);
                    }
                }
            }
            if (held.isEmpty() || System.nanoTime() - deadline > 0) {
                return held;
            }
            Faults.pause(100);
        }
    }

    private static void note(List<String> held, Fleet fleet, RunState.Service service, List<String> gauges) {
        Metrics metrics = fleet.metrics(service);
        for (String name : gauges) {
            double value = metrics.sum(name);
            if (value != 0) {
                held.add(service.name() + ": " + name + " = " + value);
            }
        }
    }
}
