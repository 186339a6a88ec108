package io.baton.engine.simulated;

import java.util.ArrayList;
import java.util.List;

/**
 * One step of the simulated engine: a batch of all sequences that generate and of chunks of those that prefill, generation
 * first.
 *
 * <p><em>Thread-safety:</em> none; the engine thread owns it.
 */
final class SimulatedStep {
    private final SimulatedEngine engine;
    private final SimulatedEngineConfig config;

    SimulatedStep(SimulatedEngine engine, SimulatedEngineConfig config) {
        this.engine = engine;
        this.config = config;
    }

    private record Share(SimulatedSequence sequence, SimulatedTask task, int promptTokens) {}

    /** Computes one batch; returns whether there was anything to compute. */
    boolean compute() {
        List<Share> batch = new ArrayList<>();
        int room = config.batchTokens();
        int generating = 0;
        int prompt = 0;
        for (SimulatedSequence sequence : engine.sequences()) {
            SimulatedTask task = sequence.task;
            if (task != null && !sequence.isReleasing() && task.generates()) {
                batch.add(new Share(sequence, task, 0));
                generating++;
            }
        }
        for (SimulatedSequence sequence : engine.sequences()) {
            SimulatedTask task = sequence.task;
            if (task != null && !sequence.isReleasing() && !task.generates()) {
                int tokens = plan(sequence, task, room - generating - prompt);
                if (tokens > 0) {
                    batch.add(new Share(sequence, task, tokens));
                    prompt += tokens;
                }
            }
        }
        if (batch.isEmpty()) {
            return false;
        }
        batch.forEach(this::start);
        engine.countTasks();
        engine.elapse((generating > 0 ? config.stepBaseMicros() + generating * config.stepPerSequenceMicros() : 0)
                + (prompt > 0 ? config.prefillBaseMicros() + prompt * config.prefillPerTokenMicros() : 0));
        if (engine.counters().step() == config.failAfterSteps()) {
            throw new IllegalStateException("told to fail after " + config.failAfterSteps() + " steps");
        }
        for (Share share : batch) {
            compute(share);
        }
        engine.countTasks();
        return true;
    }

    private int plan(SimulatedSequence sequence, SimulatedTask task, int room) {
        try {
            return room > 0 ? task.planPrompt(room) : 0;
        } catch (RuntimeException | AssertionError e) {
            engine.fail(sequence, e);
            return 0;
        }
    }

    private void start(Share share) {
        SimulatedTask task = share.task();
        if (task.started || share.sequence().isReleasing()) {
            return;
        }
        task.started = true;
        try {
            switch (task) {
                case SimulatedTask.Prefill p -> p.tellStarted();
                case SimulatedTask.Decode d -> d.tellStarted();
            }
        } catch (RuntimeException | AssertionError e) {
            engine.fail(share.sequence(), e);
        }
    }

    private void compute(Share share) {
        SimulatedSequence sequence = share.sequence();
        if (sequence.task != share.task() || sequence.isReleasing()) {
            return;
        }
        try {
            if (!share.task().compute(share.promptTokens())) {
                sequence.task = null;
            }
        } catch (RuntimeException | AssertionError e) {
            engine.fail(sequence, e);
        }
    }
}
