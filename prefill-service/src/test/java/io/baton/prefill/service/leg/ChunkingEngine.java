package io.baton.prefill.service.leg;

import io.baton.engine.DecodeListener;
import io.baton.engine.DecodeWork;
import io.baton.engine.Engine;
import io.baton.engine.EngineLimits;
import io.baton.engine.EngineStats;
import io.baton.engine.KvLayout;
import io.baton.engine.ModelInfo;
import io.baton.engine.PrefillListener;
import io.baton.engine.PrefillWork;
import io.baton.engine.SampledToken;
import io.baton.engine.Sequence;
import io.baton.engine.Tokenizer;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/** An engine whose chunks complete several blocks, made of one that tells a chunk with every block. */
record ChunkingEngine(Engine inner, int blocksPerChunk) implements Engine {
    @Override
    public ModelInfo model() {
        return inner.model();
    }

    @Override
    public KvLayout kvLayout() {
        return inner.kvLayout();
    }

    @Override
    public Tokenizer tokenizer() {
        return inner.tokenizer();
    }

    @Override
    public EngineLimits limits() {
        return inner.limits();
    }

    @Override
    public EngineStats stats() {
        return inner.stats();
    }

    @Override
    public CompletableFuture<Sequence> open(int cells) {
        return inner.open(cells).thenApply(s -> new ChunkingSequence(s, blocksPerChunk));
    }

    @Override
    public @Nullable Throwable failure() {
        return inner.failure();
    }

    @Override
    public void close() {
        inner.close();
    }

    private record ChunkingSequence(Sequence inner, int blocksPerChunk) implements Sequence {
        @Override
        public int cells() {
            return inner.cells();
        }

        @Override
        public int length() {
            return inner.length();
        }

        @Override
        public CompletableFuture<Void> importRows(int begin, int end, MemorySegment rows) {
            return inner.importRows(begin, end, rows);
        }

        @Override
        public CompletableFuture<Void> exportRows(int begin, int end, MemorySegment target) {
            return inner.exportRows(begin, end, target);
        }

        @Override
        public void prefill(PrefillWork work, PrefillListener listener) {
            inner.prefill(work, new ChunkingListener(listener, blocksPerChunk));
        }

        @Override
        public void resume() {
            inner.resume();
        }

        @Override
        public void decode(DecodeWork work, DecodeListener listener) {
            inner.decode(work, listener);
        }

        @Override
        public CompletableFuture<Void> release() {
            return inner.release();
        }
    }

    private static final class ChunkingListener implements PrefillListener {
        private final PrefillListener listener;
        private final int blocksPerChunk;
        private int blocks;

        ChunkingListener(PrefillListener listener, int blocksPerChunk) {
            this.listener = listener;
            this.blocksPerChunk = blocksPerChunk;
        }

        @Override
        public void onStarted() {
            listener.onStarted();
        }

        @Override
        public boolean mayCompute(int begin, int end) {
            return listener.mayCompute(begin, end);
        }

        @Override
        public @Nullable MemorySegment rowsTarget(int begin, int end) {
            return listener.rowsTarget(begin, end);
        }

        @Override
        public void onBlock(int begin, int end, MemorySegment rows) {
            blocks++;
            listener.onBlock(begin, end, rows);
        }

        @Override
        public void onChunk() {
            if (blocks == blocksPerChunk) {
                blocks = 0;
                listener.onChunk();
            }
        }

        @Override
        public void onFirstToken(SampledToken token) {
            listener.onFirstToken(token);
        }

        @Override
        public void onFinished(int computedTokens) {
            if (blocks > 0) {
                listener.onChunk();
            }
            listener.onFinished(computedTokens);
        }

        @Override
        public void onFailed(Throwable cause) {
            listener.onFailed(cause);
        }
    }
}
