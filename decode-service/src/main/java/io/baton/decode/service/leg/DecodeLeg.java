package io.baton.decode.service.leg;

import io.baton.decode.v1.DecodeBlocksReady;
import io.baton.decode.v1.DecodeDraining;
import io.baton.decode.v1.DecodeHandOver;
import io.baton.decode.v1.DecodeRequest;
import io.baton.decode.v1.DecodeResponse;
import io.baton.engine.DecodeListener;
import io.baton.engine.DecodeWork;
import io.baton.engine.SampledToken;
import io.baton.engine.text.Generation;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.inference.v1.Completion;
import io.baton.kv.block.DescriptorMessages;
import io.baton.kv.lease.Lease;
import io.baton.kv.v1.KvDescriptor;
import io.baton.worker.Leg;
import io.grpc.stub.ServerCallStreamObserver;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * One decode leg: generates once the KV cache is there, taken over or computed, and hands the stream over if it is told to. It takes what router,
 * puller and engine tell, moves the {@link LegState} on and does what follows from it.
 * It alone decides what is done to call, engine and store on behalf of a leg.
 *
 * <p><em>Thread-safety:</em> as {@link Leg} says.
 */
final class DecodeLeg extends ComputingLeg {
    private final ServerCallStreamObserver<DecodeResponse> out;
    private final int outboxTokens;

    private @Nullable LegOutput output;
    /** How the generation ended with the first token of a prompt that was computed here; null if it goes on. */
    private @Nullable Completion endedAtOnce;

    private boolean toldDraining;
    private Turns.@Nullable Turn turn;
    private @Nullable Lease lease;

    DecodeLeg(DecodeLegs legs, ServerCallStreamObserver<DecodeResponse> out, int outboxTokens) {
        super(legs, out);
        this.out = out;
        this.outboxTokens = outboxTokens;
    }

    // ---- the router

    @Override
    protected void heard(DecodeRequest message) {
        switch (message.getMessageCase()) {
            case RESERVE -> reserve(message.getReserve());
            case COMPUTE -> compute(message.getCompute());
            case OFFER -> offer(message.getOffer().getBlocksList());
            case EXTEND -> extend(message.getExtend());
            case START -> start(message);
            case HAND_OVER -> handOver(message.getHandOver());
            case CANCEL -> throw new BatonException(ErrorCode.CANCELLED, "the router cancelled the generation");
            case MESSAGE_NOT_SET -> throw violation("a message without content");
        }
    }

    @Override
    protected void heardAll() {
        if (state instanceof LegState.Giving) {
            // Whoever takes the stream over has everything.
            complete(CompletableFuture.completedFuture(null));
            return;
        }
        boolean started = switch (state) {
            case LegState.Receiving s -> s.start() != null && s.blocks().nothingMissing();
            case LegState.Preparing _, LegState.Computing _, LegState.Decoding _, LegState.Ended _ -> true;
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

    // ---- generation

    private void start(DecodeRequest message) {
        long now = System.nanoTime();
        var model = worker.engine().model();
        switch (state) {
            case LegState.Reserving s
            when s.start() == null && !s.request().openEnded() ->
                state = s.start(StartRequest.of(message.getStart(), s.request(), model, now));
            case LegState.Receiving s
            when s.start() == null -> {
                state = s.start(StartRequest.of(message.getStart(), s.request(), model, now));
                blocksMoved();
            }
            case LegState.Ended _ -> {}
            default -> throw violation("Start is expected once, after Reserve");
        }
    }

    @Override
    void blocksMoved() {
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
        legs.tellHeld(s.request(), blocks().names());
        decode(start, start.history(), o);
        if (legs.draining()) {
            tellDraining();
        }
    }

    private void decode(StartRequest start, int[] history, LegOutput o) {
        cells().decode(
                        new DecodeWork(history, start.promptTokens(), start.sampling(), start.topLogprobs()),
                        new EngineEvents(o));
    }

    // ---- a prompt that is computed here

    @Override
    void computing(StartRequest start) {
        LegOutput o = new LegOutput(worker, out, outboxTokens, start);
        output = o;
        if (start.generated().length > 0 && o.replay() != null) {
            throw violation("the stream to continue has ended already");
        }
    }

    @Override
    void firstToken(SampledToken token) {
        if (output == null) {
            throw new IllegalStateException("a first token before the prompt was prepared");
        }
        endedAtOnce = output.first(token);
        if (endedAtOnce == null && legs.draining()) {
            tellDraining();
        }
    }

    @Override
    void computed() {
        if (!(state instanceof LegState.Decoding s) || output == null) {
            return;
        }
        Completion ended = endedAtOnce;
        if (ended != null) {
            finish(ended, "");
        } else {
            decode(s.start(), output.tokens().all(), output);
        }
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
                if (state instanceof LegState.Decoding s && s.joinedNanos() == 0) {
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
                if (state instanceof LegState.Decoding s) {
                    Completion ended = output.token(token);
                    if (ended != null) {
                        finish(ended, "");
                    } else if (s.stopping()) {
                        give(s.give());
                    }
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

    // ---- hand-over

    /** The worker takes no more work: whoever can is to take the stream over. */
    void drain() {
        guarded(() -> {
            if (state instanceof LegState.Decoding) {
                tellDraining();
            }
        });
    }

    private void tellDraining() {
        if (!toldDraining) {
            toldDraining = true;
            if (output != null) {
                output.flushAll();
            }
            tell(DecodeResponse.newBuilder()
                    .setDraining(DecodeDraining.getDefaultInstance())
                    .build());
        }
    }

    private void handOver(DecodeHandOver message) {
        if (state instanceof LegState.Ended) {
            return;
        }
        if (!(state instanceof LegState.Decoding s) || s.to() != null) {
            throw violation("HandOver is expected once, while the stream runs");
        }
        if (message.getReceiver().isEmpty() || message.getAttempt() < 1) {
            throw violation("HandOver needs a receiver and an attempt from 1");
        }
        state = s.handOver(new LegState.Taker(message.getReceiver(), message.getAttempt()));
        turn = legs.turns()
                .ask(() -> guarded(() -> {
                    if (state instanceof LegState.Decoding running) {
                        state = running.stop();
                    }
                }));
    }

    private void give(LegState.Giving s) {
        if (output == null) {
            throw new IllegalStateException("a generation stopped that had not begun");
        }
        state = s;
        output.stopped();
        ReserveRequest request = s.request();
        Lease l = legs.leases().open(request.requestId(), s.to().attempt(), request.tenant(), s.to().receiver());
        lease = l;
        l.onExpired(() -> fail(new BatonException(
                ErrorCode.LEASE_EXPIRED,
                "nobody pulled the blocks of the stopped stream, or renewed their lease, within "
                        + worker.setup().kv().leaseTime() + " (baton.kv.lease-time)")));
        var _ = legs.stopped()
                .hold(cells(), output.tokens().computed(), l, this::described)
                .whenComplete((_, failure) -> {
                    if (failure != null) {
                        fail(failure);
                    }
                });
    }

    private void described(List<KvDescriptor> blocks) {
        guarded(() -> {
            if (state instanceof LegState.Giving) {
                for (List<KvDescriptor> blocksOfOne : DescriptorMessages.split(blocks)) {
                    tell(DecodeResponse.newBuilder()
                            .setBlocksReady(DecodeBlocksReady.newBuilder().addAllBlocks(blocksOfOne))
                            .build());
                }
            }
        });
    }

    // ---- the end

    private void finish(Completion completion, String text) {
        if (!(state instanceof LegState.Decoding s) || output == null) {
            throw new IllegalStateException("a generation ended that had not begun");
        }
        long decodeNanos = s.joinedNanos() == 0 ? 0 : System.nanoTime() - s.joinedNanos();
        worker.metrics().decoded(decodeNanos);
        output.finished(report().setCompletion(completion)
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
        super.onEnd();
        legs.ended(this);
        if (turn != null) {
            turn.close();
        }
        if (lease != null) {
            lease.close();
        }
    }
}
