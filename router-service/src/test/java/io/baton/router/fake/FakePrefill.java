package io.baton.router.fake;

import com.google.protobuf.ByteString;
import io.baton.error.BatonException;
import io.baton.inference.v1.Completion;
import io.baton.inference.v1.FinishReason;
import io.baton.inference.v1.TokenOutput;
import io.baton.kv.v1.DescriptorKind;
import io.baton.kv.v1.KvDescriptor;
import io.baton.prefill.v1.PrefillAccepted;
import io.baton.prefill.v1.PrefillBlocksReady;
import io.baton.prefill.v1.PrefillFinished;
import io.baton.prefill.v1.PrefillFirstToken;
import io.baton.prefill.v1.PrefillRequest;
import io.baton.prefill.v1.PrefillResponse;
import io.baton.prefill.v1.PrefillServiceGrpc;
import io.baton.prefill.v1.PrefillStart;
import io.baton.worker.v1.WorkerRole;
import io.grpc.BindableService;
import io.grpc.Metadata;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/** A fake prefill worker: one token per byte of the prompt, blocks of four, the first token is token 0, or the next one of a stream that goes on. */
public final class FakePrefill extends FakeWorker {
    private final List<LegRecord<PrefillRequest>> legs = new CopyOnWriteArrayList<>();
    private final AtomicInteger open = new AtomicInteger();
    private volatile Script script = new Script();

    /** What the worker does out of the ordinary. */
    public static final class Script {
        volatile @Nullable BatonException refusal;
        volatile @Nullable BatonException failsAfterGo;
        volatile boolean neverAccepts;
        volatile boolean stopsAfterGo;
        volatile boolean finalFirstToken;
        volatile boolean lateBlocks;
        volatile boolean lateReport;
        volatile boolean ignoresHalfClose;
        volatile int firstTokenFrom = 1;
        volatile int context = 100_000;

        /** Start is refused. */
        public Script refusing(BatonException error) {
            refusal = error;
            return this;
        }

        /** Fails when it is told to compute. */
        public Script failingAfterGo(BatonException error) {
            failsAfterGo = error;
            return this;
        }

        /** Start is never answered. */
        public Script neverAccepting() {
            neverAccepts = true;
            return this;
        }

        /** Says nothing more after Go. */
        public Script stoppingAfterGo() {
            stopsAfterGo = true;
            return this;
        }

        /** The first token ends the request. */
        public Script endingWithFirstToken() {
            finalFirstToken = true;
            return this;
        }

        /** The last block follows the first token. */
        public Script sendingBlocksLate() {
            lateBlocks = true;
            return this;
        }

        /** The closing report comes only after the half-close. */
        public Script reportingLate() {
            lateReport = true;
            return this;
        }

        /** Attempts before this one get their blocks, but no first token. */
        public Script firstTokenFromAttempt(int attempt) {
            firstTokenFrom = attempt;
            return this;
        }

        /** Does not complete the call when the router half-closes it. */
        public Script ignoringHalfClose() {
            ignoresHalfClose = true;
            return this;
        }

        /** Most tokens of prompt and output. */
        public Script context(int tokens) {
            context = tokens;
            return this;
        }
    }

    /** A prefill worker that listens. */
    public FakePrefill() {
        super(WorkerRole.WORKER_ROLE_PREFILL);
    }

    /** The same at an address of its own; port 0 takes a free one. */
    public FakePrefill(String host, int port) {
        super(WorkerRole.WORKER_ROLE_PREFILL, host, port);
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
    public List<LegRecord<PrefillRequest>> legs() {
        return legs;
    }

    /** Legs that are open now. */
    public int open() {
        return open.get();
    }

    /** The only leg so far. */
    public LegRecord<PrefillRequest> leg() {
        if (legs.size() != 1) {
            throw new AssertionError("expected one prefill leg, not " + legs.size());
        }
        return legs.getFirst();
    }

    @Override
    BindableService service() {
        return new PrefillServiceGrpc.PrefillServiceImplBase() {
            @Override
            public StreamObserver<PrefillRequest> prefill(StreamObserver<PrefillResponse> responses) {
                Metadata headers = HEADERS.get();
                return new Leg(
                        (ServerCallStreamObserver<PrefillResponse>) responses,
                        new LegRecord<>(headers == null ? new Metadata() : headers));
            }
        };
    }

    /** The block of a prompt as this worker describes it. */
    static KvDescriptor block(int index, int tokens, PrefillStart start, String receiver, String holder) {
        int begin = index * Samples.BLOCK_SIZE;
        int end = Math.min(tokens, begin + Samples.BLOCK_SIZE);
        return KvDescriptor.newBuilder()
                .setKind(DescriptorKind.DESCRIPTOR_KIND_BATON)
                .setBlockName(ByteString.copyFromUtf8("block-" + index))
                .setBlockIndex(index)
                .setTokenBegin(begin)
                .setTokenEnd(end)
                .setSizeBytes((end - begin) * 256L)
                .setCrc32C(0x12345678 + index)
                .setHolderAddress(holder)
                .setHolderEpoch(7)
                .setLeaseId(99)
                .setRequestId(start.getRequestId())
                .setAttempt(start.getAttempt())
                .setReceiver(receiver)
                .build();
    }

    private final class Leg implements StreamObserver<PrefillRequest> {
        private final ServerCallStreamObserver<PrefillResponse> out;
        private final LegRecord<PrefillRequest> record;
        private final Script s = script;
        private @Nullable PrefillStart start;
        private boolean went;
        private boolean done;
        private boolean reported;
        private int tokens;

        Leg(ServerCallStreamObserver<PrefillResponse> out, LegRecord<PrefillRequest> record) {
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
        public synchronized void onNext(PrefillRequest message) {
            record.add(message);
            switch (message.getMessageCase()) {
                case START -> {
                    if (start != null) {
                        violated("a second Start");
                    }
                    start = message.getStart();
                    accept(message.getStart());
                }
                case GO -> {
                    PrefillStart st = start;
                    if (st == null || went) {
                        violated("Go without one Start before it");
                    } else {
                        went = true;
                        compute(st, message.getGo().getReceiver());
                    }
                }
                case CANCEL -> {
                    finish("cancel message");
                    out.onCompleted();
                }
                case MESSAGE_NOT_SET -> violated("an empty message");
            }
        }

        private void accept(PrefillStart st) {
            BatonException refusal = s.refusal;
            if (refusal != null) {
                finish("refused");
                out.onError(refusal.toStatus());
                return;
            }
            if (s.neverAccepts) {
                return;
            }
            if (st.getAttempt() < 1
                    || !st.getSampling().hasSeed()
                    || !st.getModel().equals(Samples.MODEL)) {
                violated("Start without attempt, seed or model");
            }
            ByteString ids = Samples.tokenise(st.getPrompt());
            tokens = ids.size() / Integer.BYTES;
            int prompt = st.hasContinuation() ? st.getContinuation().getPromptTokens() : tokens;
            int room = s.context - prompt;
            out.onNext(PrefillResponse.newBuilder()
                    .setAccepted(PrefillAccepted.newBuilder()
                            .setTokenIds(ids)
                            .setPromptTokens(prompt)
                            .setBlockSize(Samples.BLOCK_SIZE)
                            .setMaxTokens(
                                    st.getStop().hasMaxTokens()
                                            ? Math.min(room, st.getStop().getMaxTokens())
                                            : room)
                            .setLayout(Samples.LAYOUT)
                            .setTokenizeUs(11))
                    .build());
        }

        private void compute(PrefillStart st, String receiver) {
            BatonException failure = s.failsAfterGo;
            if (failure != null) {
                finish("failed");
                out.onError(failure.toStatus());
                return;
            }
            if (s.stopsAfterGo) {
                return;
            }
            int sent = st.getContinuation().getTokensSent();
            boolean one = st.getStop().getMaxTokens() - sent == 1;
            if (one != receiver.isEmpty()) {
                violated("Go with receiver '" + receiver + "' for max_tokens "
                        + st.getStop().getMaxTokens());
            }
            List<PrefillResponse> blocks = new ArrayList<>();
            for (int i = 0; !one && i < Math.ceilDiv(tokens, Samples.BLOCK_SIZE); i++) {
                blocks.add(PrefillResponse.newBuilder()
                        .setBlocksReady(
                                PrefillBlocksReady.newBuilder().addBlocks(block(i, tokens, st, receiver, address())))
                        .build());
            }
            int early = s.lateBlocks ? blocks.size() - 1 : blocks.size();
            blocks.subList(0, early).forEach(out::onNext);
            if (st.getAttempt() < s.firstTokenFrom) {
                return;
            }
            TokenOutput first = Samples.token(sent);
            PrefillFirstToken.Builder token = PrefillFirstToken.newBuilder().setOutput(first);
            if (one || s.finalFirstToken) {
                token.setCompletion(Completion.newBuilder()
                        .setReason(one ? FinishReason.FINISH_REASON_LENGTH : FinishReason.FINISH_REASON_STOP)
                        .setCompletionTokens(sent + 1));
            }
            out.onNext(PrefillResponse.newBuilder().setFirstToken(token).build());
            blocks.subList(early, blocks.size()).forEach(out::onNext);
            if (!s.lateReport) {
                report();
            }
        }

        private void report() {
            reported = true;
            out.onNext(PrefillResponse.newBuilder()
                    .setFinished(PrefillFinished.newBuilder()
                            .setQueueUs(5)
                            .setPrefillUs(17)
                            .setComputedTokens(tokens - 1)
                            .setCachedTokens(1))
                    .build());
        }

        @Override
        public void onError(Throwable t) {
            finish("cancelled call");
        }

        @Override
        public synchronized void onCompleted() {
            if (done || s.ignoresHalfClose) {
                return;
            }
            if (!went) {
                violated("half-close before Go");
            }
            if (!reported && went && !s.stopsAfterGo) {
                report();
            }
            finish("half-close");
            out.onCompleted();
        }
    }
}
