package io.baton.decode.service.leg;

import io.baton.decode.v1.DecodeBlockLanded;
import io.baton.decode.v1.DecodeRequest;
import io.baton.decode.v1.DecodeReserve;
import io.baton.decode.v1.DecodeReserved;
import io.baton.decode.v1.DecodeResponse;
import io.baton.engine.DecodeListener;
import io.baton.engine.DecodeWork;
import io.baton.engine.KvLayout;
import io.baton.engine.SampledToken;
import io.baton.engine.text.Generation;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.inference.v1.Completion;
import io.baton.kv.block.Descriptors;
import io.baton.kv.store.BlockRef;
import io.baton.kv.transfer.PulledBlock;
import io.baton.kv.v1.KvDescriptor;
import io.baton.worker.Leg;
import io.baton.worker.WorkerRuntime;
import io.grpc.stub.ServerCallStreamObserver;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * One decode leg: takes what router, puller and engine tell, moves the {@link LegState} on and does what follows from it.
 * It alone decides what is done to call, engine and store on behalf of a leg.
 *
 * <p><em>Thread-safety:</em> as {@link Leg} says.
 */
final class DecodeLeg extends Leg<DecodeRequest, DecodeResponse> {
    private final DecodeLegs legs;
    private final WorkerRuntime worker;
    private final KvLayout layout;
    private final ServerCallStreamObserver<DecodeResponse> out;
    private final int outboxTokens;

    private LegState state = new LegState.AwaitingReserve();
    private @Nullable LegBlocks blocks;
    private @Nullable LegOutput output;

    DecodeLeg(DecodeLegs legs, ServerCallStreamObserver<DecodeResponse> out, int outboxTokens) {
        super(legs.worker(), out);
        this.legs = legs;
        this.worker = legs.worker();
        this.layout = worker.engine().kvLayout();
        this.out = out;
        this.outboxTokens = outboxTokens;
    }

    // ---- the router

    @Override
    protected void heard(DecodeRequest message) {
        switch (message.getMessageCase()) {
            case RESERVE -> reserve(message.getReserve());
            case OFFER -> offer(message.getOffer().getBlock());
            case START -> start(message);
            case CANCEL -> throw new BatonException(ErrorCode.CANCELLED, "the router cancelled the generation");
            case MESSAGE_NOT_SET -> throw violation("a message without content");
        }
    }

    @Override
    protected void heardAll() {
        boolean started = switch (state) {
            case LegState.Receiving s -> s.start() != null && s.blocks().nothingMissing();
            case LegState.Decoding _, LegState.Ended _ -> true;
            default -> false;
        };
        if (!started) {
            throw violation("the router closed its side before Start, or before it had offered every block");
        }
    }

    /** The router reads again. */
    void ready() {
        guarded(() -> {
            if (output != null && state instanceof LegState.Decoding) {
                output.flush();
            }
        });
    }

    private void reserve(DecodeReserve message) {
        if (!(state instanceof LegState.AwaitingReserve s)) {
            throw violation("a second Reserve");
        }
        name(message.getRequestId());
        var engine = worker.engine();
        ReserveRequest request = ReserveRequest.of(
                message, engine.model(), engine.limits(), worker.identity().blockSize());
        KvLayout theirs = Descriptors.fromProto(message.getLayout());
        if (!theirs.equals(layout)) {
            throw new BatonException(
                    ErrorCode.LAYOUT_MISMATCH,
                    "KV blocks of " + theirs + " do not fit this worker's " + layout
                            + "; prefill and decode must run the same model with the same cache settings");
        }
        admit(request.tenant(), request.attempt());
        blocks = new LegBlocks(request, worker.blockNames(request.tenant(), request.tokens()), worker.store());
        state = s.reserve(request);
        opening(engine.open(request.cells()), this::holdCells, _ -> reserved());
    }

    private void reserved() {
        if (blocks == null || !(state instanceof LegState.Reserving s)) {
            throw new IllegalStateException("reserved in " + state);
        }
        int cached = blocks.cachedBlocks();
        int promptTokens = s.request().tokens().length;
        state = s.reserved(s.request().blocks(), cached);
        worker.metrics()
                .request(promptTokens, promptTokens, cached * s.request().blockSize());
        tell(DecodeResponse.newBuilder()
                .setReserved(DecodeReserved.newBuilder()
                        .setWorkerId(worker.identity().workerId())
                        .setCachedBlocks(cached))
                .build());
        s.offers().forEach(this::offer);
        advance();
    }

    // ---- blocks

    private void offer(KvDescriptor block) {
        switch (state) {
            case LegState.Reserving s -> {
                if (s.offers().size() >= s.request().blocks()) {
                    throw violation("more offers than the prompt has blocks");
                }
                state = s.offer(block);
            }
            case LegState.Receiving s -> {
                int index = checkOffer(block);
                if (s.blocks().offered(index)) {
                    throw violation("block " + index + " was offered twice");
                }
                boolean here = s.blocks().stage(index) != BlockTable.Stage.MISSING;
                state = s.blocks(s.blocks().offer(index));
                if (here) {
                    giveBack(index);
                }
                advance();
            }
            // Blocks that were here all along may be offered when the generation has begun without them.
            case LegState.Decoding _ -> giveBack(checkOffer(block));
            case LegState.Ended _ -> {}
            case LegState.AwaitingReserve _ -> throw violation("an offer before Reserve");
        }
    }

    private int checkOffer(KvDescriptor d) {
        if (blocks == null) {
            throw new IllegalStateException("an offer in " + state);
        }
        return blocks.offered(d, legs.puller());
    }

    /** Begins every fetch and every import whose turn has come. */
    private void advance() {
        while (state instanceof LegState.Receiving s && !s.blocks().fetchable().isEmpty()) {
            int index = s.blocks().fetchable().getFirst();
            state = s.blocks(s.blocks().fetching(index));
            fetch(index);
        }
        while (state instanceof LegState.Receiving s && !s.blocks().importable().isEmpty()) {
            int index = s.blocks().importable().getFirst();
            state = s.blocks(s.blocks().importing(index));
            importBlock(index, s.request());
        }
        decodeIfComplete();
    }

    private void fetch(int index) {
        LegBlocks b = blocks;
        KvDescriptor d = b == null ? null : b.descriptor(index);
        if (b == null || d == null) {
            throw new IllegalStateException("block " + index + " has no descriptor");
        }
        legs.fetcher().fetch(d, b.name(index), new BlockFetcher.Receiver() {
            @Override
            public boolean wanted() {
                return locked(() -> state instanceof LegState.Receiving);
            }

            @Override
            public void pulling(CompletableFuture<?> pull) {
                guarded(() -> {
                    if (state instanceof LegState.Receiving) {
                        b.pulling(index, pull);
                    } else {
                        pull.cancel(true);
                    }
                });
            }

            @Override
            public void held(BlockRef block, @Nullable PulledBlock pulled) {
                if (pulled != null) {
                    worker.metrics().pulled(pulled.bytes(), pulled.nanos());
                }
                guarded(() -> {
                    if (!(state instanceof LegState.Receiving s)) {
                        block.close();
                        return;
                    }
                    b.hold(index, block, pulled);
                    state = s.blocks(s.blocks().held(index));
                    advance();
                });
            }

            @Override
            public void failed(Throwable cause) {
                fail(cause);
            }
        });
    }

    private void importBlock(int index, ReserveRequest request) {
        if (blocks == null) {
            throw new IllegalStateException("an import before cells were reserved");
        }
        BlockRef ref = blocks.take(index);
        var _ = cells().importRows(request.begin(index), request.end(index), ref.rows())
                .whenComplete((_, failure) -> {
                    ref.close();
                    guarded(() -> landed(index, failure));
                });
    }

    private void landed(int index, @Nullable Throwable failure) {
        if (!(state instanceof LegState.Receiving s) || blocks == null) {
            return;
        }
        if (failure != null) {
            throw BatonException.from(failure);
        }
        LegState.Receiving next = s.blocks(s.blocks().landed(index));
        state = next;
        giveBack(index);
        tell(DecodeResponse.newBuilder()
                .setBlockLanded(DecodeBlockLanded.newBuilder()
                        .setBlockIndex(index)
                        .setReused(blocks.reused(index))
                        .setLandedBlocks(next.blocks().landedCount()))
                .build());
        decodeIfComplete();
    }

    /** Tells the holder that the block is not needed there any more, once. */
    private void giveBack(int index) {
        KvDescriptor d = blocks == null ? null : blocks.giveBack(index);
        if (d != null) {
            legs.acknowledge(d);
        }
    }

    // ---- generation

    private void start(DecodeRequest message) {
        long now = System.nanoTime();
        var model = worker.engine().model();
        switch (state) {
            case LegState.Reserving s
            when s.start() == null -> state = s.start(StartRequest.of(message.getStart(), s.request(), model, now));
            case LegState.Receiving s
            when s.start() == null -> {
                state = s.start(StartRequest.of(message.getStart(), s.request(), model, now));
                decodeIfComplete();
            }
            case LegState.Ended _ -> {}
            default -> throw violation("Start is expected once, after Reserve");
        }
    }

    private void decodeIfComplete() {
        if (!(state instanceof LegState.Receiving r) || !r.complete()) {
            return;
        }
        LegState.Decoding s = r.decode(System.nanoTime());
        state = s;
        StartRequest start = s.start();
        LegOutput o = new LegOutput(worker, out, outboxTokens, start);
        output = o;
        Completion ended = o.replay();
        if (ended != null) {
            finish(ended, "");
            return;
        }
        cells().decode(
                        new DecodeWork(start.history(), start.promptTokens(), start.sampling(), start.topLogprobs()),
                        new EngineEvents(o));
    }

    /** What the engine tells; on its thread. */
    private final class EngineEvents implements DecodeListener {
        private final LegOutput output;

        EngineEvents(LegOutput output) {
            this.output = output;
        }

        @Override
        public void onStarted(int computedPromptTokens) {
            guarded(() -> {
                if (state instanceof LegState.Decoding s) {
                    long now = System.nanoTime();
                    state = s.joined(now, computedPromptTokens);
                    output.joined(now);
                    worker.metrics().queued(now - s.start().arrivedNanos() - s.lastBlockWaitNanos());
                    running();
                }
            });
        }

        @Override
        public boolean onToken(SampledToken token) {
            guarded(() -> {
                Completion ended = state instanceof LegState.Decoding ? output.token(token) : null;
                if (ended != null) {
                    finish(ended, "");
                }
            });
            return locked(() -> state instanceof LegState.Decoding);
        }

        @Override
        public void onCellsUsedUp() {
            guarded(() -> {
                if (state instanceof LegState.Decoding) {
                    Generation.Step step = output.usedUp();
                    Completion c = step.completion();
                    finish(
                            c == null ? Completion.getDefaultInstance() : c,
                            step.output().getText());
                }
            });
        }

        @Override
        public void onFailed(Throwable cause) {
            fail(cause);
        }
    }

    // ---- the end

    private void finish(Completion completion, String text) {
        if (!(state instanceof LegState.Decoding s) || blocks == null || output == null) {
            throw new IllegalStateException("a generation ended that had not begun");
        }
        long decodeNanos = s.joinedNanos() == 0 ? 0 : System.nanoTime() - s.joinedNanos();
        worker.metrics().decoded(decodeNanos);
        output.finished(blocks.report()
                .setCompletion(completion)
                .setText(text)
                .setLastBlockWaitUs(s.lastBlockWaitNanos() / 1000)
                .setDecodeUs(decodeNanos / 1000)
                .setComputedTokens(s.computedTokens())
                .build());
        ReserveRequest request = s.request();
        complete(legs.keep(cells(), request.tenant(), output.tokens(), request.tokens().length));
    }

    @Override
    protected void onEnd() {
        state = new LegState.Ended();
        if (blocks != null) {
            blocks.forgetLeases(legs.puller());
            blocks.cancelPulls();
        }
    }

    @Override
    protected void closeBlocks() {
        if (blocks != null) {
            blocks.close();
        }
    }

    private static BatonException violation(String what) {
        return new BatonException(ErrorCode.PROTOCOL_VIOLATION, "the decode protocol was broken: " + what);
    }
}
