package io.baton.engine.simulated;

/**
 * Settings of a simulated engine. {@link #defaults()} gives those of {@link SimulatedEngine}'s documentation; the {@code
 * with…} methods change one each.
 *
 * @param modelName name of the model
 * @param seed part of the model's fingerprint: engines with different seeds are different models
 * @param vocabulary number of tokens, at least {@link SimulatedTokenizer#LEAST_VOCABULARY}
 * @param trainedContext tokens that the model claims to be trained for
 * @param layers layers of the KV cache
 * @param kvBytesPerToken bytes of one token's rows; a multiple of 8 × layers
 * @param cells KV cells in all
 * @param sequences most open sequences
 * @param maxRequestTokens most tokens of one sequence
 * @param batchTokens most tokens computed in one step
 * @param queueCapacity most waiting commands that open a sequence or move rows
 * @param prefillBaseMicros a: fixed cost of the prompt tokens of a step, µs
 * @param prefillPerTokenMicros b: cost of each prompt token, µs
 * @param stepBaseMicros c: fixed cost of a decode step, µs
 * @param stepPerSequenceMicros d: cost of each sequence in a decode step, µs
 * @param importBytesPerMicro rate of imports and exports, bytes per µs; 0 for no cost
 * @param importBudgetMicros once this much was spent importing, no further import starts before the next step, µs
 * @param speed how many times faster than real time; 0 for no delays at all
 * @param failAfterSteps the engine fails after this many steps; 0 for never
 */
public record SimulatedEngineConfig(
        String modelName,
        long seed,
        int vocabulary,
        int trainedContext,
        int layers,
        int kvBytesPerToken,
        int cells,
        int sequences,
        int maxRequestTokens,
        int batchTokens,
        int queueCapacity,
        double prefillBaseMicros,
        double prefillPerTokenMicros,
        double stepBaseMicros,
        double stepPerSequenceMicros,
        double importBytesPerMicro,
        double importBudgetMicros,
        double speed,
        long failAfterSteps) {

    /** Checks every value. */
    public SimulatedEngineConfig {
        require(!modelName.isBlank(), "modelName is empty");
        require(
                vocabulary >= SimulatedTokenizer.LEAST_VOCABULARY,
                "vocabulary is " + vocabulary + ", at least " + SimulatedTokenizer.LEAST_VOCABULARY + " are needed");
        require(layers >= 1, "layers is " + layers);
        require(
                kvBytesPerToken >= 8 * layers && kvBytesPerToken % (8 * layers) == 0,
                "kvBytesPerToken is " + kvBytesPerToken + ", not a positive multiple of 8 x layers");
        require(trainedContext >= 1, "trainedContext is " + trainedContext);
        require(cells >= 1, "cells is " + cells);
        require(sequences >= 1, "sequences is " + sequences);
        require(maxRequestTokens >= 1, "maxRequestTokens is " + maxRequestTokens);
        require(batchTokens >= 1, "batchTokens is " + batchTokens);
        require(queueCapacity >= 1, "queueCapacity is " + queueCapacity);
        for (double v : new double[] {
            prefillBaseMicros,
            prefillPerTokenMicros,
            stepBaseMicros,
            stepPerSequenceMicros,
            importBytesPerMicro,
            importBudgetMicros,
            speed
        }) {
            require(v >= 0 && Double.isFinite(v), "a cost or the speed is " + v);
        }
        require(failAfterSteps >= 0, "failAfterSteps is " + failAfterSteps);
    }

    private static void require(boolean holds, String message) {
        if (!holds) {
            throw new IllegalArgumentException("simulated engine: " + message);
        }
    }

    /**
     * Costs in the order of a 1B-parameter model in Q4_0 on one core: 4 ms per prompt token, 80 ms per step and 1.25 ms for
     * each sequence in it. KV rows are 256 bytes per token instead of 32 KiB, so that many engines fit one machine.
     */
    public static SimulatedEngineConfig defaults() {
        return new SimulatedEngineConfig(
                "simulated",
                0,
                1024,
                32768,
                2,
                256,
                32768,
                64,
                32768,
                256,
                1024,
                2000,
                4000,
                80_000,
                1250,
                5000,
                5000,
                1,
                0);
    }

    /** The defaults without any delay, for tests. */
    public static SimulatedEngineConfig withoutDelays() {
        return defaults().withSpeed(0);
    }

    /** With another model name. */
    public SimulatedEngineConfig withModelName(String value) {
        return new SimulatedEngineConfig(
                value,
                seed,
                vocabulary,
                trainedContext,
                layers,
                kvBytesPerToken,
                cells,
                sequences,
                maxRequestTokens,
                batchTokens,
                queueCapacity,
                prefillBaseMicros,
                prefillPerTokenMicros,
                stepBaseMicros,
                stepPerSequenceMicros,
                importBytesPerMicro,
                importBudgetMicros,
                speed,
                failAfterSteps);
    }

    /** With another model seed. */
    public SimulatedEngineConfig withSeed(long value) {
        return new SimulatedEngineConfig(
                modelName,
                value,
                vocabulary,
                trainedContext,
                layers,
                kvBytesPerToken,
                cells,
                sequences,
                maxRequestTokens,
                batchTokens,
                queueCapacity,
                prefillBaseMicros,
                prefillPerTokenMicros,
                stepBaseMicros,
                stepPerSequenceMicros,
                importBytesPerMicro,
                importBudgetMicros,
                speed,
                failAfterSteps);
    }

    /** With another shape of the KV rows. */
    public SimulatedEngineConfig withKv(int newLayers, int newKvBytesPerToken) {
        return new SimulatedEngineConfig(
                modelName,
                seed,
                vocabulary,
                trainedContext,
                newLayers,
                newKvBytesPerToken,
                cells,
                sequences,
                maxRequestTokens,
                batchTokens,
                queueCapacity,
                prefillBaseMicros,
                prefillPerTokenMicros,
                stepBaseMicros,
                stepPerSequenceMicros,
                importBytesPerMicro,
                importBudgetMicros,
                speed,
                failAfterSteps);
    }

    /** With other limits; {@code newMaxRequestTokens} also becomes the trained context. */
    public SimulatedEngineConfig withLimits(int newCells, int newSequences, int newMaxRequestTokens) {
        return new SimulatedEngineConfig(
                modelName,
                seed,
                vocabulary,
                newMaxRequestTokens,
                layers,
                kvBytesPerToken,
                newCells,
                newSequences,
                newMaxRequestTokens,
                batchTokens,
                queueCapacity,
                prefillBaseMicros,
                prefillPerTokenMicros,
                stepBaseMicros,
                stepPerSequenceMicros,
                importBytesPerMicro,
                importBudgetMicros,
                speed,
                failAfterSteps);
    }

    /** With another batch size and command queue. */
    public SimulatedEngineConfig withQueue(int newBatchTokens, int newQueueCapacity) {
        return new SimulatedEngineConfig(
                modelName,
                seed,
                vocabulary,
                trainedContext,
                layers,
                kvBytesPerToken,
                cells,
                sequences,
                maxRequestTokens,
                newBatchTokens,
                newQueueCapacity,
                prefillBaseMicros,
                prefillPerTokenMicros,
                stepBaseMicros,
                stepPerSequenceMicros,
                importBytesPerMicro,
                importBudgetMicros,
                speed,
                failAfterSteps);
    }

    /** With other costs: prefill a + b·n, step c + d·batch, all in µs. */
    public SimulatedEngineConfig withCosts(double a, double b, double c, double d) {
        return new SimulatedEngineConfig(
                modelName,
                seed,
                vocabulary,
                trainedContext,
                layers,
                kvBytesPerToken,
                cells,
                sequences,
                maxRequestTokens,
                batchTokens,
                queueCapacity,
                a,
                b,
                c,
                d,
                importBytesPerMicro,
                importBudgetMicros,
                speed,
                failAfterSteps);
    }

    /** With another speed; 0 for no delays. */
    public SimulatedEngineConfig withSpeed(double value) {
        return new SimulatedEngineConfig(
                modelName,
                seed,
                vocabulary,
                trainedContext,
                layers,
                kvBytesPerToken,
                cells,
                sequences,
                maxRequestTokens,
                batchTokens,
                queueCapacity,
                prefillBaseMicros,
                prefillPerTokenMicros,
                stepBaseMicros,
                stepPerSequenceMicros,
                importBytesPerMicro,
                importBudgetMicros,
                value,
                failAfterSteps);
    }

    /** Failing after so many steps; 0 for never. */
    public SimulatedEngineConfig withFailAfterSteps(long value) {
        return new SimulatedEngineConfig(
                modelName,
                seed,
                vocabulary,
                trainedContext,
                layers,
                kvBytesPerToken,
                cells,
                sequences,
                maxRequestTokens,
                batchTokens,
                queueCapacity,
                prefillBaseMicros,
                prefillPerTokenMicros,
                stepBaseMicros,
                stepPerSequenceMicros,
                importBytesPerMicro,
                importBudgetMicros,
                speed,
                value);
    }
}
