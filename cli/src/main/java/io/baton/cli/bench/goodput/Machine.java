package io.baton.cli.bench.goodput;

/**
 * What the workers of a simulated fleet are doing, for costs under which they slow each other down; all of them count as one
 * machine.
 *
 * <p><em>Thread-safety:</em> none.
 */
final class Machine {
    private int computing;
    private int generating;

    /** Prefill workers that begin (1) or end (−1) a step. */
    void computing(int change) {
        computing += change;
    }

    /** Decode workers, likewise. */
    void generating(int change) {
        generating += change;
    }

    boolean isComputing() {
        return computing > 0;
    }

    boolean isGenerating() {
        return generating > 0;
    }
}
