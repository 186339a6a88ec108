package io.baton.cli.bench;

import io.baton.engine.DecodeListener;
import io.baton.engine.DecodeWork;
import io.baton.engine.Engine;
import io.baton.engine.PrefillListener;
import io.baton.engine.PrefillWork;
import io.baton.engine.SampledToken;
import io.baton.engine.Sampling;
import io.baton.engine.Sequence;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.concurrent.CompletableFuture;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * One engine in this process that prefills and decodes: what an aggregated worker is, without its gRPC. Times are taken
 * where the engine chooses a token, so the comparison leaves out what an aggregated server would add.
 *
 * <p><em>Thread-safety:</em> thread-safe.
 */
final class EngineTarget implements Phase.Target {
    /** Chunks end on block boundaries here as they do in the services. */
    private static final int BLOCK = 256;

    private final Engine engine;
    private final RandomPrompts prompts;
    private final Workload load;

    EngineTarget(Engine engine, RandomPrompts prompts, Workload load) {
        this.engine = engine;
        this.prompts = prompts;
        this.load = load;
    }

    @Override
    public Phase.Stream stream(TokenTimes times) {
        EngineStream stream = new EngineStream(times);
        stream.start();
        return stream;
    }

    @Override
    public CompletableFuture<Phase.Prompt> prompt() {
        int[] tokens = prompts.next(load.promptTokens());
        CompletableFuture<Phase.Prompt> done = new CompletableFuture<>();
        long[] second = {0};
        engine.open(tokens.length + 2)
                .thenAccept(sequence -> {
                    Run run = new Run(
                            sequence,
                            tokens,
                            () -> {},
                            token -> {
                                second[0] = System.nanoTime();
                                return false;
                            },
                            done::completeExceptionally);
                    run.start();
                    var _ = run.ended.thenAccept(ignored -> {
                        sequence.close();
                        done.complete(new Phase.Prompt(
                                tokens.length, run.firstToken - run.started, second[0] - run.firstToken));
                    });
                })
                .exceptionally(e -> {
                    done.completeExceptionally(e);
                    return null;
                });
        return done;
    }

    /** A stream that starts again when its cells are used up. */
    private final class EngineStream implements Phase.Stream {
        private final TokenTimes times;
        private final CompletableFuture<Void> failure = new CompletableFuture<>();
        private volatile boolean closed;
        private volatile @Nullable Sequence sequence;

        EngineStream(TokenTimes times) {
            this.times = times;
        }

        void start() {
            times.restarted();
            engine.open(load.streamPromptTokens() + load.streamTokens())
                    .thenAccept(opened -> {
                        sequence = opened;
                        if (closed) {
                            opened.close();
                            return;
                        }
                        Run run = new Run(
                                opened,
                                prompts.next(load.streamPromptTokens()),
                                times::token,
                                token -> {
                                    times.token();
                                    return true;
                                },
                                failure::completeExceptionally);
                        run.start();
                        var _ = run.ended.thenRun(() -> {
                            opened.close();
                            if (!closed) {
                                start();
                            }
                        });
                    })
                    .exceptionally(e -> {
                        failure.completeExceptionally(e);
                        return null;
                    });
        }

        @Override
        public CompletableFuture<Void> failure() {
            return failure;
        }

        @Override
        public void close() {
            closed = true;
            Sequence open = sequence;
            if (open != null) {
                // The next phase's streams need its cells.
                open.release().join();
            }
        }
    }

    /** A prefill and the generation after it, in one sequence. */
    private static final class Run implements PrefillListener, DecodeListener {
        final CompletableFuture<Void> ended = new CompletableFuture<>();
        private final Sequence sequence;
        private final int[] tokens;
        private final Runnable onFirst;
        private final Predicate<SampledToken> onNext;
        private final java.util.function.Consumer<Throwable> onFailure;
        private int first;
        volatile long started;
        volatile long firstToken;

        Run(
                Sequence sequence,
                int[] tokens,
                Runnable onFirst,
                Predicate<SampledToken> onNext,
                java.util.function.Consumer<Throwable> onFailure) {
            this.sequence = sequence;
            this.tokens = tokens;
            this.onFirst = onFirst;
            this.onNext = onNext;
            this.onFailure = onFailure;
        }

        void start() {
            sequence.prefill(new PrefillWork(tokens, tokens.length, BLOCK, Sampling.greedy(), null, -1), this);
        }

        @Override
        public void onStarted() {
            started = System.nanoTime();
        }

        @Override
        public @Nullable MemorySegment rowsTarget(int begin, int end) {
            return null;
        }

        @Override
        public void onBlock(int begin, int end, MemorySegment rows) {}

        @Override
        public void onFirstToken(SampledToken token) {
            firstToken = System.nanoTime();
            first = token.id();
            onFirst.run();
        }

        @Override
        public void onFinished(int computedTokens) {
            int[] history = Arrays.copyOf(tokens, tokens.length + 1);
            history[tokens.length] = first;
            sequence.decode(new DecodeWork(history, tokens.length, Sampling.greedy(), -1), this);
        }

        @Override
        public boolean onToken(SampledToken token) {
            boolean more = onNext.test(token);
            if (!more) {
                ended.complete(null);
            }
            return more;
        }

        @Override
        public void onCellsUsedUp() {
            ended.complete(null);
        }

        @Override
        public void onFailed(Throwable cause) {
            onFailure.accept(cause);
        }
    }
}
