package io.baton.prefill.service.leg;

import static org.assertj.core.api.Assertions.assertThat;

import io.baton.error.BatonException;
import io.baton.inference.v1.Prompt;
import io.baton.inference.v1.SamplingParams;
import io.baton.inference.v1.StopParams;
import io.baton.prefill.v1.PrefillAccepted;
import io.baton.prefill.v1.PrefillCancel;
import io.baton.prefill.v1.PrefillGo;
import io.baton.prefill.v1.PrefillRequest;
import io.baton.prefill.v1.PrefillResponse;
import io.baton.prefill.v1.PrefillServiceGrpc.PrefillServiceStub;
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
import org.jspecify.annotations.Nullable;

/** A router that says what the test says and remembers what it hears. */
final class TestRouter implements ClientResponseObserver<PrefillRequest, PrefillResponse> {
    private static final AtomicInteger NUMBER = new AtomicInteger();

    final String requestId;
    private final LinkedBlockingQueue<PrefillResponse> heard = new LinkedBlockingQueue<>();
    private final CompletableFuture<@Nullable BatonException> ended = new CompletableFuture<>();
    private @Nullable ClientCallStreamObserver<PrefillRequest> call;

    TestRouter(PrefillServiceStub stub) {
        this(stub, "request-" + NUMBER.incrementAndGet());
    }

    private TestRouter(PrefillServiceStub stub, String requestId) {
        this.requestId = requestId;
        var _ = stub.prefill(this);
    }

    @Override
    public void beforeStart(ClientCallStreamObserver<PrefillRequest> requests) {
        call = requests;
    }

    @Override
    public void onNext(PrefillResponse value) {
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

    private ClientCallStreamObserver<PrefillRequest> call() {
        if (call == null) {
            throw new IllegalStateException("the call has not begun");
        }
        return call;
    }

    static Prompt text(String text) {
        return Prompt.newBuilder().setText(text).build();
    }

    /** A prompt of {@code n} tokens that depends on {@code seed}. */
    static Prompt ids(int n, int seed) {
        int[] ids = new int[n];
        for (int i = 0; i < n; i++) {
            ids[i] = 10 + Math.floorMod(i * 31 + seed * 7, 200);
        }
        return Prompt.newBuilder()
                .setTokenIds(io.baton.engine.text.TokenIds.encode(ids))
                .build();
    }

    /** The next attempt of the same request, in a call of its own. */
    TestRouter again(PrefillServiceStub stub) {
        return new TestRouter(stub, requestId);
    }

    /** A start that is right in every field. */
    PrefillStart.Builder start(Prompt prompt) {
        return PrefillStart.newBuilder()
                .setRequestId(requestId)
                .setAttempt(1)
                .setModel("simulated")
                .setPrompt(prompt)
                .setSampling(SamplingParams.newBuilder().setTemperature(0).setSeed(1))
                .setStop(StopParams.newBuilder().setMaxTokens(100).setIgnoreEos(true));
    }

    TestRouter send(PrefillStart.Builder start) {
        call().onNext(PrefillRequest.newBuilder().setStart(start).build());
        return this;
    }

    TestRouter go(String receiver) {
        call().onNext(PrefillRequest.newBuilder()
                .setGo(PrefillGo.newBuilder().setReceiver(receiver))
                .build());
        return this;
    }

    TestRouter send(PrefillRequest message) {
        call().onNext(message);
        return this;
    }

    TestRouter cancelMessage() {
        call().onNext(PrefillRequest.newBuilder()
                .setCancel(PrefillCancel.getDefaultInstance())
                .build());
        return this;
    }

    TestRouter emptyMessage() {
        call().onNext(PrefillRequest.getDefaultInstance());
        return this;
    }

    void hangUp() {
        call().cancel("the test hangs up", null);
    }

    TestRouter halfClose() {
        call().onCompleted();
        return this;
    }

    PrefillResponse next() {
        try {
            PrefillResponse r = heard.poll(30, TimeUnit.SECONDS);
            if (r == null) {
                throw new AssertionError("nothing was heard for 30 s; the call: " + ended);
            }
            return r;
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    PrefillAccepted accepted() {
        PrefillResponse r = next();
        assertThat(r.hasAccepted()).as("Accepted comes first: " + r).isTrue();
        return r.getAccepted();
    }

    /** Everything until Finished, which is last. */
    List<PrefillResponse> untilFinished() {
        List<PrefillResponse> all = new ArrayList<>();
        do {
            all.add(next());
        } while (!all.getLast().hasFinished());
        return all;
    }

    /** Waits a while for the call to end or to finish its work. */
    boolean settled(long millis) {
        long until = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(millis);
        while (System.nanoTime() < until && !ended.isDone()) {
            if (heard.stream().anyMatch(PrefillResponse::hasFinished)) {
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

    boolean over() {
        return ended.isDone();
    }

    boolean silent() {
        return heard.isEmpty();
    }
}
