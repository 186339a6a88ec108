package io.baton.cli.bench.goodput;

import io.baton.router.schedule.Candidate;
import io.baton.worker.v1.WorkerRole;
import java.util.ArrayDeque;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** Computes one prompt after the other, in the order in which they came. */
final class PrefillNode extends Node {
    private final Consumer<Flight> computed;
    private final ArrayDeque<Flight> queue = new ArrayDeque<>();
    private @Nullable Flight current;
    private double currentEnd;

    /** {@code computed} is told of each prompt, with its first token. */
    PrefillNode(VirtualTime time, Costs costs, int slot, Consumer<Flight> computed) {
        super(time, costs, slot);
        this.computed = computed;
        report();
    }

    void accept(Flight flight) {
        TraceRequest r = flight.request();
        // As a worker does: the blocks are looked up when the request is accepted, and are held from then on.
        flight.prefillCached = flight.cachedTokens(cache.match(r.blocks(), r.wholeBlocks()));
        flight.toCompute = r.promptTokens() - flight.prefillCached;
        queue.add(flight);
        next();
    }

    private void next() {
        Flight flight = current == null ? queue.poll() : null;
        if (flight == null) {
            return;
        }
        current = flight;
        flight.prefillStart = time.now();
        currentEnd = time.now() + costs.prefillBase() + costs.prefillToken() * flight.toCompute;
        time.at(currentEnd, () -> end(flight));
    }

    private void end(Flight flight) {
        current = null;
        flight.toCompute = 0;
        cache.add(flight.request().blocks(), flight.request().wholeBlocks());
        flight.token(time.now());
        computed.accept(flight);
        next();
    }

    @Override
    Candidate load() {
        long queued = current == null
                ? 0
                : Math.min(current.toCompute, (long) ((currentEnd - time.now()) / costs.prefillToken()));
        for (Flight flight : queue) {
            queued += flight.toCompute;
        }
        return new Candidate(
                "prefill-" + slot,
                WorkerRole.WORKER_ROLE_PREFILL,
                KIND,
                true,
                false,
                slot,
                costs.kvTokenBytes(),
                0,
                0,
                current == null ? 0 : 1,
                queue.size(),
                queued,
                costs.rates(true, false));
    }
}
