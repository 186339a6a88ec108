package io.baton.decode.service.leg;

import io.baton.decode.v1.DecodeBlocksLanded;
import io.baton.decode.v1.DecodeExtend;
import io.baton.decode.v1.DecodeFinished;
import io.baton.decode.v1.DecodeRequest;
import io.baton.decode.v1.DecodeReserve;
import io.baton.decode.v1.DecodeReserved;
import io.baton.decode.v1.DecodeResponse;
import io.baton.engine.KvLayout;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.kv.block.DescriptorMessages;
import io.baton.kv.block.Descriptors;
import io.baton.kv.store.BlockRef;
import io.baton.kv.transfer.PulledBlock;
import io.baton.kv.v1.KvDescriptor;
import io.baton.worker.Leg;
import io.baton.worker.WorkerRuntime;
import io.grpc.stub.ServerCallStreamObserver;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * The first half of a decode leg: reserves cells, and gets the KV cache into them.
 *
 * <p><em>Thread-safety:</em> as {@link Leg} says.
 */
abstract class ReceivingLeg extends Leg<DecodeRequest, DecodeResponse> {
    final DecodeLegs legs;
    final WorkerRuntime worker;
    private final KvLayout layout;

    LegState state = new LegState.AwaitingReserve();
    private final LandedPace pace = new LandedPace();
    private @Nullable LegBlocks blocks;

    ReceivingLeg(DecodeLegs legs, ServerCallStreamObserver<DecodeResponse> out) {
        super(legs.worker(), out);
        this.legs = legs;
        this.worker = legs.worker();
        this.layout = worker.engine().kvLayout();
    }

    /** A block has landed, or all have from the beginning. */
    abstract void blocksMoved();

    // ---- cells

    /** The first message. */
    final void reserve(DecodeReserve message) {
        if (!(state instanceof LegState.AwaitingReserve s)) {
            throw violation("Reserve opens a leg; it comes first and once");
        }
        name(message.getRequestId());
        var engine = worker.engine();
        ReserveRequest request = ReserveRequest.of(
                message,
                engine.model(),
                engine.limits(),
                worker.identity().blockSize(),
                worker.pieces(message.getPiecesList()));
        KvLayout theirs = Descriptors.fromProto(message.getLayout());
        if (!theirs.equals(layout)) {
            throw new BatonException(
                    ErrorCode.LAYOUT_MISMATCH,
                    "KV blocks of " + theirs + " do not fit this worker's " + layout
                            + "; prefill and decode must run the same model with the same cache settings");
        }
        admit(request.tenant(), request.attempt());
        state = s.reserve(request);
        if (!request.openEnded()) {
            nameBlocks(request);
        }
        opening(engine.open(request.cells()), this::holdCells, _ -> reserved());
    }

    private void reserved() {
        if (!(state instanceof LegState.Reserving s)) {
            throw new IllegalStateException("reserved in " + state);
        }
        if (s.request().openEnded()) {
            state = s.promised();
            tellReserved(0);
            return;
        }
        int cached = blocks().cachedBlocks();
        state = s.reserved(s.request().blocks(), cached);
        count(s.request());
        tellReserved(cached);
        take(s.offers());
        advance();
    }

    private void tellReserved(int cachedBlocks) {
        tell(DecodeResponse.newBuilder()
                .setReserved(DecodeReserved.newBuilder()
                        .setWorkerId(worker.identity().workerId())
                        .setCachedBlocks(cachedBlocks))
                .build());
    }

    /** What the reservation is for: the stream has stopped where it ran. */
    final void extend(DecodeExtend message) {
        switch (state) {
            case LegState.Promised s -> {
                ReserveRequest request =
                        s.request().extend(message, worker.engine().model());
                state = s.extend(request, nameBlocks(request).cachedBlocks());
                count(request);
                advance();
            }
            case LegState.Ended _ -> {}
            default -> throw violation("Extend is expected once, after Reserved of an open-ended reservation");
        }
    }

    /** Names the blocks of the tokens, which are known from now on. */
    private LegBlocks nameBlocks(ReserveRequest request) {
        LegBlocks b = new LegBlocks(request, worker.names(request.tenant(), request.tokens()), worker.store());
        blocks = b;
        return b;
    }

    private void count(ReserveRequest request) {
        int tokens = request.tokens().length;
        worker.metrics().request(tokens, tokens, blocks().cachedBlocks() * request.blockSize());
    }

    /** The blocks, once the tokens are known. */
    final LegBlocks blocks() {
        LegBlocks b = blocks;
        if (b == null) {
            throw new IllegalStateException("the tokens are not known in " + state);
        }
        return b;
    }

    // ---- blocks

    /** Blocks can be pulled. */
    final void offer(List<KvDescriptor> offered) {
        if (offered.isEmpty() && !(state instanceof LegState.Ended)) {
            throw violation("an offer of no block");
        }
        switch (state) {
            case LegState.Reserving s -> {
                if (s.request().openEnded()) {
                    throw violation("an offer before Extend");
                }
                if (s.offers().size() + offered.size() > s.request().blocks()) {
                    throw violation("more offers than the prompt has blocks");
                }
                state = s.offer(offered);
            }
            case LegState.Receiving _ -> {
                take(offered);
                advance();
            }
            // Blocks that were here all along may be offered when the generation has begun without them.
            case LegState.Decoding _
            when blocks != null -> {
                for (KvDescriptor carried : offered) {
                    KvDescriptor block = whole(carried);
                    int index = checkOffer(block);
                    legs.hold(block);
                    giveBack(index);
                }
            }
            case LegState.Ended _ -> {}
            case LegState.Promised _ -> throw violation("an offer before Extend");
            case LegState.Giving _ -> throw violation("an offer for a stream that has stopped");
            case LegState.Preparing _, LegState.Computing _, LegState.Decoding _ ->
                throw violation("an offer for a prompt that is computed here");
            case LegState.AwaitingReserve _ -> throw violation("an offer before Reserve");
        }
    }

    /** Checks and keeps what blocks are offered as; one that is wrong ends the leg. */
    private void take(List<KvDescriptor> offered) {
        for (KvDescriptor carried : offered) {
            if (!(state instanceof LegState.Receiving s)) {
                throw new IllegalStateException("an offer is taken in " + state);
            }
            KvDescriptor block = whole(carried);
            int index = checkOffer(block);
            if (s.blocks().offered(index)) {
                throw violation("block " + index + " was offered twice");
            }
            legs.hold(block);
            boolean here = s.blocks().stage(index) != BlockTable.Stage.MISSING;
            state = s.blocks(s.blocks().offer(index));
            if (here) {
                giveBack(index);
            }
        }
    }

    /** With the layout of the reservation, which is this worker's own. */
    private KvDescriptor whole(KvDescriptor carried) {
        return DescriptorMessages.whole(carried, legs.layout());
    }

    private int checkOffer(KvDescriptor d) {
        worker.signer().verify(d);
        return blocks().offered(d, layout, worker.identity().workerId());
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
        blocksMoved();
    }

    private void fetch(int index) {
        LegBlocks b = blocks();
        KvDescriptor d = b.descriptor(index);
        if (d == null) {
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
                    worker.measurements().pulled(pulled.bytes(), pulled.nanos());
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
        BlockRef ref = blocks().take(index);
        var _ = cells().importRows(request.begin(index), request.end(index), ref.rows())
                .whenComplete((_, failure) -> {
                    ref.close();
                    guarded(() -> landed(index, failure));
                });
    }

    private void landed(int index, @Nullable Throwable failure) {
        if (!(state instanceof LegState.Receiving s)) {
            return;
        }
        if (failure != null) {
            throw BatonException.from(failure);
        }
        LegState.Receiving next = s.blocks(s.blocks().landed(index));
        state = next;
        giveBack(index);
        if (pace.due(next.blocks(), System.nanoTime())) {
            tell(DecodeResponse.newBuilder()
                    .setBlocksLanded(DecodeBlocksLanded.newBuilder()
                            .setLandedBlocks(next.blocks().landedCount()))
                    .build());
        }
        blocksMoved();
    }

    /** Tells the holder that the block is not needed there any more, once. */
    private void giveBack(int index) {
        KvDescriptor d = blocks().giveBack(index);
        if (d != null) {
            legs.letGo(d);
            legs.acknowledge(d);
        }
    }

    // ---- the end

    /** What became of the blocks, for the last message. */
    DecodeFinished.Builder report() {
        return blocks().report();
    }

    @Override
    protected void onEnd() {
        state = new LegState.Ended();
        if (blocks != null) {
            blocks.cancelPulls();
            blocks.notGivenBack().forEach(legs::letGo);
        }
    }

    @Override
    protected void closeBlocks() {
        if (blocks != null) {
            blocks.close();
        }
    }

    static BatonException violation(String what) {
        return new BatonException(ErrorCode.PROTOCOL_VIOLATION, "the decode protocol was broken: " + what);
    }
}
