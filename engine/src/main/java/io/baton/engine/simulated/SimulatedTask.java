package io.baton.engine.simulated;

import io.baton.engine.DecodeListener;
import io.baton.engine.DecodeWork;
import io.baton.engine.PrefillListener;
import io.baton.engine.PrefillWork;
import io.baton.engine.SampledToken;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * What a sequence computes: a prefill or a generation. A task plans how many tokens of the next step are its, and tells its
 * listener what came of them.
 *
 * <p><em>Thread-safety:</em> none; the engine thread owns it.
 */
abstract sealed class SimulatedTask {
    final SimulatedSequence sequence;
    final SimulatedEngine engine;
    /** Whether its first chunk or step was computed. */
    boolean started;

    SimulatedTask(SimulatedSequence sequence, SimulatedEngine engine) {
        this.sequence = sequence;
        this.engine = engine;
    }

    /** Prompt tokens that it computes in the next step, at most {@code room}; 0 if it is paused or generates. */
    abstract int planPrompt(int room);

    /** Whether it computes one generated token in the next step. */
    abstract boolean generates();

    /** Computes what was planned. Returns whether the task goes on. */
    abstract boolean compute(int promptTokens);

    /** Lets a paused task go on. */
    void resume() {}

    abstract void tellFailed(Throwable cause);

    private static void check(int[] tokens, int promptTokens, SimulatedSequence sequence, int vocabulary) {
        if (tokens.length == 0 || promptTokens < 0 || promptTokens > tokens.length) {
            throw invalid("no tokens, or " + promptTokens + " of " + tokens.length + " tokens are the prompt");
        }
        for (int i = 0; i < tokens.length; i++) {
            if (tokens[i] < 0 || tokens[i] >= vocabulary) {
                throw invalid("token " + tokens[i] + " at " + i + " is outside the vocabulary of " + vocabulary);
            }
        }
        if (sequence.rows.length() >= tokens.length) {
            throw invalid("all " + tokens.length + " tokens are in the cache; the last one must be computed");
        }
    }

    private static BatonException invalid(String message) {
        return new BatonException(ErrorCode.INVALID_REQUEST, message);
    }

    /** A prefill. */
    static final class Prefill extends SimulatedTask {
        private final PrefillWork work;
        private final PrefillListener listener;
        private final int initialLength;
        private boolean paused;
        /** Begin of the block that the listener allowed to compute; −1 for none. */
        private int allowedBlock = -1;

        Prefill(SimulatedSequence sequence, SimulatedEngine engine, PrefillWork work, PrefillListener listener) {
            super(sequence, engine);
            this.work = work;
            this.listener = listener;
            this.initialLength = sequence.rows.length();
        }

        void check() {
            SimulatedTask.check(
                    work.tokens(), work.promptTokens(), sequence, engine.model().vocabularySize());
            if (work.tokens().length > sequence.cells()) {
                throw new BatonException(
                        ErrorCode.CONTEXT_LENGTH_EXCEEDED,
                        work.tokens().length + " prompt tokens for " + sequence.cells() + " cells");
            }
            if (work.blockSize() < 1) {
                throw invalid("block size " + work.blockSize());
            }
        }

        private int blockBegin() {
            return sequence.rows.length() / work.blockSize() * work.blockSize();
        }

        private int blockEnd() {
            return Math.min(blockBegin() + work.blockSize(), work.tokens().length);
        }

        @Override
        int planPrompt(int room) {
            if (paused) {
                return 0;
            }
            int begin = blockBegin();
            if (allowedBlock != begin) {
                if (!listener.mayCompute(begin, blockEnd())) {
                    paused = true;
                    return 0;
                }
                allowedBlock = begin;
            }
            return Math.min(room, blockEnd() - sequence.rows.length());
        }

        @Override
        boolean generates() {
            return false;
        }

        @Override
        void resume() {
            paused = false;
        }

        @Override
        boolean compute(int promptTokens) {
            int begin = blockBegin();
            int end = blockEnd();
            for (int i = 0; i < promptTokens; i++) {
                sequence.rows.compute(work.tokens()[sequence.rows.length()]);
            }
            engine.counters().promptComputed(promptTokens);
            sequence.publishLength();
            if (sequence.rows.length() < end) {
                listener.onChunk();
                return true;
            }
            boolean last = end == work.tokens().length;
            if (last) {
                SampledToken first = engine.choose(
                        sequence.rows,
                        work.sampling(),
                        work.tokens(),
                        end,
                        work.promptTokens(),
                        work.forcedFirstToken(),
                        work.topLogprobs());
                listener.onFirstToken(first);
            }
            if (!sequence.isReleasing()) {
                MemorySegment target = listener.rowsTarget(begin, end);
                if (target != null) {
                    engine.export(sequence, begin, end, target);
                    listener.onBlock(begin, end, target);
                }
            }
            if (!sequence.isReleasing()) {
                listener.onChunk();
            }
            if (last && !sequence.isReleasing()) {
                listener.onFinished(end - initialLength);
            }
            return !last;
        }

        @Override
        void tellFailed(Throwable cause) {
            listener.onFailed(cause);
        }

        void tellStarted() {
            listener.onStarted();
        }
    }

    /** A generation. */
    static final class Decode extends SimulatedTask {
        private final DecodeWork work;
        private final DecodeListener listener;
        private final int missing;
        private int[] history;
        private int length;

        Decode(SimulatedSequence sequence, SimulatedEngine engine, DecodeWork work, DecodeListener listener) {
            super(sequence, engine);
            this.work = work;
            this.listener = listener;
            this.history = work.history().clone();
            this.length = history.length;
            this.missing = length - 1 - sequence.rows.length();
        }

        void check() {
            SimulatedTask.check(
                    history, work.promptTokens(), sequence, engine.model().vocabularySize());
            if (length - 1 > sequence.cells()) {
                throw new BatonException(
                        ErrorCode.CONTEXT_LENGTH_EXCEEDED, length + " tokens for " + sequence.cells() + " cells");
            }
        }

        private boolean hasRoom() {
            return length <= sequence.cells();
        }

        @Override
        int planPrompt(int room) {
            return Math.min(room, length - 1 - sequence.rows.length());
        }

        @Override
        boolean generates() {
            return sequence.rows.length() == length - 1;
        }

        @Override
        boolean compute(int promptTokens) {
            if (!hasRoom()) {
                listener.onCellsUsedUp();
                return false;
            }
            if (promptTokens > 0) {
                for (int i = 0; i < promptTokens; i++) {
                    sequence.rows.compute(history[sequence.rows.length()]);
                }
                engine.counters().decodePromptComputed(promptTokens);
                sequence.publishLength();
                return true;
            }
            sequence.rows.compute(history[length - 1]);
            engine.counters().used(1);
            sequence.publishLength();
            SampledToken token = engine.choose(
                    sequence.rows, work.sampling(), history, length, work.promptTokens(), null, work.topLogprobs());
            if (length == history.length) {
                history = Arrays.copyOf(history, length + Math.max(16, length / 2));
            }
            history[length++] = token.id();
            if (!listener.onToken(token)) {
                return false;
            }
            if (!hasRoom() && !sequence.isReleasing()) {
                listener.onCellsUsedUp();
                return false;
            }
            return true;
        }

        @Override
        void tellFailed(Throwable cause) {
            listener.onFailed(cause);
        }

        void tellStarted() {
            listener.onStarted(missing);
        }
    }
}
