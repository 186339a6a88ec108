package io.baton.engine.llamacpp;

import io.baton.engine.DecodeListener;
import io.baton.engine.DecodeWork;
import io.baton.engine.Engine;
import io.baton.engine.PrefillListener;
import io.baton.engine.PrefillWork;
import io.baton.engine.SampledToken;
import io.baton.engine.Sampling;
import io.baton.engine.Sequence;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/** Runs prefills and generations and collects what they tell. */
final class Runs {
    private static final long PATIENCE_SECONDS = 120;

    private Runs() {}

    /** Waits, but not for ever. */
    static <T> T get(CompletableFuture<T> future) {
        try {
            return future.get(PATIENCE_SECONDS, TimeUnit.SECONDS);
        } catch (ExecutionException e) {
            if (e.getCause() instanceof RuntimeException r) {
                throw r;
            }
            throw new AssertionError(e.getCause());
        } catch (InterruptedException | TimeoutException e) {
            throw new AssertionError("nothing came of it", e);
        }
    }

    /** A block that a prefill told. */
    record Block(int begin, int end, MemorySegment rows) {}

    /** What a prefill told. */
    record Prefilled(SampledToken first, List<Block> blocks, int computed, List<String> events) {}

    /** Collects what a prefill tells. */
    static class Prefill implements PrefillListener {
        final CompletableFuture<Prefilled> done = new CompletableFuture<>();
        final List<Block> blocks = new ArrayList<>();
        final List<String> events = new ArrayList<>();
        private final Engine engine;
        private final boolean export;

        @Nullable
        SampledToken first;

        Prefill(Engine engine, boolean export) {
            this.engine = engine;
            this.export = export;
        }

        @Override
        public void onStarted() {
            events.add("started");
        }

        @Override
        public @Nullable MemorySegment rowsTarget(int begin, int end) {
            return export ? Arena.ofAuto().allocate(engine.kvLayout().bytes(end - begin), 64) : null;
        }

        @Override
        public void onBlock(int begin, int end, MemorySegment rows) {
            events.add("block " + begin + "-" + end);
            blocks.add(new Block(begin, end, rows));
        }

        @Override
        public void onFirstToken(SampledToken token) {
            events.add("first");
            first = token;
        }

        @Override
        public void onFinished(int computedTokens) {
            events.add("finished");
            SampledToken token = first;
            if (token == null) {
                done.completeExceptionally(new AssertionError("finished without a first token"));
            } else {
                done.complete(new Prefilled(token, blocks, computedTokens, events));
            }
        }

        @Override
        public void onFailed(Throwable cause) {
            done.completeExceptionally(cause);
        }
    }

    static CompletableFuture<Prefilled> prefill(Engine engine, Sequence s, int[] prompt, int blockSize) {
        return prefill(engine, s, prompt, blockSize, -1);
    }

    static CompletableFuture<Prefilled> prefill(
            Engine engine, Sequence s, int[] prompt, int blockSize, int topLogprobs) {
        Prefill listener = new Prefill(engine, true);
        s.prefill(new PrefillWork(prompt, prompt.length, blockSize, Sampling.greedy(), null, topLogprobs), listener);
        return listener.done;
    }

    /** What a generation told. */
    record Decoded(List<SampledToken> tokens, int computedPromptTokens, boolean cellsUsedUp) {
        int[] ids() {
            return tokens.stream().mapToInt(SampledToken::id).toArray();
        }
    }

    /** Collects what a generation tells, until {@code most} tokens have come. */
    static class Decode implements DecodeListener {
        final CompletableFuture<Decoded> done = new CompletableFuture<>();
        final List<SampledToken> tokens = new ArrayList<>();
        private final int most;
        private int computed = -1;

        Decode(int most) {
            this.most = most;
        }

        @Override
        public void onStarted(int computedPromptTokens) {
            computed = computedPromptTokens;
        }

        @Override
        public boolean onToken(SampledToken token) {
            tokens.add(token);
            boolean more = tokens.size() < most;
            if (!more) {
                done.complete(new Decoded(tokens, computed, false));
            }
            return more;
        }

        @Override
        public void onCellsUsedUp() {
            done.complete(new Decoded(tokens, computed, true));
        }

        @Override
        public void onFailed(Throwable cause) {
            done.completeExceptionally(cause);
        }
    }

    static CompletableFuture<Decoded> decode(Sequence s, int[] prompt, int first, int most) {
        return decode(s, prompt, first, most, -1);
    }

    static CompletableFuture<Decoded> decode(Sequence s, int[] prompt, int first, int most, int topLogprobs) {
        Decode listener = new Decode(most);
        s.decode(new DecodeWork(append(prompt, first), prompt.length, Sampling.greedy(), topLogprobs), listener);
        return listener.done;
    }

    static int[] append(int[] tokens, int... more) {
        int[] all = java.util.Arrays.copyOf(tokens, tokens.length + more.length);
        System.arraycopy(more, 0, all, tokens.length, more.length);
        return all;
    }
}
