package io.baton.worker;

import io.baton.engine.EngineStats;
import io.baton.worker.v1.WorkerRates;
import org.jspecify.annotations.Nullable;

/**
 * What a worker measures of itself for those who schedule: how long prompts and steps take, and how fast KV bytes come.
 *
 * <p><em>Thread-safety:</em> safe; every method takes one lock for a short time.
 */
public final class Measurements {
    /** A measurement counts for about as long as the next fifty. */
    private static final double DECAY = 0.98;

    private static final double NANOS_PER_MICRO = 1e3;
    private static final double NANOS_PER_SECOND = 1e9;

    private final LinearFit prefill = new LinearFit(DECAY, true);
    private final LinearFit step = new LinearFit(DECAY, false);
    private double pulledBytes;
    private double pullNanos;
    private @Nullable EngineStats last;
    private long lastNanos;

    /** A prompt was computed: so many tokens in so much time, from its first chunk to its first token. */
    public synchronized void prefilled(int tokens, long nanos) {
        if (tokens > 0 && nanos > 0) {
            prefill.add(tokens, nanos / NANOS_PER_MICRO);
        }
    }

    /** KV bytes were pulled from another worker. */
    public synchronized void pulled(long bytes, long nanos) {
        if (bytes > 0 && nanos > 0) {
            pulledBytes = pulledBytes * DECAY + bytes;
            pullNanos = pullNanos * DECAY + nanos;
        }
    }

    /**
     * Looks at the engine's counters. The time since the last look is that of its steps if sequences generated at both looks
     * and nothing else was computed in between.
     *
     * @param now {@link System#nanoTime}
     */
    public synchronized void looked(EngineStats stats, long now) {
        EngineStats before = last;
        long nanos = now - lastNanos;
        last = stats;
        lastNanos = now;
        if (before == null || nanos <= 0) {
            return;
        }
        long steps = stats.steps() - before.steps();
        long tokens = stats.tokensGenerated() - before.tokensGenerated();
        boolean only = stats.promptTokensComputed() == before.promptTokensComputed()
                && stats.decodePromptTokensComputed() == before.decodePromptTokensComputed();
        if (steps > 0 && tokens > 0 && only && before.running() > 0 && stats.running() > 0) {
            step.add((double) tokens / steps, nanos / NANOS_PER_MICRO / steps);
        }
    }

    /** The rates as they travel. */
    public synchronized WorkerRates toProto() {
        return WorkerRates.newBuilder()
                .setPrefillBaseUs(prefill.constant())
                .setPrefillTokenUs(prefill.slope())
                .setStepBaseUs(step.constant())
                .setStepSequenceUs(step.slope())
                .setPullBytesPerSecond(pullNanos == 0 ? 0 : pulledBytes / pullNanos * NANOS_PER_SECOND)
                .build();
    }
}
