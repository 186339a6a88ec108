package io.baton.prefill.service.vllm;

import io.baton.engine.text.TokenIds;
import io.baton.engine.vllm.CompletionRequest;
import io.baton.engine.vllm.PrefillResult;
import io.baton.engine.vllm.StreamListener;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.inference.v1.Completion;
import io.baton.inference.v1.TokenOutput;
import io.baton.prefill.v1.PrefillAccepted;
import io.baton.prefill.v1.PrefillBlocksReady;
import io.baton.prefill.v1.PrefillFinished;
import io.baton.prefill.v1.PrefillFirstToken;
import io.baton.prefill.v1.PrefillGo;
import io.baton.prefill.v1.PrefillRequest;
import io.baton.prefill.v1.PrefillResponse;
import io.baton.prefill.v1.PrefillStart;
import io.baton.worker.vllm.NixlDescriptors;
import io.baton.worker.vllm.VllmLeg;
import io.baton.worker.vllm.VllmRuntime;
import io.grpc.stub.ServerCallStreamObserver;
import java.util.concurrent.CompletableFuture;

/**
 * One prefill leg beside a vLLM server: has the prompt tokenised, waits for Go, has it computed, and tells the descriptor.
 * The KV cache stays in vLLM under a lease that cannot be renewed from here, so the leg fails if decode has not begun with
 * it within {@code baton.vllm.handover-timeout}: a KV cache must never be read after vLLM may have given its memory away.
 *
 * <p><em>Thread-safety:</em> as {@link io.baton.worker.Leg} says.
 */
final class VllmPrefillLeg extends VllmLeg<PrefillRequest, PrefillResponse> {
    private final VllmRuntime runtime;
    private LegState state = new LegState.AwaitingStart();
    private int queuedTokens;

    VllmPrefillLeg(VllmRuntime runtime, ServerCallStreamObserver<PrefillResponse> out) {
        super(runtime, out);
        this.runtime = runtime;
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
            case LegState.Computing s when s.alone() -> s.halfClose();
            case LegState.HandedOut s -> s.halfClose();
            default -> throw violation("the router closed its side before the KV cache was described");
        };
        completeIfOver();
    }

    private void start(PrefillStart message) {
        if (!(state instanceof LegState.AwaitingStart s)) {
            throw violation("a second Start");
        }
        name(message.getRequestId());
        check(message.getRequestId(), message.getAttempt(), message.getModel());
        admit(message.getTenant(), message.getAttempt());
        state = s.start(message);
        ask(() -> {
            long begin = System.nanoTime();
            int[] tokens = runtime.client().tokenize(runtime.model().id(), message.getPrompt());
            long nanos = System.nanoTime() - begin;
            runtime.metrics().tokenized(nanos);
            guarded(() -> accepted(tokens, nanos));
        });
    }

    private void accepted(int[] tokens, long nanos) {
        if (!(state instanceof LegState.Tokenizing s)) {
            return;
        }
        PromptTokens prompt =
                PromptTokens.of(tokens, s.request(), runtime.model().maxModelLen());
        state = s.tokenized(prompt);
        queuedTokens = prompt.length();
        runtime.queuedTokens().addAndGet(queuedTokens);
        alarm(
                runtime.goTimeout(),
                new BatonException(
                        ErrorCode.DEADLINE_EXCEEDED,
                        "no Go came within " + runtime.goTimeout() + " (baton.worker.go-timeout)"));
        tell(PrefillResponse.newBuilder()
                .setAccepted(PrefillAccepted.newBuilder()
                        .setTokenIds(TokenIds.encode(tokens))
                        .setPromptTokens(prompt.promptTokens())
                        .setBlockSize(runtime.identity().getBlockSize())
                        .setMaxTokens(prompt.maxTokens())
                        .setLayout(runtime.identity().getLayout())
                        .setTokenizeUs(nanos / 1000))
                .build());
    }

    // ---- computing

    private void go(PrefillGo message) {
        if (!(state instanceof LegState.AwaitingGo s)) {
            throw violation("Go is expected once, after Accepted");
        }
        stopAlarm();
        running();
        LegState.Computing c = s.go(message.getReceiver(), System.nanoTime());
        state = c;
        ask(() -> {
            if (c.alone()) {
                computeAlone(c);
            } else {
                compute(c);
            }
        });
    }

    private void compute(LegState.Computing c) throws InterruptedException {
        PrefillStart request = c.request();
        byte[] body = CompletionRequest.prefill(runtime.model().id(), c.prompt().tokens(), request.getTenant());
        PrefillResult result = runtime.client().prefill(name(request.getRequestId(), request.getAttempt()), body);
        guarded(() -> handOut(result));
    }

    private void handOut(PrefillResult result) {
        if (!(state instanceof LegState.Computing s)) {
            return;
        }
        PrefillStart request = s.request();
        var binding = new NixlDescriptors.Binding(
                request.getRequestId(),
                request.getAttempt(),
                request.getTenant(),
                s.prompt().length());
        var timeout = runtime.settings().handoverTimeout();
        tell(PrefillResponse.newBuilder()
                .setBlocksReady(PrefillBlocksReady.newBuilder()
                        .addBlocks(NixlDescriptors.make(
                                runtime.identity(),
                                binding,
                                s.receiver(),
                                result.kvTransferParams(),
                                runtime.signer())))
                .build());
        finished(s, result.cachedTokens());
        alarm(
                timeout,
                new BatonException(
                        ErrorCode.BLOCK_NOT_FOUND,
                        "decode did not begin within " + timeout + " after the KV cache was ready"
                                + " (baton.vllm.handover-timeout), so it may be gone"));
    }

    /** One token is the whole answer, so nothing is handed over and the client's own parameters count. */
    private void computeAlone(LegState.Computing c) throws InterruptedException {
        PrefillStart request = c.request();
        int top = request.hasTopLogprobs() ? request.getTopLogprobs() : -1;
        CompletionRequest completion = new CompletionRequest(
                runtime.model().id(),
                c.prompt().tokens(),
                1,
                request.getSampling(),
                request.getStop().toBuilder()
                        .setMinTokens(c.prompt().left(request.getStop().getMinTokens()))
                        .build(),
                top,
                request.getTenant());
        PrefillFirstToken.Builder first = PrefillFirstToken.newBuilder();
        runtime.client()
                .generate(
                        name(request.getRequestId(), request.getAttempt()),
                        completion.alone(),
                        top,
                        new StreamListener() {
                            @Override
                            public void onOutput(TokenOutput output) {
                                first.setOutput(
                                        output.toBuilder().setIndex(c.prompt().generated()));
                            }

                            @Override
                            public void onFinished(Completion ended, int cachedTokens) {
                                first.setCompletion(ended.toBuilder()
                                        .setCompletionTokens(c.prompt().generated() + ended.getCompletionTokens()));
                                guarded(() -> firstToken(first.build(), Math.max(0, cachedTokens)));
                            }
                        });
    }

    private void firstToken(PrefillFirstToken first, int cachedTokens) {
        if (state instanceof LegState.Computing s) {
            tell(PrefillResponse.newBuilder().setFirstToken(first).build());
            finished(s, cachedTokens);
            completeIfOver();
        }
    }

    private void finished(LegState.Computing s, int cachedTokens) {
        long nanos = System.nanoTime() - s.goNanos();
        runtime.metrics().prefilled(nanos);
        dequeue();
        tell(PrefillResponse.newBuilder()
                .setFinished(PrefillFinished.newBuilder()
                        .setPrefillUs(nanos / 1000)
                        .setComputedTokens(Math.max(0, s.prompt().length() - cachedTokens))
                        .setCachedTokens(Math.min(cachedTokens, s.prompt().length())))
                .build());
        state = s.computed();
    }

    // ---- the end

    private void completeIfOver() {
        if (state instanceof LegState.HandedOut s && s.halfClosed()) {
            complete(CompletableFuture.completedFuture(null));
        }
    }

    private void dequeue() {
        runtime.queuedTokens().addAndGet(-queuedTokens);
        queuedTokens = 0;
    }

    @Override
    protected void ended() {
        state = new LegState.Ended();
        dequeue();
    }

    private static BatonException violation(String what) {
        return new BatonException(ErrorCode.PROTOCOL_VIOLATION, "the prefill protocol was broken: " + what);
    }
}
