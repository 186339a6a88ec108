package io.baton.router.fake;

import com.google.protobuf.ByteString;
import io.baton.decode.v1.DecodeBlocksLanded;
import io.baton.decode.v1.DecodeCompute;
import io.baton.decode.v1.DecodeFinished;
import io.baton.decode.v1.DecodeRequest;
import io.baton.decode.v1.DecodeReserve;
import io.baton.decode.v1.DecodeReserved;
import io.baton.decode.v1.DecodeResponse;
import io.baton.decode.v1.DecodeServiceGrpc;
import io.baton.decode.v1.DecodeStart;
import io.baton.decode.v1.DecodeToken;
import io.baton.error.BatonException;
import io.baton.inference.v1.Completion;
import io.baton.inference.v1.FinishReason;
import io.baton.inference.v1.TokenOutput;
import io.baton.kv.v1.KvDescriptor;
import io.baton.prefill.v1.PrefillAccepted;
import io.baton.prefill.v1.PrefillFinished;
import io.baton.prefill.v1.PrefillStart;
import io.baton.worker.v1.WorkerRole;
import io.grpc.BindableService;
import io.grpc.Metadata;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/** A fake decode worker: blocks land as they are offered; then token i is "ti " until max_tokens. */
public final class FakeDecode extends FakeWorker {
    private final List<LegRecord<DecodeRequest>> legs = new CopyOnWriteArrayList<>();
    private final AtomicInteger open = new AtomicInteger();
    private volatile Script script = new Script();

    /** What the worker does out of the ordinary. */
    public static final class Script {
        volatile @Nullable BatonException refusal;
        volatile @Nullable BatonException failsAtStart;
        volatile int failsAfterTokens = -1;
        volatile int stopsAfterTokens = -1;
        volatile int padding;
        volatile boolean neverReserves;
        volatile boolean silentLanding;

        /** Reserve is refused. */
        public Script refusing(BatonException error) {
            refusal = error;
            return this;
        }

        /** Fails when the first block is offered. */
        public Script failingAtOffer(BatonException error) {
            failsAtStart = error;
            return this;
        }

        /** Breaks off after so many tokens. */
        public Script breakingAfter(int tokens) {
            failsAfterTokens = tokens;
            return this;
        }

        /** Says nothing more after so many tokens. */
        public Script stoppingAfter(int tokens) {
            stopsAfterTokens = tokens;
            return this;
        }

        /** Adds so many characters to the text of every token. */
        public Script padding(int characters) {
            padding = characters;
            return this;
        }

        /** Reserve is never answered. */
        public Script neverReserving() {
            neverReserves = true;
            return this;
        }

        /** Does not tell that blocks have landed. */
        public Script landingSilently() {
            silentLanding = true;
            return this;
        }
    }

    /** A decode worker that listens. */
    public FakeDecode() {
        super(WorkerRole.WORKER_ROLE_DECODE);
    }

    /** The same at an address of its own; port 0 takes a free one. */
    public FakeDecode(String host, int port) {
        super(WorkerRole.WORKER_ROLE_DECODE, host, port);
    }

    /** Changes what it does from the next leg on. */
    public void script(Script now) {
        script = now;
    }

    /** Forgets the legs so far and does what is usual again. */
    public void reset() {
        script = new Script();
        legs.clear();
    }

    /** All legs so far, in the order of their start. */
    public List<LegRecord<DecodeRequest>> legs() {
        return legs;
    }

    /** Legs that are open now. */
    public int open() {
        return open.get();
    }

    /** The only leg so far. */
    public LegRecord<DecodeRequest> leg() {
        if (legs.size() != 1) {
            throw new AssertionError("expected one decode leg, not " + legs.size());
        }
        return legs.getFirst();
    }

    @Override
    BindableService service() {
        return new DecodeServiceGrpc.DecodeServiceImplBase() {
            @Override
            public StreamObserver<DecodeRequest> decode(StreamObserver<DecodeResponse> responses) {
                Metadata headers = HEADERS.get();
                return new Leg(
                        (ServerCallStreamObserver<DecodeResponse>) responses,
                        new LegRecord<>(headers == null ? new Metadata() : headers));
            }
        };
    }

    private final class Leg implements StreamObserver<DecodeRequest> {
        private final ServerCallStreamObserver<DecodeResponse> out;
        private final LegRecord<DecodeRequest> record;
        private final Script s = script;
        private @Nullable DecodeReserve reserve;
        private @Nullable DecodeStart start;
        private int offered;
        private boolean done;

        Leg(ServerCallStreamObserver<DecodeResponse> out, LegRecord<DecodeRequest> record) {
            this.out = out;
            this.record = record;
            open.incrementAndGet();
            legs.add(record);
            out.setOnCancelHandler(() -> finish("cancelled call"));
        }

        private synchronized void finish(String how) {
            if (!done) {
                done = true;
                open.decrementAndGet();
                record.ended(how);
            }
        }

        @Override
        public synchronized void onNext(DecodeRequest message) {
            record.add(message);
            if (done) {
                return;
            }
            switch (message.getMessageCase()) {
                case RESERVE -> {
                    if (reserve != null) {
                        violated("a second Reserve");
                    }
                    reserve = message.getReserve();
                    reserve(message.getReserve());
                }
                case OFFER -> offer(message.getOffer().getBlocksList());
                case START -> {
                    if (start != null) {
                        violated("a second Start");
                    }
                    start = message.getStart();
                    check(message.getStart());
                    generate();
                }
                case CANCEL -> {
                    finish("cancel message");
                    out.onCompleted();
                }
                case COMPUTE -> {
                    if (reserve != null) {
                        violated("a Compute after Reserve");
                    }
                    compute(message.getCompute());
                }
                case EXTEND, HAND_OVER -> violated("a hand-over, which it had not asked for");
                case MESSAGE_NOT_SET -> violated("an empty message");
            }
        }

        private void reserve(DecodeReserve r) {
            BatonException refusal = s.refusal;
            if (refusal != null) {
                finish("refused");
                out.onError(refusal.toStatus());
                return;
            }
            if (r.getAttempt() < 1
                    || r.getCells() * 4 <= r.getTokenIds().size()
                    || r.getBlockSize() != Samples.BLOCK_SIZE
                    || !r.getLayout().equals(Samples.LAYOUT)
                    || !r.getModel().equals(Samples.MODEL)) {
                violated("a Reserve that is not complete: " + r);
            }
            if (!s.neverReserves) {
                out.onNext(DecodeResponse.newBuilder()
                        .setReserved(DecodeReserved.newBuilder().setWorkerId(id()))
                        .build());
            }
        }

        private void compute(DecodeCompute c) {
            PrefillStart p = c.getStart();
            BatonException refusal = s.refusal;
            if (refusal != null) {
                finish("refused");
                out.onError(refusal.toStatus());
                return;
            }
            if (p.getAttempt() < 1
                    || c.getOutputCells() < 1
                    || !p.getModel().equals(Samples.MODEL)
                    || !p.getStop().hasMaxTokens()
                    || !p.getSampling().hasSeed()) {
                violated("a Compute that is not complete: " + c);
            }
            ByteString ids = Samples.tokenise(p.getPrompt());
            int tokens = ids.size() / Integer.BYTES;
            out.onNext(DecodeResponse.newBuilder()
                    .setAccepted(PrefillAccepted.newBuilder()
                            .setTokenIds(ids)
                            .setPromptTokens(
                                    p.hasContinuation() ? p.getContinuation().getPromptTokens() : tokens)
                            .setBlockSize(Samples.BLOCK_SIZE)
                            .setMaxTokens(p.getStop().getMaxTokens())
                            .setLayout(Samples.LAYOUT)
                            .setTokenizeUs(5))
                    .build());
            out.onNext(DecodeResponse.newBuilder()
                    .setComputed(PrefillFinished.newBuilder()
                            .setQueueUs(7)
                            .setPrefillUs(11)
                            .setComputedTokens(tokens - 1)
                            .setCachedTokens(1))
                    .build());
            start = DecodeStart.newBuilder()
                    .setTokensSent(p.getContinuation().getTokensSent())
                    .setStop(p.getStop())
                    .build();
            generate();
        }

        private int blocks() {
            DecodeReserve r = reserve;
            return r == null ? -1 : Math.ceilDiv(r.getTokenIds().size() / Integer.BYTES, Samples.BLOCK_SIZE);
        }

        private void offer(List<KvDescriptor> blocks) {
            DecodeReserve r = reserve;
            BatonException failure = s.failsAtStart;
            if (failure != null) {
                finish("failed");
                out.onError(failure.toStatus());
                return;
            }
            for (KvDescriptor block : blocks) {
                if (r == null
                        || block.getBlockIndex() != offered
                        || !block.getReceiver().equals(id())
                        || block.getAttempt() != r.getAttempt()
                        || !block.getRequestId().equals(r.getRequestId())) {
                    violated("an Offer that is not the next one for this leg: " + block);
                }
                offered++;
            }
            if (blocks.isEmpty()) {
                violated("an Offer of nothing");
            }
            if (!s.silentLanding) {
                out.onNext(DecodeResponse.newBuilder()
                        .setBlocksLanded(DecodeBlocksLanded.newBuilder().setLandedBlocks(offered))
                        .build());
            }
            generate();
        }

        private void check(DecodeStart st) {
            int sent = st.getTokensSent();
            if (sent < 1
                    || st.getGeneratedTokenIds().size() != sent * Integer.BYTES
                    || !st.getSampling().hasSeed()
                    || !st.getStop().hasMaxTokens()
                    || st.getTextBytesSent() != Samples.text(sent).length()) {
                violated("a Start that is not complete: " + st);
            }
        }

        private void generate() {
            DecodeStart st = start;
            if (st == null || offered < blocks()) {
                return;
            }
            int max = st.getStop().getMaxTokens();
            int first = st.getTokensSent();
            for (int i = first; i < max; i++) {
                if (i - first == s.failsAfterTokens) {
                    finish("failed");
                    out.onError(new BatonException(io.baton.error.ErrorCode.ENGINE_FAILED, "the fake engine failed")
                            .toStatus());
                    return;
                }
                if (i - first == s.stopsAfterTokens) {
                    return;
                }
                TokenOutput token = Samples.token(i);
                if (s.padding > 0) {
                    token = token.toBuilder()
                            .setText(token.getText() + "x".repeat(s.padding))
                            .build();
                }
                out.onNext(DecodeResponse.newBuilder()
                        .setToken(DecodeToken.newBuilder().setOutput(token))
                        .build());
            }
            finish("generated");
            out.onNext(DecodeResponse.newBuilder()
                    .setFinished(DecodeFinished.newBuilder()
                            .setCompletion(Completion.newBuilder()
                                    .setReason(FinishReason.FINISH_REASON_LENGTH)
                                    .setCompletionTokens(max))
                            .setKvBytes(offered * 1024L)
                            .setBlocksPulled(offered)
                            .setWireUs(23)
                            .setLastBlockWaitUs(3)
                            .setDecodeUs(29)
                            .setCachedTokens(2))
                    .build());
            out.onCompleted();
        }

        @Override
        public void onError(Throwable t) {
            finish("cancelled call");
        }

        @Override
        public void onCompleted() {
            // The router may half-close after a Cancel; nothing follows.
        }
    }
}
