package io.baton.cli.bench.goodput;

import static java.util.Objects.requireNonNull;

import io.baton.kv.v1.KvLayout;
import io.baton.router.fleet.KvKind;
import io.baton.router.schedule.Candidate;
import io.baton.router.schedule.Rates;
import io.baton.worker.Measurements;
import io.baton.worker.v1.WorkerRates;
import java.util.HashSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A simulated worker, and what the router knows of it: the last report, and what was sent since.
 *
 * <p><em>Thread-safety:</em> none.
 */
abstract class Node {
    private static final double NANOS = 1e9;
    private static final double MICROS = 1e6;
    static final String MODEL = "simulated";
    static final KvKind KIND = new KvKind(MODEL, TraceRequest.BLOCK_TOKENS, KvLayout.getDefaultInstance());

    final VirtualTime time;
    final Costs costs;
    final int slot;
    final BlockCache cache;
    private final Measurements measurements = new Measurements();
    private final Set<Long> told = new HashSet<>();
    /** Null until whoever extends this is made, and has told of itself. */
    private @Nullable Candidate reported;

    private int pendingLegs;
    private long pendingTokens;
    private long pendingCells;

    Node(VirtualTime time, Costs costs, int slot) {
        this.time = time;
        this.costs = costs;
        this.slot = slot;
        this.cache = new BlockCache(costs.cacheTokens() / TraceRequest.BLOCK_TOKENS);
    }

    /** Its prompt is complete now; a worker measures it from its first chunk on, whatever it shares its steps with. */
    final void measured(Flight flight) {
        measurements.prefilled(flight.uncached, (long) ((time.now() - flight.prefillStart) * NANOS));
    }

    /** What it tells of its speed: of prompts what it measured, as the product does; of steps and transfers the truth. */
    final Rates rates(boolean steps) {
        WorkerRates r = measurements.toProto();
        return new Rates(
                r.getPrefillBaseUs() / MICROS,
                r.getPrefillTokenUs() / MICROS,
                steps ? costs.stepBase() : 0,
                steps ? costs.stepSequence() : 0,
                steps ? costs.pullBytes() : 0);
    }

    /** Its load now, as a report has it. */
    abstract Candidate load();

    /** What the router was told last. */
    final Candidate reported() {
        return requireNonNull(reported);
    }

    /** The router learns how things are. */
    final void report() {
        reported = load();
        cache.tell(told);
        pendingLegs = 0;
        pendingTokens = 0;
        pendingCells = 0;
    }

    /** The router opened a leg that the next report will have. */
    final void opened(int tokens, int cells) {
        pendingLegs++;
        pendingTokens += tokens;
        pendingCells += cells;
    }

    final int pendingLegs() {
        return pendingLegs;
    }

    final long pendingTokens() {
        return pendingTokens;
    }

    final long pendingCells() {
        return pendingCells;
    }

    /** How many leading blocks the router believes are cached here. */
    final int believed(long[] pieces) {
        int found = 0;
        while (found < pieces.length && told.contains(pieces[found])) {
            found++;
        }
        return found;
    }
}
