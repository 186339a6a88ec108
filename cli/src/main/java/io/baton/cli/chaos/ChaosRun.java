package io.baton.cli.chaos;

import io.baton.cli.launch.Fleet;
import io.baton.cli.launch.FleetSpec;
import io.baton.cli.launch.LaunchException;
import io.grpc.ManagedChannel;
import io.grpc.netty.NettyChannelBuilder;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * One run: answers without faults, then the same requests while faults come, then total outages, and what is left behind.
 *
 * <p><em>Thread-safety:</em> none; one thread runs it.
 */
final class ChaosRun {
    static final String RETRIES = "baton_router_retries_total";
    static final String MOVED = "baton_router_streams_moved_total";
    static final String FLIPPED = "bits flipped in KV rows";
    private static final List<String> RECOVERIES =
            List.of(RETRIES, MOVED, "baton_router_streams_handed_over_total", "baton_router_stale_messages_total");

    /**
     * Part of the measured speed that is asked for at most. Starting a process that was killed costs seconds of processor time,
     * and at most times one is starting.
     */
    private static final double SHARE = 0.4;

    /** For kinds of faults that have not happened by the end. */
    private static final Duration PATIENCE = Duration.ofMinutes(10);

    /**
     * What to do.
     *
     * @param requests requests, at least; it goes on until every kind of fault has happened, too
     * @param length how long faults come, at least
     * @param different different requests among them
     * @param rate requests per second, unless the machine is too slow for it
     * @param faultEvery time between the beginnings of two faults
     * @param deadline of a request
     * @param seed of requests, arrivals and faults
     * @param trace whose lengths and arrivals requests have; null for made-up ones
     */
    record Plan(
            int requests,
            Duration length,
            int different,
            double rate,
            Duration faultEvery,
            Duration deadline,
            long seed,
            @Nullable Trace trace) {
        Asked asked() {
            return trace == null ? Asked.of(different, seed) : Asked.of(trace, different, seed);
        }

        Arrivals arrivals() {
            return trace == null ? Arrivals.bursts(new Random(seed + 2)) : Arrivals.of(trace);
        }
    }

    private final Plan plan;
    private final Consumer<String> progress;
    private final Map<String, Double> recoveries = new TreeMap<>();

    private ChaosRun(Plan plan, Consumer<String> progress) {
        this.plan = plan;
        this.progress = progress;
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
                return run(links, fleet, channel);
            } finally {
                channel.shutdownNow();
            }
        }
    }

    private ChaosReport run(Links links, Fleet fleet, ManagedChannel channel) {
        Clients clients = new Clients(channel, plan.asked(), plan.deadline());
        FleetHealth health = new FleetHealth(fleet, links);
        progress.accept("asking " + clients.different() + " requests undisturbed, one after the other and together");
        List<Call.Answer> expected = answers(clients.askEach());
        double capacity = capacity(clients, expected);
        double rate = Math.min(plan.rate(), SHARE * capacity);
        progress.accept(String.format(
                Locale.ROOT, "%.1f requests per second can be answered, %.1f are asked for", capacity, rate));

        Faults faults = new Faults(
                fleet,
                links,
                new Random(plan.seed() + 1),
                () -> noteRecoveries(health),
                // Else the channel goes on waiting for as long as it learnt to while there was no router.
                channel::resetConnectBackoff);
        Judge judge = new Judge(clients, expected, () -> "last faults: " + faults.recent());
        Load load = new Load(clients, plan.arrivals(), rate, judge, faults, progress);
        load.run(plan.faultEvery(), more(load, faults, health));
        List<String> left = new ArrayList<>(health.awaitRest());

        progress.accept("total outages");
        List<Outages.Outage> outages = new Outages(fleet, health, clients, expected).run();
        left.addAll(health.awaitRest());
        noteRecoveries(health);
        recoveries.put(FLIPPED, (double) links.corrupted());
        return new ChaosReport(
                new ChaosReport.Offered(capacity, rate, load.heldBack()),
                judge.verdict(),
                faults.done(),
                Map.copyOf(recoveries),
                outages,
                left);
    }

    /** Until there were enough requests and time, and then until all that must happen has happened, within patience. */
    private BooleanSupplier more(Load load, Faults faults, FleetHealth health) {
        long begun = System.nanoTime();
        return () -> {
            Duration passed = Duration.ofNanos(System.nanoTime() - begun);
            if (load.sent() < plan.requests() || passed.compareTo(plan.length()) < 0) {
                return true;
            }
            return !(faults.complete() && harmed(health))
                    && passed.compareTo(plan.length().plus(PATIENCE)) < 0;
        };
    }

    private boolean harmed(FleetHealth health) {
        for (String name : ChaosReport.NEEDED) {
            double noted;
            synchronized (recoveries) {
                noted = recoveries.getOrDefault(name, 0.0);
            }
            if (noted == 0 && health.routerCounter(name) == 0) {
                return false;
            }
        }
        return true;
    }

    private static List<Call.Answer> answers(List<Call.Ended> ended) {
        List<Call.Answer> answers = new ArrayList<>();
        for (Call.Ended end : ended) {
            end.error().ifPresent(e -> {
                throw new LaunchException(
                        "request " + answers.size() + " failed before any fault: " + e.code() + ": " + e.getMessage(),
                        e);
            });
            answers.add(end.answer());
        }
        return answers;
    }

    /** Requests per second that the fleet answers, and a check that its answers do not depend on what runs beside. */
    private static double capacity(Clients clients, List<Call.Answer> expected) {
        long begun = System.nanoTime();
        List<Call.Answer> together = answers(clients.askTogether());
        double seconds = (System.nanoTime() - begun) / 1e9;
        for (int i = 0; i < expected.size(); i++) {
            if (!together.get(i).equals(expected.get(i))) {
                throw new LaunchException(
                        "request " + i + ", asked together with others and without any fault, brought "
                                + Judge.difference(together.get(i), expected.get(i))
                                + ": arithmetic is not exact on this machine");
            }
        }
        return expected.size() / seconds;
    }

    /** Counters end with their process. */
    private void noteRecoveries(FleetHealth health) {
        for (String name : RECOVERIES) {
            double value = health.routerCounter(name);
            synchronized (recoveries) {
                recoveries.merge(name, value, Double::sum);
            }
        }
    }
}
