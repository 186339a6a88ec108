package io.baton.engine.llamacpp;

import io.baton.engine.PrefillListener;
import io.baton.engine.PrefillWork;
import io.baton.error.BatonException;
import org.jspecify.annotations.Nullable;

/**
 * A prompt that is being computed.
 *
 * <p><em>Thread-safety:</em> as {@link Job}.
 */
final class PrefillJob extends Job {
    final PrefillWork work;
    final PrefillListener listener;
    /** Position up to which the listener has allowed computing. */
    int allowedEnd;
    /** Whether the listener has refused the block at {@link #allowedEnd}. */
    boolean paused;
    /** Begin of the first block that has not been told. */
    int toldEnd;

    int computed;

    PrefillJob(LlamaSequence sequence, PrefillWork work, PrefillListener listener, @Nullable BatonException refusal) {
        super(sequence, refusal);
        this.work = work;
        this.listener = listener;
    }

    /** Position after the block that begins at, or contains, a position. */
    int blockEnd(int position) {
        long end = ((long) position / work.blockSize() + 1) * work.blockSize();
        return (int) Math.min(end, work.tokens().length);
    }

    /** First position of the block that contains a position. */
    int blockBegin(int position) {
        return position / work.blockSize() * work.blockSize();
    }

    /**
     * Asks the listener for the blocks that the next {@code most} tokens would need: the one that the next token is in,
     * and further ones that fit wholly.
     */
    void askAhead(int position, int most) {
        allowedEnd = Math.max(allowedEnd, position);
        int total = work.tokens().length;
        while (!paused && allowedEnd < total) {
            int end = blockEnd(allowedEnd);
            if (allowedEnd > position && end - position > most) {
                return;
            }
            if (listener.mayCompute(blockBegin(allowedEnd), end)) {
                allowedEnd = end;
            } else {
                paused = true;
            }
        }
    }

    /** Whether anything may be computed. */
    boolean mayRun(int position) {
        return allowedEnd > position;
    }

    /**
     * Where the next chunk of at most {@code most} tokens ends: with as many whole blocks as fit; if not one does, the
     * rest of the block is divided evenly, so that no tiny chunk is left before its end.
     */
    int nextChunkEnd(int position, int most) {
        int end = blockEnd(position);
        int rest = end - position;
        if (rest > most) {
            int chunks = Math.ceilDiv(rest, most);
            return position + Math.ceilDiv(rest, chunks);
        }
        while (end < allowedEnd && blockEnd(end) - position <= most) {
            end = blockEnd(end);
        }
        return Math.min(end, allowedEnd);
    }

    @Override
    int token(int position) {
        return work.tokens()[position];
    }

    @Override
    int wanted() {
        return work.tokens().length;
    }

    @Override
    void tellFailed(Throwable cause) {
        listener.onFailed(cause);
    }
}
