package io.baton.cli.bench.goodput;

import java.util.ArrayList;
import java.util.List;

/**
 * Shares the prompt tokens of a step as the engine does: the first few prompts get equal parts of it, and who comes first, and
 * so gets what others leave, changes with every step.
 *
 * <p><em>Thread-safety:</em> none.
 */
final class Chunks {
    /** The default of baton.engine.max-concurrent-prefills. */
    static final int AT_ONCE = 4;

    private final Costs costs;
    private final List<Flight> prompts = new ArrayList<>();
    private int turn;

    Chunks(Costs costs) {
        this.costs = costs;
    }

    void add(Flight flight) {
        prompts.add(flight);
    }

    boolean isEmpty() {
        return prompts.isEmpty();
    }

    /** Prompts that are not complete. */
    int size() {
        return prompts.size();
    }

    /** Prompt tokens that are still to be computed. */
    long tokens() {
        return prompts.stream().mapToLong(f -> f.toCompute).sum();
    }

    /**
     * Takes one step's worth.
     *
     * @param now when the step begins
     * @param complete gets the prompts that the step completes
     * @return what the chunks take, in seconds
     */
    double take(double now, List<Flight> complete) {
        List<Flight> first = List.copyOf(prompts.subList(0, Math.min(AT_ONCE, prompts.size())));
        int count = first.size();
        int left = costs.chunk();
        double seconds = 0;
        for (int i = 0; i < count; i++) {
            Flight flight = first.get((i + turn) % count);
            int n = Math.min(left / (count - i), flight.toCompute);
            if (n == 0) {
                continue;
            }
            if (Double.isNaN(flight.prefillStart)) {
                flight.prefillStart = now;
                seconds += costs.prefillBase();
            }
            seconds += costs.chunk(flight.request().promptTokens() - flight.toCompute, n);
            flight.toCompute -= n;
            left -= n;
            if (flight.toCompute == 0) {
                prompts.remove(flight);
                complete.add(flight);
            }
        }
        turn = (turn + 1) % (1 << 20);
        return seconds;
    }
}
