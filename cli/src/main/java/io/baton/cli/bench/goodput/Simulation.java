package io.baton.cli.bench.goodput;

import io.baton.router.admission.AdmissionSettings;
import io.baton.router.admission.TenantRules;
import io.baton.router.config.Disaggregation;
import io.baton.router.schedule.Candidate;
import io.baton.router.schedule.FleetView;
import io.baton.router.schedule.Headroom;
import io.baton.router.schedule.Pick;
import io.baton.router.schedule.PrefixOverlap;
import io.baton.router.schedule.RequestFacts;
import io.baton.router.schedule.ScheduleSettings;
import io.baton.router.schedule.Scheduler;
import io.baton.router.schedule.Slo;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * One run: a router, which is the product's scheduler, in front of simulated workers. Nothing is random in it.
 *
 * <p><em>Thread-safety:</em> none; used once.
 */
final class Simulation {
    /** Tokens for which clients ask: more than any answer of the trace has. */
    static final int MAX_TOKENS = 2048;
    /** The default of baton.router.schedule.expected-output. */
    private static final int EXPECTED_OUTPUT = 256;
    /** The default of baton.router.reserve-cap. */
    private static final int RESERVE_CAP = 8192;
    /** The default of baton.router.schedule.local-tokens. */
    static final int LOCAL_TOKENS = 512;

    /** The defaults of baton.router.admission; those of room are with {@link Headroom}. */
    private static final AdmissionSettings ADMISSION = new AdmissionSettings(
            2048, 1024, 64 << 20, TimeUnit.MINUTES.toNanos(2), 0.05, 2048, Map.of(), TenantRules.FREE);

    private final VirtualTime time = new VirtualTime();
    private final Machine machine = new Machine();
    private final Costs costs;
    private final Slo slo;
    private final Scheduler scheduler;
    private final List<Node> nodes = new ArrayList<>();
    private final List<Flight> flights = new ArrayList<>();
    private final Histogram gaps = new Histogram();
    /** Requests that have not come, or not ended. */
    private int open;

    private @Nullable Gate gate;

    private final FleetView view = new FleetView() {
        @Override
        public int size() {
            return nodes.size();
        }

        @Override
        public Candidate get(int index) {
            return nodes.get(index).reported();
        }

        @Override
        public int pendingLegs(int index) {
            return nodes.get(index).pendingLegs();
        }

        @Override
        public long pendingTokens(int index) {
            return nodes.get(index).pendingTokens();
        }

        @Override
        public long pendingCells(int index) {
            return nodes.get(index).pendingCells();
        }
    };

    private Simulation(Variant variant, Costs costs, Slo slo, int localTokens) {
        this.costs = costs;
        this.slo = slo;
        PrefixOverlap overlap = (pieces, bySlot) -> {
            for (Node node : nodes) {
                bySlot[node.slot] = node.believed(pieces);
            }
        };
        scheduler = new Scheduler(
                new ScheduleSettings(
                        variant.policy(), variant.mode(), EXPECTED_OUTPUT, RESERVE_CAP, costs.handOver(), localTokens),
                overlap);
        for (int i = 0; i < variant.prefills(); i++) {
            nodes.add(new PrefillNode(time, machine, costs, nodes.size(), this::computed));
        }
        for (int i = 0; i < variant.decodes(); i++) {
            nodes.add(new DecodeNode(time, machine, costs, nodes.size(), gaps::add));
        }
    }

    /** As below, with the default of baton.router.schedule.local-tokens. */
    static Outcome run(Variant variant, Costs costs, Slo slo, List<Job> jobs) {
        return run(variant, costs, slo, jobs, LOCAL_TOKENS);
    }

    /**
     * Serves all jobs to their ends.
     *
     * @param localTokens most uncached prompt tokens that decode computes while prefill keeps the target for TTFT
     * @throws IllegalArgumentException if a job needs more cells than a worker has
     */
    static Outcome run(Variant variant, Costs costs, Slo slo, List<Job> jobs, int localTokens) {
        return new Simulation(variant, costs, slo, localTokens).run(jobs);
    }

    /** The same with the product's admission and its defaults, where every request has the target for TTFT as its deadline. */
    static Outcome runWithDeadlines(Variant variant, Costs costs, Slo slo, List<Job> jobs, int localTokens) {
        Simulation s = new Simulation(variant, costs, slo, localTokens);
        s.gate = new Gate(
                s.time,
                s.view,
                ADMISSION,
                headroom(variant),
                s::begin,
                _ -> s.open--,
                f -> slo.ttft()
                        - costs.prefillBase()
                        - costs.prefillToken() * f.request().promptTokens());
        return s.run(jobs);
    }

    /** The same with the product's admission and its defaults, where no request has a deadline. */
    static Outcome runAdmitted(Variant variant, Costs costs, Slo slo, List<Job> jobs) {
        return run(variant, costs, slo, jobs, ADMISSION, headroom(variant));
    }

    private static Headroom headroom(Variant variant) {
        return new Headroom(0.25, 2, 192, 0.25, variant.mode() != Disaggregation.ALWAYS);
    }

    /** The same with the product's admission in front of the scheduler. */
    static Outcome run(
            Variant variant, Costs costs, Slo slo, List<Job> jobs, AdmissionSettings admission, Headroom headroom) {
        Simulation s = new Simulation(variant, costs, slo, LOCAL_TOKENS);
        s.gate = new Gate(s.time, s.view, admission, headroom, s::begin, _ -> s.open--, _ -> Double.POSITIVE_INFINITY);
        return s.run(jobs);
    }

    private Outcome run(List<Job> jobs) {
        for (Job job : jobs) {
            open++;
            time.at(job.arrival(), () -> arrived(job));
        }
        int n = nodes.size();
        for (int i = 0; i < n; i++) {
            // Workers do not report all at once.
            reports(nodes.get(i), costs.reportSeconds() * (i + 1) / n);
        }
        while (time.step()) {}
        return new Outcome(List.copyOf(flights), gaps, nodes);
    }

    /** Until every request has come and ended; so the run ends by itself. */
    private void reports(Node node, double at) {
        time.at(at, () -> {
            node.report();
            lookAgain();
            if (open > 0) {
                reports(node, at + costs.reportSeconds());
            }
        });
    }

    private void lookAgain() {
        Gate g = gate;
        if (g != null) {
            g.look();
        }
    }

    private void arrived(Job job) {
        Flight flight = new Flight(job, job.request().promptTokens() + MAX_TOKENS);
        flights.add(flight);
        flight.onEnd = () -> open--;
        Gate g = gate;
        if (g == null) {
            begin(flight);
        } else {
            g.arrived(flight);
        }
    }

    private void begin(Flight flight) {
        TraceRequest r = flight.request();
        RequestFacts facts =
                new RequestFacts("", Node.MODEL, r.promptTokens(), MAX_TOKENS, r.blocks(), slo, Set.of(), 0);
        Pick pick = scheduler.start(view, facts).orElseThrow();
        Candidate prefill = pick.prefill();
        if (prefill == null) {
            flight.local = true;
            decode(flight, pick, r.promptTokens() - pick.decodeCached());
            return;
        }
        PrefillNode chosen = (PrefillNode) nodes.get(prefill.slot());
        chosen.opened(r.promptTokens() - pick.prefillCached(), r.promptTokens());
        chosen.accept(flight);
        // The prefill worker's acceptance takes no time here; then the decode worker is chosen.
        RequestFacts accepted = facts.accepted(r.promptTokens(), MAX_TOKENS, Set.of(), pick.prefillSeconds());
        decode(flight, scheduler.decode(view, accepted, Node.KIND).orElseThrow(), 0);
    }

    private void decode(Flight flight, Pick pick, int tokens) {
        DecodeNode chosen = (DecodeNode) nodes.get(pick.decode().slot());
        flight.decode = chosen;
        chosen.opened(tokens, flight.cells);
        chosen.accept(flight);
    }

    private void computed(Flight flight) {
        DecodeNode chosen = flight.decode;
        if (chosen == null) {
            throw new IllegalStateException("a prompt was computed before its decode worker was chosen");
        }
        chosen.computed(flight);
    }
}
