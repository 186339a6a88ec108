package io.baton.prefill.service.leg;

import io.baton.engine.PrefillListener;
import io.baton.engine.PrefillWork;
import io.baton.engine.SampledToken;
import io.baton.engine.Sequence;
import io.baton.engine.text.Generation;
import io.baton.engine.text.StopRules;
import io.baton.engine.text.TokenIds;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.inference.v1.TokenOutput;
import io.baton.kv.block.BlockNames;
import io.baton.kv.block.Descriptors;
import io.baton.kv.lease.Lease;
import io.baton.kv.store.BlockRef;
import io.baton.kv.v1.KvDescriptor;
import io.baton.prefill.v1.Continuation;
import io.baton.prefill.v1.PrefillAccepted;
import io.baton.prefill.v1.PrefillBlockReady;
import io.baton.prefill.v1.PrefillFirstToken;
import io.baton.prefill.v1.PrefillGo;
import io.baton.prefill.v1.PrefillRequest;
import io.baton.prefill.v1.PrefillResponse;
import io.baton.prefill.v1.PrefillStart;
import io.baton.worker.WorkerLifecycle;
import io.baton.worker.WorkerRuntime;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * One prefill leg: takes what router, engine, lease and timer tell, moves the {@link LegState} on and does what follows
 * from it. This is the only class that touches call, engine and store on behalf of a leg.
 *
 * <p><em>Thread-safety:</em> everything happens under the leg's own lock, which no other leg needs and under which nothing
 * blocks. What the leg holds is released once, however it ends: the lease at once, cells and the memory that the engine
 * may be writing to when the engine has let go of them.
 */
final class PrefillLeg implements StreamObserver<PrefillRequest> {
    private static final long STORE_RETRY_MILLIS = 10;

    private final PrefillLegs legs;
    private final WorkerRuntime worker;
    private final ServerCallStreamObserver<PrefillResponse> out;
    private final ReentrantLock lock = new ReentrantLock();

    private LegState state = new LegState.AwaitingStart();
    private String requestId = "(not named yet)";
    private boolean opening;
    private boolean paused;
    private int queuedTokens;
    /** Bytes that were computed and not offered yet. */
    private long publishingBytes;

    private WorkerLifecycle.@Nullable Admission admission;
    private @Nullable LegBlocks blocks;
    private @Nullable Sequence sequence;
    private @Nullable Lease lease;
    private @Nullable Generation generation;
    private @Nullable TokenOutput unsent;
    private @Nullable ScheduledFuture<?> goTimer;

    PrefillLeg(PrefillLegs legs, ServerCallStreamObserver<PrefillResponse> out) {
        this.legs = legs;
        this.worker = legs.worker();
        this.out = out;
    }

    // ---- the router

    @Override
    public void onNext(PrefillRequest message) {
        guarded(() -> {
            switch (message.getMessageCase()) {
                case START -> start(message.getStart());
                case GO -> go(message.getGo());
                case CANCEL -> throw new BatonException(ErrorCode.CANCELLED, "the router cancelled the prefill");
                case MESSAGE_NOT_SET -> throw violation("a message without content");
            }
        });
    }

    @Override
    public void onCompleted() {
        guarded(() -> {
            state = switch (state) {
                case LegState.Computing s -> s.halfClose();
                case LegState.Draining s -> s.halfClose();
                default -> throw violation("the router closed its side before Go");
            };
            completeIfOver();
        });
    }

    @Override
    public void onError(Throwable t) {
        cancelled();
    }

    /** The call is gone. */
    void cancelled() {
        lock.lock();
        try {
            if (!(state instanceof LegState.Ended)) {
                worker.errors().cancelled(requestId);
                end();
            }
        } finally {
            lock.unlock();
        }
    }

    private void start(PrefillStart message) {
        if (!(state instanceof LegState.AwaitingStart s)) {
            throw violation("a second Start");
        }
        requestId = message.getRequestId();
        admission = worker.lifecycle().admit();
        LegRequest request = LegRequest.of(message, worker.engine().model());
        state = s.start(request);
        opening = true;
        legs.tokenizing().execute(() -> prepare(request));
    }

    // ---- preparation, on a thread of its own

    private void prepare(LegRequest request) {
        LegBlocks found = null;
        try {
            long begin = System.nanoTime();
            var engine = worker.engine();
            int[] tokens = request.tokenize(engine.tokenizer(), engine.model());
            TokenizedPrompt prompt = request.tokenized(tokens, System.nanoTime() - begin, engine.limits());
            int blockSize = worker.identity().blockSize();
            found = new LegBlocks(
                    worker.store(),
                    engine.kvLayout(),
                    blockSize,
                    prompt.length(),
                    BlockNames.of(engine.kvLayout(), request.tenant(), tokens, blockSize),
                    prompt.reusableBlocks(blockSize));
            LegBlocks pinned = found;
            var _ = engine.open(prompt.length())
                    .whenComplete((opened, failure) -> opened(prompt, pinned, opened, failure));
        } catch (RuntimeException e) {
            opened(null, found, null, e);
        }
    }

    private void opened(
            @Nullable TokenizedPrompt prompt,
            @Nullable LegBlocks pinned,
            @Nullable Sequence opened,
            @Nullable Throwable failure) {
        guarded(() -> {
            opening = false;
            blocks = pinned;
            sequence = opened;
            if (state instanceof LegState.Ended) {
                release();
                return;
            }
            if (failure != null || prompt == null || pinned == null || !(state instanceof LegState.Preparing s)) {
                throw BatonException.from(failure == null ? new IllegalStateException("in " + state) : failure);
            }
            accepted(s.prepared(prompt, pinned.cachedBlocks()));
        });
    }

    private void accepted(LegState.AwaitingGo next) {
        state = next;
        TokenizedPrompt prompt = next.prompt();
        int blockSize = worker.identity().blockSize();
        int cachedTokens = next.cachedBlocks() * blockSize;
        queuedTokens = prompt.length() - cachedTokens;
        worker.queuedTokens().addAndGet(queuedTokens);
        worker.metrics().request(prompt.promptTokens(), prompt.length(), cachedTokens);
        var goTimeout = worker.setup().worker().goTimeout();
        goTimer = worker.timer()
                .schedule(
                        () -> fail(new BatonException(
                                ErrorCode.DEADLINE_EXCEEDED,
                                "no Go came within " + goTimeout + " (baton.worker.go-timeout)")),
                        goTimeout.toNanos(),
                        TimeUnit.NANOSECONDS);
        out.onNext(PrefillResponse.newBuilder()
                .setAccepted(PrefillAccepted.newBuilder()
                        .setTokenIds(TokenIds.encode(prompt.tokens()))
                        .setPromptTokens(prompt.promptTokens())
                        .setCachedBlocks(next.cachedBlocks())
                        .setBlockSize(blockSize)
                        .setMaxTokens(prompt.maxTokens())
                        .setLayout(Descriptors.toProto(worker.engine().kvLayout()))
                        .setTokenizeUs(prompt.tokenizeNanos() / 1000))
                .build());
    }

    // ---- computing

    private void go(PrefillGo message) {
        if (!(state instanceof LegState.AwaitingGo s) || sequence == null || blocks == null) {
            throw violation("Go is expected once, after Accepted");
        }
        stopGoTimer();
        LegRequest request = s.request();
        TokenizedPrompt prompt = s.prompt();
        String receiver = message.getReceiver();
        generation = replay(request, prompt);
        if (!receiver.isEmpty()) {
            lease = legs.leases().open(request.requestId(), request.attempt(), request.tenant(), receiver);
            lease.onRelease(this::resumeIfPaused);
        }
        state = s.go(receiver, worker.identity().blockSize(), System.nanoTime());
        takeCached(blocks, sequence);
        Continuation c = request.continuation();
        sequence.prefill(
                new PrefillWork(
                        prompt.tokens(),
                        prompt.promptTokens(),
                        worker.identity().blockSize(),
                        request.sampling(),
                        c != null && c.hasForcedFirstToken() ? Integer.valueOf(c.getForcedFirstToken()) : null,
                        request.topLogprobs()),
                new EngineEvents());
    }

    private Generation replay(LegRequest request, TokenizedPrompt prompt) {
        var model = worker.engine().model();
        Generation g = new Generation(
                StopRules.of(request.stop(), prompt.maxTokens(), model),
                worker.engine().tokenizer());
        Continuation c = request.continuation();
        if (c != null) {
            Generation.Step step = g.replay(prompt.generated(), c.getTokensSent(), c.getTextBytesSent());
            if (step.completion() != null) {
                throw violation("the stream to continue has ended already");
            }
            unsent = step.output();
        }
        return g;
    }

    /** Cached blocks go to decode at once, and into the cells for the tokens after them. */
    private void takeCached(LegBlocks b, Sequence s) {
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
    }

    private void describe(int index, BlockRef ref) {
        if (!(state instanceof LegState.Computing s) || lease == null || blocks == null) {
            return;
        }
        KvDescriptor d = lease.offer(
                index,
                blocks.begin(index),
                blocks.end(index),
                ref,
                worker.engine().kvLayout());
        state = s.described();
        out.onNext(PrefillResponse.newBuilder()
                .setBlockReady(PrefillBlockReady.newBuilder().setBlock(d))
                .build());
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
                    if (admission != null) {
                        admission.running();
                    }
                }
            });
        }

        @Override
        public boolean mayCompute(int begin, int end) {
            lock.lock();
            try {
                paused = !roomFor(begin);
                return !paused;
            } finally {
                lock.unlock();
            }
        }

        @Override
        public @Nullable MemorySegment rowsTarget(int begin, int end) {
            lock.lock();
            try {
                LegBlocks b = blocks;
                BlockRef target = b == null ? null : b.target(b.index(begin));
                return target == null ? null : target.rows();
            } finally {
                lock.unlock();
            }
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
        public void onFirstToken(SampledToken token) {
            guarded(() -> firstToken(token));
        }

        @Override
        public void onFinished(int computedTokens) {
            guarded(() -> {
                if (state instanceof LegState.Computing s) {
                    state = s.computed(computedTokens);
                    countComputed(queuedTokens);
                    if (sequence != null) {
                        // Every row is in the store: the cells can serve the next prompt while decode still pulls.
                        sequence.close();
                    }
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
        LegBlocks b = blocks;
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
        lock.lock();
        try {
            if (paused && sequence != null && state instanceof LegState.Computing) {
                paused = false;
                sequence.resume();
            }
        } finally {
            lock.unlock();
        }
    }

    private void publish(int index, BlockRef written) {
        try (written) {
            LegBlocks.publish(written);
            guarded(() -> {
                publishingBytes -= written.byteSize();
                describe(index, written);
                finishIfComplete();
            });
        }
    }

    private void firstToken(SampledToken token) {
        if (!(state instanceof LegState.Computing s) || generation == null) {
            return;
        }
        LegState.Computing next = s.firstToken(System.nanoTime());
        state = next;
        worker.metrics().prefilled(next.prefillNanos());
        worker.metrics().generated();
        Generation.Step step = generation.accept(token);
        PrefillFirstToken.Builder first = PrefillFirstToken.newBuilder().setOutput(Outputs.join(unsent, step.output()));
        if (step.completion() != null) {
            first.setCompletion(step.completion());
        }
        out.onNext(PrefillResponse.newBuilder().setFirstToken(first).build());
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
        out.onNext(PrefillResponse.newBuilder().setFinished(s.summary()).build());
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
            out.onCompleted();
            end();
        }
    }

    private void fail(Throwable cause) {
        lock.lock();
        try {
            if (!(state instanceof LegState.Ended)) {
                out.onError(worker.errors().status(cause, requestId));
                end();
            }
        } finally {
            lock.unlock();
        }
    }

    private void end() {
        state = new LegState.Ended();
        stopGoTimer();
        countComputed(queuedTokens);
        if (lease != null) {
            lease.close();
        }
        if (!opening) {
            release();
        }
    }

    /** Gives everything back; after the end, once. */
    private void release() {
        LegBlocks b = blocks;
        WorkerLifecycle.Admission a = admission;
        CompletableFuture<Void> cells = sequence == null ? CompletableFuture.completedFuture(null) : sequence.release();
        var _ = cells.whenComplete((_, _) -> {
            if (b != null) {
                b.close();
            }
            if (a != null) {
                a.close();
            }
        });
    }

    private void stopGoTimer() {
        if (goTimer != null) {
            goTimer.cancel(false);
            goTimer = null;
        }
    }

    /** Runs a step under the lock; what it throws ends the leg. */
    private void guarded(Runnable step) {
        lock.lock();
        try {
            step.run();
        } catch (RuntimeException e) {
            fail(e);
        } finally {
            lock.unlock();
        }
    }

    private static BatonException violation(String what) {
        return new BatonException(ErrorCode.PROTOCOL_VIOLATION, "the prefill protocol was broken: " + what);
    }
}
