package io.baton.cli.bench.goodput;

import io.baton.router.schedule.Candidate;
import io.baton.worker.v1.WorkerRole;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.function.DoubleConsumer;

/**
 * Generates for all its sequences at once, a token of each per step, and mixes a chunk of the prompts that it computes itself
 * into its steps. Requests that have no room wait in order; blocks are pulled one request after the other.
 */
final class DecodeNode extends Node {
    private final DoubleConsumer gaps;
    private final Deque<Flight> waitForRoom = new ArrayDeque<>();
    private final Machine machine;
    private final Chunks prompts;
    private final List<Flight> running = new ArrayList<>();
    private int pulling;
    private int reserved;
    private boolean stepping;
    private double linkFree;

    /**
     * A worker.
     *
     * @param gaps is told the time between any two tokens of a counted request
     */
    DecodeNode(VirtualTime time, Machine machine, Costs costs, int slot, DoubleConsumer gaps) {
        super(time, costs, slot);
        this.machine = machine;
        this.gaps = gaps;
        this.prompts = new Chunks(costs);
        report();
    }

    /** A request, whose prompt is computed here if it is local; else elsewhere, before or after this. */
    void accept(Flight flight) {
        if (flight.cells > costs.cells()) {
            throw new IllegalArgumentException(
                    "a request needs " + flight.cells + " KV cells; the worker has " + costs.cells());
        }
        waitForRoom.add(flight);
        admit();
    }

    private void admit() {
        for (Flight next = waitForRoom.peek(); next != null; next = waitForRoom.peek()) {
            if (reserved + next.cells > costs.cells()) {
                return;
            }
            waitForRoom.remove();
            reserved += next.cells;
            next.roomTime = time.now();
            TraceRequest r = next.request();
            next.decodeCached = next.cachedTokens(cache.match(r.blocks(), r.wholeBlocks()));
            if (next.local) {
                next.uncached = r.promptTokens() - next.decodeCached;
                next.toCompute = next.uncached;
                prompts.add(next);
                step();
            } else {
                pulling++;
                pull(next);
            }
        }
    }

    /** The prompt has been computed elsewhere. */
    void computed(Flight flight) {
        if (!Double.isNaN(flight.roomTime)) {
            pull(flight);
        } else if (flight.ended()) {
            waitForRoom.remove(flight);
        }
    }

    /** Called with room and with the prompt's end, in either order; the second of them starts it. */
    private void pull(Flight flight) {
        if (Double.isNaN(flight.firstToken)) {
            return;
        }
        if (flight.ended()) {
            pulling--;
            release(flight);
            return;
        }
        int tokens = flight.request().promptTokens() - flight.decodeCached;
        double begin = Math.max(linkFree, Math.max(flight.prefillStart, flight.roomTime));
        // Blocks travel while the prompt is computed, all but the last.
        double last = flight.firstToken + costs.handOver() + costs.pull(Math.min(TraceRequest.BLOCK_TOKENS, tokens));
        if (!running.isEmpty()) {
            last += costs.detail().importSteps() * costs.step(running.size(), cached(running));
        }
        linkFree = begin + costs.pull(tokens);
        time.at(Math.max(time.now(), Math.max(linkFree, last)), () -> pulled(flight));
    }

    private void pulled(Flight flight) {
        pulling--;
        cache.add(flight.request().blocks(), flight.request().wholeBlocks());
        running.add(flight);
        step();
    }

    private void release(Flight flight) {
        reserved -= flight.cells;
        admit();
    }

    private void step() {
        if (stepping || (running.isEmpty() && prompts.isEmpty())) {
            return;
        }
        stepping = true;
        List<Flight> batch = new ArrayList<>(running);
        double seconds = batch.isEmpty() ? 0 : costs.step(batch.size(), cached(batch));
        List<Flight> complete = new ArrayList<>();
        seconds += prompts.take(time.now(), complete);
        if (machine.isComputing() && !batch.isEmpty()) {
            seconds *= costs.besidePrompts(batch.size());
        }
        machine.generating(1);
        time.at(time.now() + seconds, () -> stepped(batch, complete));
    }

    private void stepped(List<Flight> batch, List<Flight> complete) {
        double now = time.now();
        machine.generating(-1);
        List<Flight> over = new ArrayList<>();
        for (Flight flight : batch) {
            if (flight.job.counted()) {
                gaps.accept(now - flight.lastToken);
            }
            if (flight.token(now)) {
                over.add(flight);
            }
        }
        for (Flight flight : complete) {
            measured(flight);
            cache.add(flight.request().blocks(), flight.request().wholeBlocks());
            if (flight.token(now)) {
                over.add(flight);
            } else {
                running.add(flight);
            }
        }
        running.removeAll(over);
        stepping = false;
        over.forEach(this::release);
        step();
    }

    private static long cached(List<Flight> batch) {
        return batch.stream()
                .mapToLong(f -> f.request().promptTokens() + f.tokens)
                .sum();
    }

    /** Cells that are promised now. */
    int reserved() {
        return reserved;
    }

    @Override
    Candidate load() {
        long queued = prompts.tokens();
        for (Flight flight : waitForRoom) {
            queued += flight.local ? flight.request().promptTokens() : 0;
        }
        return new Candidate(
                "decode-" + slot,
                WorkerRole.WORKER_ROLE_DECODE,
                KIND,
                true,
                true,
                slot,
                costs.kvTokenBytes(),
                costs.cells(),
                reserved,
                running.size(),
                pulling + prompts.size() + waitForRoom.size(),
                queued,
                rates(true));
    }
}
