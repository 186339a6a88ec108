package io.baton.decode.service.leg;

import io.baton.decode.v1.DecodeCompute;
import io.baton.decode.v1.DecodeFinished;
import io.baton.decode.v1.DecodeResponse;
import io.baton.engine.PrefillListener;
import io.baton.engine.PrefillWork;
import io.baton.engine.SampledToken;
import io.baton.engine.Sequence;
import io.baton.engine.text.TokenIds;
import io.baton.kv.block.Descriptors;
import io.baton.kv.store.BlockRef;
import io.baton.prefill.v1.Continuation;
import io.baton.prefill.v1.PrefillAccepted;
import io.baton.prefill.v1.PrefillFinished;
import io.baton.prefill.v1.PrefillStart;
import io.baton.worker.Leg;
import io.baton.worker.prompt.Preparation;
import io.baton.worker.prompt.PromptBlocks;
import io.baton.worker.prompt.PromptRequest;
import io.baton.worker.prompt.TokenizedPrompt;
import io.grpc.stub.ServerCallStreamObserver;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * The other first half of a decode leg: computes the prompt itself. Its chunks share the engine's batches with the streams
 * that generate. Full blocks are kept in the store for later prompts if there is room, and only then: nobody waits for them.
 *
 * <p><em>Thread-safety:</em> as {@link Leg} says.
 */
abstract class ComputingLeg extends ReceivingLeg {
    private @Nullable PromptBlocks prompt;
    private int cachedBlocks;
    /** Tokens of the prompt that are counted as queued. */
    private int queuedTokens;

    ComputingLeg(DecodeLegs legs, ServerCallStreamObserver<DecodeResponse> out) {
        super(legs, out);
    }

    /** The prompt is about to be computed. */
    abstract void computing(StartRequest start);

    /** The first token was chosen, and the state is Decoding. */
    abstract void firstToken(SampledToken token);

    /** The engine has done with the prompt. */
    abstract void computed();

    /** The first message. */
    final void compute(DecodeCompute message) {
        if (!(state instanceof LegState.AwaitingReserve s)) {
            throw violation("Compute opens a leg; it comes first and once");
        }
        PrefillStart start = message.getStart();
        name(start.getRequestId());
        PromptRequest request = PromptRequest.of(start, worker.engine().model(), worker.pieces(start.getPiecesList()));
        if (message.getOutputCells() < 1) {
            throw violation("output_cells is " + message.getOutputCells() + "; it is at least 1");
        }
        admit(request.tenant(), request.attempt());
        LegState.Preparing preparing = s.compute(request, message.getOutputCells());
        state = preparing;
        opening(
                legs.preparation().prepare(request, preparing::cells),
                prepared -> {
                    prompt = prepared.blocks();
                    holdCells(prepared.cells());
                },
                this::prepared);
    }

    private void prepared(Preparation.Prepared prepared) {
        if (!(state instanceof LegState.Preparing s)) {
            throw new IllegalStateException("prepared in " + state);
        }
        PromptRequest request = s.request();
        TokenizedPrompt tokens = prepared.prompt();
        int blockSize = worker.identity().blockSize();
        cachedBlocks = prepared.blocks().cachedBlocks();
        StartRequest start = StartRequest.of(request, tokens, worker.engine().model(), System.nanoTime());
        LegState.Computing next = s.prepared(
                ReserveRequest.of(request, tokens.tokens(), s.cells(tokens), blockSize),
                start,
                cachedBlocks * blockSize);
        state = next;
        queuedTokens = next.computedTokens();
        worker.queuedTokens().addAndGet(queuedTokens);
        worker.metrics().request(tokens.promptTokens(), tokens.length(), next.cachedTokens());
        tell(DecodeResponse.newBuilder()
                .setAccepted(PrefillAccepted.newBuilder()
                        .setTokenIds(TokenIds.encode(tokens.tokens()))
                        .setPromptTokens(tokens.promptTokens())
                        .setCachedBlocks(cachedBlocks)
                        .setBlockSize(blockSize)
                        .setMaxTokens(tokens.maxTokens())
                        .setLayout(Descriptors.toProto(worker.engine().kvLayout()))
                        .setTokenizeUs(tokens.tokenizeNanos() / 1000))
                .build());
        computing(start);
        importCached(prepared.blocks(), prepared.cells());
        Continuation c = request.continuation();
        prepared.cells()
                .prefill(
                        new PrefillWork(
                                tokens.tokens(),
                                tokens.promptTokens(),
                                blockSize,
                                request.sampling(),
                                c != null && c.hasForcedFirstToken() ? Integer.valueOf(c.getForcedFirstToken()) : null,
                                request.topLogprobs()),
                        new PromptEvents(prepared.blocks()));
    }

    private void importCached(PromptBlocks blocks, Sequence cells) {
        for (int i = 0; i < cachedBlocks; i++) {
            BlockRef ref = blocks.takeFirstCached();
            var _ = cells.importRows(blocks.begin(i), blocks.end(i), ref.rows()).whenComplete((_, failure) -> {
                ref.close();
                if (failure != null) {
                    fail(failure);
                }
            });
        }
    }

    /** What the engine tells; on its thread. */
    private final class PromptEvents implements PrefillListener {
        private final PromptBlocks blocks;

        PromptEvents(PromptBlocks blocks) {
            this.blocks = blocks;
        }

        @Override
        public void onStarted() {
            guarded(() -> {
                if (state instanceof LegState.Computing s) {
                    long now = System.nanoTime();
                    state = s.started(now);
                    worker.metrics().queued(now - s.start().arrivedNanos());
                    running();
                }
            });
        }

        @Override
        public boolean mayCompute(int begin, int end) {
            guarded(() -> {
                int index = blocks.index(begin);
                if (state instanceof LegState.Computing && blocks.named(index)) {
                    var _ = blocks.reserve(index);
                }
            });
            return true;
        }

        @Override
        public @Nullable MemorySegment rowsTarget(int begin, int end) {
            return locked(() -> {
                countComputed(end - begin);
                BlockRef target = blocks.target(blocks.index(begin));
                return target == null ? null : target.rows();
            });
        }

        @Override
        public void onBlock(int begin, int end, MemorySegment rows) {
            guarded(() -> {
                if (state instanceof LegState.Computing || state instanceof LegState.Decoding) {
                    BlockRef written = blocks.takeTarget(blocks.index(begin));
                    // The checksum reads every byte: not on the engine's time.
                    legs.keeping().execute(() -> {
                        try (written) {
                            PromptBlocks.publish(written);
                        }
                    });
                }
            });
        }

        @Override
        public void onFirstToken(SampledToken token) {
            guarded(() -> {
                if (state instanceof LegState.Computing s) {
                    tellComputed(s, System.nanoTime());
                    firstToken(token);
                }
            });
        }

        @Override
        public void onFinished(int computedTokens) {
            guarded(() -> {
                countComputed(queuedTokens);
                if (state instanceof LegState.Decoding s) {
                    legs.tellHeld(s.request(), blocks.names());
                    computed();
                }
            });
        }

        @Override
        public void onFailed(Throwable cause) {
            fail(cause);
        }
    }

    private void tellComputed(LegState.Computing s, long now) {
        long nanos = now - s.startedNanos();
        worker.metrics().prefilled(nanos);
        worker.measurements().prefilled(s.computedTokens(), nanos);
        state = s.firstToken(now);
        tell(DecodeResponse.newBuilder()
                .setComputed(PrefillFinished.newBuilder()
                        .setQueueUs((s.startedNanos() - s.start().arrivedNanos()) / 1000)
                        .setPrefillUs(nanos / 1000)
                        .setComputedTokens(s.computedTokens())
                        .setCachedTokens(s.cachedTokens()))
                .build());
    }

    private void countComputed(int tokens) {
        int n = Math.min(tokens, queuedTokens);
        queuedTokens -= n;
        worker.queuedTokens().addAndGet(-n);
    }

    @Override
    final DecodeFinished.Builder report() {
        return prompt == null
                ? super.report()
                : DecodeFinished.newBuilder()
                        .setBlocksReused(cachedBlocks)
                        .setCachedTokens(cachedBlocks * worker.identity().blockSize());
    }

    @Override
    protected void onEnd() {
        super.onEnd();
        countComputed(queuedTokens);
    }

    @Override
    protected final void closeBlocks() {
        super.closeBlocks();
        if (prompt != null) {
            prompt.close();
        }
    }
}
