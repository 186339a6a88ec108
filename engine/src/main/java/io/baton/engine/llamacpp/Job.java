package io.baton.engine.llamacpp;

import io.baton.error.BatonException;
import org.jspecify.annotations.Nullable;

/**
 * Something that a sequence computes.
 *
 * <p><em>Thread-safety:</em> made by any thread, then used by the engine thread only.
 */
abstract sealed class Job permits PrefillJob, DecodeJob {
    final LlamaSequence sequence;
    /** Why the job must not run, found when it was asked for; null if nothing is wrong. */
    @Nullable
    final BatonException refusal;

    boolean started;
    /** Positions of this step, and the batch entry whose logits are wanted; −1 for none. */
    int chunkEnd;

    int output = -1;

    Job(LlamaSequence sequence, @Nullable BatonException refusal) {
        this.sequence = sequence;
        this.refusal = refusal;
    }

    /** Token at a position. */
    abstract int token(int position);

    /** Position after the last that is to be computed now. */
    abstract int wanted();

    /** Tells the listener that the job failed. */
    abstract void tellFailed(Throwable cause);
}
