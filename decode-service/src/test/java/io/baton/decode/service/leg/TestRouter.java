package io.baton.decode.service.leg;

import io.baton.decode.v1.DecodeCancel;
import io.baton.decode.v1.DecodeCompute;
import io.baton.decode.v1.DecodeExtend;
import io.baton.decode.v1.DecodeHandOver;
import io.baton.decode.v1.DecodeOffer;
import io.baton.decode.v1.DecodeRequest;
import io.baton.decode.v1.DecodeReserve;
import io.baton.decode.v1.DecodeReserved;
import io.baton.decode.v1.DecodeResponse;
import io.baton.decode.v1.DecodeServiceGrpc.DecodeServiceStub;
import io.baton.decode.v1.DecodeStart;
import io.baton.engine.KvLayout;
import io.baton.engine.text.TokenIds;
import io.baton.error.BatonException;
import io.baton.inference.v1.Prompt;
import io.baton.inference.v1.SamplingParams;
import io.baton.inference.v1.StopParams;
import io.baton.kv.block.Descriptors;
import io.baton.kv.v1.KvDescriptor;
import io.baton.prefill.v1.PrefillAccepted;
import io.baton.prefill.v1.PrefillStart;
import io.grpc.stub.ClientCallStreamObserver;
import io.grpc.stub.ClientResponseObserver;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** A router that says what the test says and remembers what it hears. */
final class TestRouter implements ClientResponseObserver<DecodeRequest, DecodeResponse> {
    private static final AtomicInteger NUMBER = new AtomicInteger();

    final String requestId;
    private final boolean reads;
    private final LinkedBlockingQueue<DecodeResponse> heard = new LinkedBlockingQueue<>();
    private final CompletableFuture<@Nullable BatonException> ended = new CompletableFuture<>();
    private @Nullable ClientCallStreamObserver<DecodeRequest> call;

    /** A router that, unless it {@code reads}, takes one message and no more. */
    TestRouter(DecodeServiceStub stub, boolean reads) {
        this(stub, reads, "request-" + NUMBER.incrementAndGet());
    }

    private TestRouter(DecodeServiceStub stub, boolean reads, String requestId) {
        this.requestId = requestId;
        this.reads = reads;
        var _ = stub.decode(this);
    }

    @Override
    public void beforeStart(ClientCallStreamObserver<DecodeRequest> requests) {
        call = requests;
        if (!reads) {
            requests.disableAutoRequestWithInitial(1);
        }
    }

    @Override
    public void onNext(DecodeResponse value) {
        heard.add(value);
    }

    @Override
    public void onError(Throwable t) {
        ended.complete(BatonException.from(t));
    }

    @Override
    public void onCompleted() {
        ended.complete(null);
    }

    private ClientCallStreamObserver<DecodeRequest> call() {
        if (call == null) {
            throw new IllegalStateException("the call has not begun");
        }
        return call;
    }

    /** The next attempt of the same request, in a call of its own. */
    TestRouter again(DecodeServiceStub stub) {
        return new TestRouter(stub, true, requestId);
    }

    /** A reservation that is right in every field. */
    DecodeReserve.Builder reserve(int[] tokens, int output, KvLayout layout) {
        return DecodeReserve.newBuilder()
                .setRequestId(requestId)
                .setAttempt(1)
                .setModel("simulated")
                .setTokenIds(TokenIds.encode(tokens))
                .setCells(tokens.length + output)
                .setBlockSize(TestWorker.BLOCK)
                .setLayout(Descriptors.toProto(layout));
    }

    /** An order to compute a prompt that is right in every field. */
    DecodeCompute.Builder compute(Prompt prompt, int maxTokens) {
        return DecodeCompute.newBuilder()
                .setStart(PrefillStart.newBuilder()
                        .setRequestId(requestId)
                        .setAttempt(1)
                        .setModel("simulated")
                        .setPrompt(prompt)
                        .setSampling(
                                SamplingParams.newBuilder().setTemperature(0).setSeed(1))
                        .setStop(StopParams.newBuilder().setMaxTokens(maxTokens).setIgnoreEos(true)))
                .setOutputCells(8192);
    }

    DecodeCompute.Builder compute(int[] tokens, int maxTokens) {
        return compute(Prompt.newBuilder().setTokenIds(TokenIds.encode(tokens)).build(), maxTokens);
    }

    TestRouter send(DecodeCompute.Builder compute) {
        return send(DecodeRequest.newBuilder().setCompute(compute).build());
    }

    PrefillAccepted accepted() {
        DecodeResponse r = next();
        if (!r.hasAccepted()) {
            throw new AssertionError("Accepted comes first, not " + r);
        }
        return r.getAccepted();
    }

    /** A start that is right in every field, of a prompt with one generated token. */
    static DecodeStart.Builder start(int promptTokens, int firstToken, int maxTokens) {
        return DecodeStart.newBuilder()
                .setGeneratedTokenIds(TokenIds.encode(firstToken))
                .setSampling(SamplingParams.newBuilder().setTemperature(0).setSeed(1))
                .setStop(StopParams.newBuilder().setMaxTokens(maxTokens).setIgnoreEos(true))
                .setPromptTokens(promptTokens)
                .setTokensSent(1);
    }

    TestRouter send(DecodeReserve.Builder reserve) {
        call().onNext(DecodeRequest.newBuilder().setReserve(reserve).build());
        return this;
    }

    TestRouter send(DecodeStart.Builder start) {
        call().onNext(DecodeRequest.newBuilder().setStart(start).build());
        return this;
    }

    /** Offers blocks in one message, as they are. */
    TestRouter offer(List<KvDescriptor> blocks) {
        call().onNext(DecodeRequest.newBuilder()
                .setOffer(DecodeOffer.newBuilder().addAllBlocks(blocks))
                .build());
        return this;
    }

    TestRouter offer(KvDescriptor block) {
        return offer(List.of(block));
    }

    TestRouter extend(int... tokens) {
        call().onNext(DecodeRequest.newBuilder()
                .setExtend(DecodeExtend.newBuilder().setTokenIds(TokenIds.encode(tokens)))
                .build());
        return this;
    }

    TestRouter handOver(String receiver, int attempt) {
        call().onNext(DecodeRequest.newBuilder()
                .setHandOver(DecodeHandOver.newBuilder().setReceiver(receiver).setAttempt(attempt))
                .build());
        return this;
    }

    TestRouter send(DecodeRequest message) {
        call().onNext(message);
        return this;
    }

    TestRouter cancelMessage() {
        call().onNext(DecodeRequest.newBuilder()
                .setCancel(DecodeCancel.getDefaultInstance())
                .build());
        return this;
    }

    TestRouter emptyMessage() {
        call().onNext(DecodeRequest.getDefaultInstance());
        return this;
    }

    TestRouter halfClose() {
        call().onCompleted();
        return this;
    }

    void hangUp() {
        call().cancel("the test hangs up", null);
    }

    DecodeResponse next() {
        try {
            DecodeResponse r = heard.poll(30, TimeUnit.SECONDS);
            if (r == null) {
                throw new AssertionError("nothing was heard for 30 s; the call: " + ended);
            }
            return r;
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    DecodeReserved reserved() {
        DecodeResponse r = next();
        if (!r.hasReserved()) {
            throw new AssertionError("Reserved comes first, not " + r);
        }
        return r.getReserved();
    }

    /** Everything until Finished, which is last. */
    List<DecodeResponse> untilFinished() {
        return until(DecodeResponse::hasFinished);
    }

    /** Everything until a message that is as wanted, which is last. */
    List<DecodeResponse> until(Predicate<DecodeResponse> last) {
        List<DecodeResponse> all = new ArrayList<>();
        do {
            all.add(next());
        } while (!last.test(all.getLast()));
        return all;
    }

    /** Waits a while for the call to end or to finish its work. */
    boolean settled(long millis) {
        long until = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(millis);
        while (System.nanoTime() < until && !ended.isDone()) {
            if (heard.stream().anyMatch(DecodeResponse::hasFinished)) {
                return true;
            }
            LockSupport.parkNanos(200_000);
        }
        return ended.isDone();
    }

    /** How the call ended: null for well. */
    @Nullable
    BatonException end() {
        try {
            return ended.get(30, TimeUnit.SECONDS);
        } catch (Exception e) {
            throw new AssertionError("the call did not end within 30 s", e);
        }
    }

    BatonException failure() {
        BatonException e = end();
        if (e == null) {
            throw new AssertionError("the call ended well");
        }
        return e;
    }
}
