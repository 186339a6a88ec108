package io.baton.cli.bench.goodput;

import io.baton.router.schedule.Candidate;
import io.baton.worker.v1.WorkerRole;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/** Computes prompts in steps, of which the first few in its queue share each. */
final class PrefillNode extends Node {
    private final Consumer<Flight> computed;
    private final Machine machine;
    private final Chunks prompts;
    private boolean stepping;

    /** {@code computed} is told of each prompt, with its first token. */
    PrefillNode(VirtualTime time, Machine machine, Costs costs, int slot, Consumer<Flight> computed) {
        super(time, costs, slot);
        this.machine = machine;
        this.computed = computed;
        this.prompts = new Chunks(costs);
        report();
    }

    void accept(Flight flight) {
        TraceRequest r = flight.request();
        // As a worker does: the blocks are looked up when the request is accepted, and are held from then on.
        flight.prefillCached = flight.cachedTokens(cache.match(r.blocks(), r.wholeBlocks()));
        flight.uncached = r.promptTokens() - flight.prefillCached;
        flight.toCompute = flight.uncached;
        prompts.add(flight);
        step();
    }

    private void step() {
        if (stepping || prompts.isEmpty()) {
            return;
        }
        stepping = true;
        List<Flight> complete = new ArrayList<>();
        double seconds = prompts.take(time.now(), complete);
        if (machine.isGenerating()) {
            seconds *= 1 + costs.detail().prefillBeside();
        }
        machine.computing(1);
        time.at(time.now() + seconds, () -> stepped(complete));
    }

    private void stepped(List<Flight> complete) {
        stepping = false;
        machine.computing(-1);
        for (Flight flight : complete) {
            cache.add(flight.request().blocks(), flight.request().wholeBlocks());
            measured(flight);
            flight.token(time.now());
            computed.accept(flight);
        }
        step();
    }

    @Override
    Candidate load() {
        int running = Math.min(Chunks.AT_ONCE, prompts.size());
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
                running,
                prompts.size() - running,
                prompts.tokens(),
                rates(false));
    }
}
