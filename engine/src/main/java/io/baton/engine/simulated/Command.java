package io.baton.engine.simulated;

import io.baton.engine.DecodeListener;
import io.baton.engine.DecodeWork;
import io.baton.engine.PrefillListener;
import io.baton.engine.PrefillWork;
import io.baton.engine.Sequence;
import io.baton.error.BatonException;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.CompletableFuture;

/** What reaches the engine thread. */
sealed interface Command {
    /** Tells whoever gave the command that it will not be carried out. */
    void refuse(BatonException why);

    /** Direction of a move of KV rows. */
    enum Kind {
        /** Into the cache. */
        IMPORT,
        /** Out of it. */
        EXPORT
    }

    /** Opens a sequence. */
    record Open(int cells, CompletableFuture<Sequence> done) implements Command {
        @Override
        public void refuse(BatonException why) {
            done.completeExceptionally(why);
        }
    }

    /** Moves KV rows. */
    record Rows(Kind kind, int begin, int end, MemorySegment memory, CompletableFuture<Void> done) implements Command {
        @Override
        public void refuse(BatonException why) {
            done.completeExceptionally(why);
        }
    }

    /** Starts a prefill. */
    record Prefill(PrefillWork work, PrefillListener listener) implements Command {
        @Override
        public void refuse(BatonException why) {
            listener.onFailed(why);
        }
    }

    /** Starts a generation. */
    record Decode(DecodeWork work, DecodeListener listener) implements Command {
        @Override
        public void refuse(BatonException why) {
            listener.onFailed(why);
        }
    }

    /** Lets a paused prefill go on. */
    record Resume() implements Command {
        @Override
        public void refuse(BatonException why) {
            // Nobody waits for it.
        }
    }

    /** Frees a sequence. */
    record Release() implements Command {
        @Override
        public void refuse(BatonException why) {
            // A stopped engine has freed everything.
        }
    }
}
