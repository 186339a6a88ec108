package io.baton.router.schedule;

import io.baton.router.config.Disaggregation;
import io.baton.router.config.SchedulingPolicy;
import io.baton.router.fleet.KvKind;
import io.baton.worker.v1.WorkerRole;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Chooses the workers of a request: filters, then the cost that a scorer sees, then the picker among those that cost least.
 * Prefill and decode are chosen with an eye on each other: a prefill worker counts only with a decode worker that can take
 * its blocks, and a decode worker by how much of the transfer is left when the prompt has been computed.
 *
 * <p>Goes over the fleet a constant number of times and allocates nothing per worker.
 *
 * <p><em>Thread-safety:</em> safe. What a pick needs of memory is kept per thread.
 */
public final class Scheduler {
    private final ScheduleSettings settings;
    private final PrefixOverlap prefixes;
    private final RoundRobinPicker prefillTurns = new RoundRobinPicker();
    private final RoundRobinPicker decodeTurns = new RoundRobinPicker();
    private final RoundRobinPicker localTurns = new RoundRobinPicker();
    private final ThreadLocal<Scratch> scratch = ThreadLocal.withInitial(Scratch::new);

    /** A scheduler that asks {@code prefixes} what is cached where. */
    public Scheduler(ScheduleSettings settings, PrefixOverlap prefixes) {
        this.settings = settings;
        this.prefixes = prefixes;
    }

    /**
     * The workers with which the request begins; empty if none can take it.
     *
     * <p>With a prefill worker, the decode worker is the one that would be chosen now; {@link #decode} chooses it.
     */
    public Optional<Pick> start(FleetView fleet, RequestFacts facts) {
        Scratch s = prepare(fleet, facts);
        Pick local = settings.disaggregation() == Disaggregation.ALWAYS ? null : local(s, fleet, facts);
        Pick split = settings.disaggregation() == Disaggregation.NEVER ? null : split(s, fleet, facts);
        return Optional.ofNullable(new Decider(settings, facts.slo()).decide(split, local, s.estimator.knowsPrefill()));
    }

    /** Whether decode workers may be asked to compute prompts themselves. */
    public boolean onDecode() {
        return settings.disaggregation() != Disaggregation.ALWAYS;
    }

    /**
     * A decode worker for blocks of the given kind; empty if there is none.
     *
     * @param facts with the prompt's true length and the time that its prefill is expected to take
     */
    public Optional<Pick> decode(FleetView fleet, RequestFacts facts, KvKind kind) {
        Scratch s = prepare(fleet, facts);
        Need need = new Need(WorkerRole.WORKER_ROLE_DECODE, facts.model(), kind, false, facts.excluded());
        Situation at = costs(s, fleet, facts, need, facts.prefillSeconds());
        int chosen = decodeTurns.pick(s.costs, fleet.size(), scorer(s).tolerance());
        if (at == null || chosen < 0) {
            return Optional.empty();
        }
        look(s, at, fleet, chosen, facts);
        double tail = s.estimator.transferTail(at);
        double itl = s.estimator.step(at);
        return Optional.of(new Pick(
                settings.policy(),
                null,
                at.worker,
                false,
                facts.promptTokens(),
                0,
                at.cachedTokens,
                facts.prefillSeconds(),
                itl,
                facts.prefillSeconds(),
                tail + at.outputTokens * itl,
                Double.POSITIVE_INFINITY));
    }

    private Scratch prepare(FleetView fleet, RequestFacts facts) {
        Scratch s = scratch.get();
        s.prepare(fleet);
        s.estimator.learn(fleet);
        s.expected.targets(facts.slo());
        if (facts.pieces().length > 0 && s.pieces.length > 0) {
            prefixes.count(facts.pieces(), s.pieces);
        }
        return s;
    }

    private WorkerScorer scorer(Scratch s) {
        return switch (settings.policy()) {
            case ROUND_ROBIN -> WorkerScorer.EVEN;
            case LEAST_LOADED -> WorkerScorer.LEAST_LOADED;
            case PREFIX -> WorkerScorer.PREFIX;
            case AUTO -> s.expected;
        };
    }

    /** Fills in what a worker of the need's role costs, or NaN; null if there are no workers at all. */
    private @Nullable Situation costs(
            Scratch s, FleetView fleet, RequestFacts facts, Need need, double prefillSeconds) {
        int size = fleet.size();
        if (size == 0) {
            return null;
        }
        WorkerScorer scorer = scorer(s);
        Situation at = situation(s, fleet, facts, prefillSeconds);
        for (int i = 0; i < size; i++) {
            if (!accepted(fleet.get(i), need)) {
                s.costs[i] = Double.NaN;
                continue;
            }
            look(s, at, fleet, i, facts);
            s.costs[i] = need.local() ? localCost(s, at, facts) : scorer.decode(at);
        }
        return at;
    }

    private Situation situation(Scratch s, FleetView fleet, RequestFacts facts, double prefillSeconds) {
        Situation at = s.situation(fleet.get(0));
        at.promptTokens = facts.promptTokens();
        at.outputTokens = Math.min(facts.maxTokens(), settings.expectedOutput());
        at.cells = facts.promptTokens() + Math.min(facts.maxTokens(), settings.reserveCap());
        at.prefillSeconds = prefillSeconds;
        return at;
    }

    private static void look(Scratch s, Situation at, FleetView fleet, int i, RequestFacts facts) {
        Candidate worker = fleet.get(i);
        at.worker = worker;
        at.pendingLegs = fleet.pendingLegs(i);
        at.pendingTokens = fleet.pendingTokens(i);
        at.pendingCells = fleet.pendingCells(i);
        int slot = worker.slot();
        int all = facts.pieces().length;
        int cached = slot < 0 || all == 0 ? 0 : s.pieces[slot];
        at.cachedTokens =
                cached == 0 ? 0 : (int) Math.min(facts.promptTokens() - 1L, (long) cached * facts.promptTokens() / all);
    }

    private static boolean accepted(Candidate worker, Need need) {
        // By index: an iterator would be an allocation for each worker.
        List<WorkerFilter> filters = WorkerFilter.ALL;
        for (int i = 0; i < filters.size(); i++) {
            if (!filters.get(i).accepts(worker, need)) {
                return false;
            }
        }
        return true;
    }

    /** The best prefill worker, with the best decode worker that can take its blocks. */
    private @Nullable Pick split(Scratch s, FleetView fleet, RequestFacts facts) {
        Need decode = new Need(WorkerRole.WORKER_ROLE_DECODE, facts.model(), null, false, facts.excluded());
        Situation at = costs(s, fleet, facts, decode, 0);
        if (at == null) {
            return null;
        }
        int size = fleet.size();
        for (int i = 0; i < size; i++) {
            KvKind kind = fleet.get(i).kind();
            if (kind != null && !Double.isNaN(s.costs[i])) {
                int k = s.kind(kind);
                if (s.costs[i] < s.bestDecodeCost[k] || s.bestDecode[k] < 0) {
                    s.bestDecode[k] = i;
                    s.bestDecodeCost[k] = s.costs[i];
                }
            }
        }
        if (s.kindCount == 0) {
            return null;
        }
        Need prefill = new Need(WorkerRole.WORKER_ROLE_PREFILL, facts.model(), null, false, facts.excluded());
        WorkerScorer scorer = scorer(s);
        for (int i = 0; i < size; i++) {
            Candidate worker = fleet.get(i);
            KvKind kind = worker.kind();
            int k = kind == null || !accepted(worker, prefill) ? -1 : s.find(kind);
            if (k < 0) {
                s.costs[i] = Double.NaN;
                continue;
            }
            look(s, at, fleet, i, facts);
            // Between kinds, what decode costs counts too; within one it is the same for all.
            s.costs[i] = scorer.prefill(at) + (s.kindCount > 1 ? s.bestDecodeCost[k] : 0);
        }
        int chosen = prefillTurns.pick(s.costs, size, scorer.tolerance());
        return chosen < 0 ? null : splitPick(s, at, fleet, chosen, facts);
    }

    private Pick splitPick(Scratch s, Situation at, FleetView fleet, int chosen, RequestFacts facts) {
        look(s, at, fleet, chosen, facts);
        Candidate prefill = at.worker;
        int prefillCached = at.cachedTokens;
        double compute = s.estimator.compute(at);
        double ttft = s.estimator.wait(at) + compute;
        KvKind kind = prefill.kind();
        // Since it was chosen it may have reported as another process, of a kind that no decode worker takes.
        int k = kind == null ? -1 : s.find(kind);
        look(s, at, fleet, k < 0 ? chosen : s.bestDecode[k], facts);
        at.prefillSeconds = compute;
        double cost = Estimator.firstToken(ttft, facts.slo())
                + s.estimator.transferTail(at)
                + s.estimator.generation(at, facts.slo());
        return new Pick(
                settings.policy(),
                prefill,
                at.worker,
                false,
                facts.promptTokens(),
                prefillCached,
                at.cachedTokens,
                ttft,
                s.estimator.step(at),
                compute,
                cost,
                Double.POSITIVE_INFINITY);
    }

    /** The best decode worker to compute the prompt itself. */
    private @Nullable Pick local(Scratch s, FleetView fleet, RequestFacts facts) {
        Need need = new Need(WorkerRole.WORKER_ROLE_DECODE, facts.model(), null, true, facts.excluded());
        Situation at = costs(s, fleet, facts, need, 0);
        double tolerance = settings.policy() == SchedulingPolicy.ROUND_ROBIN ? 0 : s.expected.tolerance();
        int chosen = at == null ? -1 : localTurns.pick(s.costs, fleet.size(), tolerance);
        if (at == null || chosen < 0) {
            return null;
        }
        look(s, at, fleet, chosen, facts);
        double compute = s.estimator.compute(at);
        double ttft = Decider.localFirstToken(s.estimator, at);
        return new Pick(
                settings.policy(),
                null,
                at.worker,
                true,
                facts.promptTokens(),
                0,
                at.cachedTokens,
                ttft,
                s.estimator.step(at),
                compute,
                Decider.localCost(s.estimator, at, facts.slo()),
                Double.POSITIVE_INFINITY);
    }

    private double localCost(Scratch s, Situation at, RequestFacts facts) {
        return settings.policy() == SchedulingPolicy.AUTO
                ? Decider.localCost(s.estimator, at, facts.slo())
                : scorer(s).decode(at);
    }
}
