package io.baton.engine.llamacpp;

import io.baton.engine.DecodeListener;
import io.baton.engine.DecodeWork;
import io.baton.error.BatonException;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * A generation that is going on.
 *
 * <p><em>Thread-safety:</em> as {@link Job}.
 */
final class DecodeJob extends Job {
    final DecodeWork work;
    final DecodeListener listener;
    int[] history;
    int historyLength;

    DecodeJob(LlamaSequence sequence, DecodeWork work, DecodeListener listener, @Nullable BatonException refusal) {
        super(sequence, refusal);
        this.work = work;
        this.listener = listener;
        this.history = Arrays.copyOf(work.history(), work.history().length + 64);
        this.historyLength = work.history().length;
    }

    /** Adds a chosen token. */
    void append(int token) {
        if (historyLength == history.length) {
            history = Arrays.copyOf(history, historyLength + historyLength / 2);
        }
        history[historyLength++] = token;
    }

    @Override
    int token(int position) {
        return history[position];
    }

    @Override
    int wanted() {
        return historyLength;
    }

    @Override
    void tellFailed(Throwable cause) {
        listener.onFailed(cause);
    }
}
