package io.baton.prefill.service.leg;

import io.baton.engine.PrefillListener;
import io.baton.engine.PrefillWork;
import io.baton.engine.SampledToken;
import io.baton.engine.Sequence;
import io.baton.engine.text.TokenIds;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.kv.block.DescriptorMessages;
import io.baton.kv.block.Descriptors;
import io.baton.kv.lease.Lease;
import io.baton.kv.store.BlockRef;
import io.baton.kv.v1.KvDescriptor;
import io.baton.prefill.v1.Continuation;
import io.baton.prefill.v1.PrefillAccepted;
import io.baton.prefill.v1.PrefillBlocksReady;
import io.baton.prefill.v1.PrefillGo;
import io.baton.prefill.v1.PrefillRequest;
import io.baton.prefill.v1.PrefillResponse;
import io.baton.prefill.v1.PrefillStart;
import io.baton.worker.Leg;
import io.baton.worker.WorkerRuntime;
import io.baton.worker.prompt.Preparation;
import io.baton.worker.prompt.PromptBlocks;
import io.baton.worker.prompt.PromptRequest;
import io.baton.worker.prompt.TokenizedPrompt;
import io.grpc.stub.ServerCallStreamObserver;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * One prefill leg: takes what router, engine, lease and timer tell, moves the {@link LegState} on and does what follows
 * from it. This is the only class that touches call, engine and store on behalf of a leg that was accepted.
 *
 * <p><em>Thread-safety:</em> as {@link Leg} says. The lease ends with the leg; cells and the memory that the engine may be
 * writing to are released when the engine has let go of them.
 */
final class PrefillLeg extends Leg<PrefillRequest, PrefillResponse> {
    private static final long STORE_RETRY_MILLIS = 10;

    private final PrefillLegs legs;
    private final WorkerRuntime worker;

    private LegState state = new LegState.AwaitingStart();
    private boolean paused;
    private int queuedTokens;
    /** Bytes that were computed and not offered yet. */
    private long publishingBytes;
    /** Blocks that can be pulled and that the router has not been told of: they wait for the others of their chunk. */
    private final List<KvDescriptor> ready = new ArrayList<>();

    private @Nullable PromptBlocks blocks;
    private @Nullable Lease lease;
    private @Nullable FirstOutput output;
    private @Nullable ScheduledFuture<?> goTimer;

    PrefillLeg(PrefillLegs legs, ServerCallStreamObserver<PrefillResponse> out) {
        super(legs.worker(), out);
        this.legs = legs;
        this.worker = legs.worker();
    }

    // ---- the router

    @Override
    protected void heard(PrefillRequest message) {
        switch (message.getMessageCase()) {
            case START -> start(message.getStart());
            case GO -> go(message.getGo());
            case CANCEL -> throw new BatonException(ErrorCode.CANCELLED, "the router cancelled the prefill");
            case MESSAGE_NOT_SET -> throw violation("a message without content");
        }
    }

    @Override
    protected void heardAll() {
        state = switch (state) {
            case LegState.Computing s -> s.halfClose();
            case LegState.Draining s -> s.halfClose();
            default -> throw violation("the router closed its side before Go");
        };
        completeIfOver();
    }

    private void start(PrefillStart message) {
        if (!(state instanceof LegState.AwaitingStart s)) {
            throw violation("a second Start");
        }
        name(message.getRequestId());
        PromptRequest request =
                PromptRequest.of(message, worker.engine().model(), worker.pieces(message.getPiecesList()));
        admit(request.tenant(), request.attempt());
        state = s.start(request);
        opening(
                legs.preparation().prepare(request, TokenizedPrompt::length),
                prepared -> {
                    blocks = prepared.blocks();
                    holdCells(prepared.cells());
                },
                this::accepted);
    }

    private void accepted(Preparation.Prepared prepared) {
        if (!(state instanceof LegState.Preparing s)) {
            throw new IllegalStateException("prepared in " + state);
        }
        TokenizedPrompt prompt = prepared.prompt();
        int cachedBlocks = prepared.blocks().cachedBlocks();
        state = s.prepared(prompt, cachedBlocks);
        int blockSize = worker.identity().blockSize();
        int cachedTokens = cachedBlocks * blockSize;
        queuedTokens = prompt.length() - cachedTokens;
        worker.queuedTokens().addAndGet(queuedTokens);
        worker.metrics().request(prompt.promptTokens(), prompt.length(), cachedTokens);
        startGoTimer();
        tell(PrefillResponse.newBuilder()
                .setAccepted(PrefillAccepted.newBuilder()
                        .setTokenIds(TokenIds.encode(prompt.tokens()))
                        .setPromptTokens(prompt.promptTokens())
                        .setCachedBlocks(cachedBlocks)
                        .setBlockSize(blockSize)
                        .setMaxTokens(prompt.maxTokens())
                        .setLayout(Descriptors.toProto(worker.engine().kvLayout()))
                        .setTokenizeUs(prompt.tokenizeNanos() / 1000))
                .build());
    }

    private void startGoTimer() {
        var goTimeout = worker.setup().worker().goTimeout();
        goTimer = worker.timer()
                .schedule(
                        () -> fail(new BatonException(
                                ErrorCode.DEADLINE_EXCEEDED,
                                "no Go came within " + goTimeout + " (baton.worker.go-timeout)")),
                        goTimeout.toNanos(),
                        TimeUnit.NANOSECONDS);
    }

    private void stopGoTimer() {
        if (goTimer != null) {
            goTimer.cancel(false);
            goTimer = null;
        }
    }

    // ---- computing

    private void go(PrefillGo message) {
        if (!(state instanceof LegState.AwaitingGo s) || blocks == null) {
            throw violation("Go is expected once, after Accepted");
        }
        stopGoTimer();
        PromptRequest request = s.request();
        TokenizedPrompt prompt = s.prompt();
        String receiver = message.getReceiver();
        output = new FirstOutput(
                request, prompt, worker.engine().model(), worker.engine().tokenizer());
        if (!receiver.isEmpty()) {
            lease = legs.leases().open(request.requestId(), request.attempt(), request.tenant(), receiver);
            lease.onRelease(this::resumeIfPaused);
            lease.onExpired(() -> fail(new BatonException(
                    ErrorCode.LEASE_EXPIRED,
                    "nobody pulled the blocks of the request, or renewed their lease, within "
                            + worker.setup().kv().leaseTime() + " (baton.kv.lease-time)")));
        }
        state = s.go(receiver, worker.identity().blockSize(), System.nanoTime());
        takeCached(blocks, cells());
        Continuation c = request.continuation();
        cells().prefill(
                        new PrefillWork(
                                prompt.tokens(),
                                prompt.promptTokens(),
                                worker.identity().blockSize(),
                                request.sampling(),
                                c != null && c.hasForcedFirstToken() ? Integer.valueOf(c.getForcedFirstToken()) : null,
                                request.topLogprobs()),
                        new EngineEvents());
    }

    /** Cached blocks go to decode at once and together, and into the cells for the tokens after them. */
    private void takeCached(PromptBlocks b, Sequence s) {
        for (int i = 0, n = b.cachedBlocks(); i < n; i++) {
            describe(i, b.firstCached());
            BlockRef ref = b.takeFirstCached();
            var _ = s.importRows(b.begin(i), b.end(i), ref.rows()).whenComplete((_, failure) -> {
                ref.close();
                if (failure != null) {
                    fail(failure);
                }
            });
        }
        tellReady();
    }

    /** Makes a block ready to be pulled; {@link #tellReady} tells of it. */
    private void describe(int index, BlockRef ref) {
        if (!(state instanceof LegState.Computing) || lease == null || blocks == null) {
            return;
        }
        ready.add(lease.offer(
                index,
                blocks.begin(index),
                blocks.end(index),
                ref,
                worker.engine().kvLayout()));
    }

    /** Tells the router of all blocks that it has not been told of. */
    private void tellReady() {
        if (state instanceof LegState.Computing s && !ready.isEmpty()) {
            for (List<KvDescriptor> blocksOfOne : DescriptorMessages.split(ready)) {
                tell(PrefillResponse.newBuilder()
                        .setBlocksReady(PrefillBlocksReady.newBuilder().addAllBlocks(blocksOfOne))
                        .build());
            }
            state = s.described(ready.size());
            ready.clear();
        }
    }

    /** What the engine tells; on its thread. */
    private final class EngineEvents implements PrefillListener {
        @Override
        public void onStarted() {
            guarded(() -> {
                if (state instanceof LegState.Computing s) {
                    LegState.Computing started = s.started(System.nanoTime());
                    state = started;
                    worker.metrics().queued(started.queueNanos());
                    running();
                }
            });
        }

        @Override
        public boolean mayCompute(int begin, int end) {
            return locked(() -> {
                paused = !roomFor(begin);
                return !paused;
            });
        }

        @Override
        public @Nullable MemorySegment rowsTarget(int begin, int end) {
            return locked(() -> {
                PromptBlocks b = blocks;
                BlockRef target = b == null ? null : b.target(b.index(begin));
                return target == null ? null : target.rows();
            });
        }

        @Override
        public void onBlock(int begin, int end, MemorySegment rows) {
            guarded(() -> {
                countComputed(end - begin);
                if (state instanceof LegState.Computing && blocks != null) {
                    int index = blocks.index(begin);
                    if (lease == null && blocks.target(index) == null) {
                        return;
                    }
                    BlockRef written = blocks.takeTarget(index);
                    publishingBytes += written.byteSize();
                    // The checksum reads every byte: not on the engine's time.
                    legs.publishing().execute(() -> publish(index, written));
                }
            });
        }

        @Override
        public void onChunk() {
            // Behind the blocks of the chunk, which are being published.
            legs.publishing()
                    .execute(() -> guarded(() -> {
                        tellReady();
                        finishIfComplete();
                    }));
        }

        @Override
        public void onFirstToken(SampledToken token) {
            guarded(() -> firstToken(token));
        }

        @Override
        public void onFinished(int computedTokens) {
            guarded(() -> {
                if (state instanceof LegState.Computing s) {
                    state = s.computed(computedTokens);
                    countComputed(queuedTokens);
                    // Every row is in the store: the cells can serve the next prompt while decode still pulls.
                    cells().close();
                    finishIfComplete();
                }
            });
        }

        @Override
        public void onFailed(Throwable cause) {
            fail(cause);
        }
    }

    /** Whether block at {@code begin} may be computed now; if not, the leg will be resumed. */
    private boolean roomFor(int begin) {
        PromptBlocks b = blocks;
        if (!(state instanceof LegState.Computing) || b == null) {
            return true;
        }
        int index = b.index(begin);
        if (lease == null) {
            // Nobody pulls: a full block is kept for later prompts if there is room, and only then.
            if (b.named(index)) {
                var _ = b.reserve(index);
            }
            return true;
        }
        if (lease.unacknowledgedBytes() + publishingBytes
                > worker.setup().kv().unpulledBudget().bytes()) {
            return false;
        }
        if (!b.reserve(index)) {
            var _ = worker.timer().schedule(this::resumeIfPaused, STORE_RETRY_MILLIS, TimeUnit.MILLISECONDS);
            return false;
        }
        return true;
    }

    private void resumeIfPaused() {
        guarded(() -> {
            if (paused && state instanceof LegState.Computing) {
                paused = false;
                cells().resume();
            }
        });
    }

    private void publish(int index, BlockRef written) {
        try (written) {
            PromptBlocks.publish(written);
            guarded(() -> {
                publishingBytes -= written.byteSize();
                describe(index, written);
            });
        }
    }

    private void firstToken(SampledToken token) {
        if (!(state instanceof LegState.Computing s) || output == null) {
            return;
        }
        LegState.Computing next = s.firstToken(System.nanoTime());
        state = next;
        worker.metrics().prefilled(next.prefillNanos());
        worker.measurements().prefilled(s.prompt().length() - s.cachedTokens(), next.prefillNanos());
        worker.metrics().generated();
        tell(PrefillResponse.newBuilder().setFirstToken(output.of(token)).build());
    }

    private void countComputed(int tokens) {
        int n = Math.min(tokens, queuedTokens);
        queuedTokens -= n;
        worker.queuedTokens().addAndGet(-n);
    }

    // ---- the end

    private void finishIfComplete() {
        if (!(state instanceof LegState.Computing s) || !s.complete()) {
            return;
        }
        PromptBlocks b = blocks;
        if (b != null) {
            // Behind the blocks that are being published.
            legs.publishing()
                    .execute(() -> worker.cachedPieces()
                            .hold(
                                    s.request().pieces(),
                                    b.names(),
                                    s.prompt().length(),
                                    worker.identity().blockSize()));
        }
        tell(PrefillResponse.newBuilder().setFinished(s.summary()).build());
        state = s.finish();
        if (lease != null) {
            lease.seal();
            var _ = lease.drained().thenRun(() -> guarded(this::completeIfOver));
        }
        completeIfOver();
    }

    private void completeIfOver() {
        if (state instanceof LegState.Draining s
                && s.over(lease == null || lease.drained().isDone())) {
            complete(CompletableFuture.completedFuture(null));
        }
    }

    @Override
    protected void onEnd() {
        state = new LegState.Ended();
        stopGoTimer();
        countComputed(queuedTokens);
        if (lease != null) {
            lease.close();
        }
    }

    @Override
    protected void closeBlocks() {
        if (blocks != null) {
            blocks.close();
        }
    }

    private static BatonException violation(String what) {
        return new BatonException(ErrorCode.PROTOCOL_VIOLATION, "the prefill protocol was broken: " + what);
    }
}
