package io.baton.decode.service.vllm;

import io.baton.decode.v1.DecodeBlocksLanded;
import io.baton.decode.v1.DecodeFinished;
import io.baton.decode.v1.DecodeRequest;
import io.baton.decode.v1.DecodeReserve;
import io.baton.decode.v1.DecodeReserved;
import io.baton.decode.v1.DecodeResponse;
import io.baton.decode.v1.DecodeStart;
import io.baton.decode.v1.DecodeToken;
import io.baton.engine.text.TokenIds;
import io.baton.engine.vllm.CompletionRequest;
import io.baton.engine.vllm.StreamListener;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.inference.v1.Completion;
import io.baton.inference.v1.StopParams;
import io.baton.inference.v1.TokenOutput;
import io.baton.kv.v1.KvDescriptor;
import io.baton.worker.vllm.NixlDescriptors;
import io.baton.worker.vllm.VllmLeg;
import io.baton.worker.vllm.VllmRuntime;
import io.grpc.stub.ServerCallStreamObserver;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/**
 * One decode leg beside a vLLM server: checks the descriptor, sends its parameters to vLLM once, and passes the stream on.
 *
 * <p>What protects a client from the KV cache of another prompt: a descriptor is used by one attempt and one request of this
 * worker only, and what vLLM generates from a hand-over that is older than {@code baton.vllm.handover-timeout} is thrown
 * away, because the memory that the parameters name may hold something else by then.
 *
 * <p><em>Thread-safety:</em> as {@link io.baton.worker.Leg} says.
 */
final class VllmDecodeLeg extends VllmLeg<DecodeRequest, DecodeResponse> {
    private final VllmRuntime runtime;
    private final Readiness readiness;
    private LegState state = new LegState.AwaitingReserve();

    VllmDecodeLeg(VllmRuntime runtime, ServerCallStreamObserver<DecodeResponse> out, Readiness readiness) {
        super(runtime, out);
        this.runtime = runtime;
        this.readiness = readiness;
    }

    // ---- the router

    @Override
    protected void heard(DecodeRequest message) {
        switch (message.getMessageCase()) {
            case RESERVE -> reserve(message.getReserve());
            case OFFER -> offer(message.getOffer().getBlocksList());
            case START -> start(message.getStart());
            case CANCEL -> throw new BatonException(ErrorCode.CANCELLED, "the router cancelled the generation");
            case COMPUTE ->
                throw violation(
                        "beside vLLM prompts are computed by prefill workers; the router asks for nothing else");
            case EXTEND, HAND_OVER -> throw violation("vLLM's streams are not handed over");
            case MESSAGE_NOT_SET -> throw violation("a message without content");
        }
    }

    @Override
    protected void heardAll() {
        if (state instanceof LegState.AwaitingReserve || state instanceof LegState.Receiving) {
            throw violation("the router closed its side before Start, or before the descriptor");
        }
    }

    private void reserve(DecodeReserve message) {
        if (!(state instanceof LegState.AwaitingReserve s)) {
            throw violation("a second Reserve");
        }
        name(message.getRequestId());
        check(message.getRequestId(), message.getAttempt(), message.getModel());
        if (!message.getLayout().equals(runtime.identity().getLayout())) {
            throw new BatonException(
                    ErrorCode.LAYOUT_MISMATCH,
                    "prefill's KV caches are of another kind or model than this worker's; give prefill and decode the same "
                            + "baton.engine.kind, and their vLLM servers the same --model and --served-model-name");
        }
        int[] tokens = TokenIds.decode(message.getTokenIds(), Integer.MAX_VALUE, "token_ids");
        if (tokens.length == 0) {
            throw new BatonException(ErrorCode.INVALID_REQUEST, "token_ids is empty; a prompt has at least one token");
        }
        int most = runtime.model().maxModelLen();
        if (tokens.length >= most) {
            throw new BatonException(
                    ErrorCode.CONTEXT_LENGTH_EXCEEDED,
                    "the prompt has " + tokens.length + " tokens; with at least one token of output, at most " + most
                            + " fit");
        }
        admit(message.getTenant(), message.getAttempt());
        state = s.reserve(message, tokens);
        tell(DecodeResponse.newBuilder()
                .setReserved(DecodeReserved.newBuilder()
                        .setWorkerId(runtime.identity().getWorkerId()))
                .build());
    }

    private void offer(List<KvDescriptor> blocks) {
        if (!(state instanceof LegState.Receiving s) || s.params() != null) {
            throw violation("one offer is expected, after Reserve");
        }
        if (blocks.size() != 1) {
            throw violation(
                    "an offer of " + blocks.size() + " descriptors; beside vLLM one stands for the whole prompt");
        }
        DecodeReserve r = s.request();
        byte[] params = NixlDescriptors.open(
                blocks.getFirst(),
                new NixlDescriptors.Binding(r.getRequestId(), r.getAttempt(), r.getTenant(), s.tokens().length),
                runtime.identity().getLayout(),
                runtime.identity().getWorkerId(),
                runtime.settings().maxParams().intBytes(),
                runtime.signer());
        state = s.offer(params, System.nanoTime());
        generateIfComplete();
    }

    private void start(DecodeStart message) {
        if (!(state instanceof LegState.Receiving s) || s.start() != null) {
            throw violation("Start is expected once, after Reserve");
        }
        int generated = message.getGeneratedTokenIds().size() / Integer.BYTES;
        if (message.getTokensSent() != generated || message.getPromptTokens() + generated != s.tokens().length) {
            throw violation(
                    "Start has " + message.getPromptTokens() + " prompt tokens and " + generated + " generated ones, "
                            + message.getTokensSent() + " of them sent; Reserve had " + s.tokens().length + " of both");
        }
        state = s.start(message);
        generateIfComplete();
    }

    // ---- generation

    private void generateIfComplete() {
        if (!(state instanceof LegState.Receiving s) || !s.complete()) {
            return;
        }
        DecodeStart start = s.start();
        byte[] params = s.params();
        if (start == null || params == null) {
            throw new IllegalStateException("a complete state without its parts");
        }
        byte[] body;
        int top = start.hasTopLogprobs() ? start.getTopLogprobs() : -1;
        try {
            body = request(s, start, top).decode(params);
        } catch (IllegalArgumentException e) {
            throw new BatonException(ErrorCode.DESCRIPTOR_REFUSED, "KV descriptor refused: " + e.getMessage(), e);
        }
        Duration timeout = runtime.settings().handoverTimeout();
        alarm(timeout, tooOld(timeout));
        running();
        state = s.generate(System.nanoTime());
        String name = name(s.request().getRequestId(), s.request().getAttempt());
        int before = start.getTokensSent();
        ask(() -> generate(name, body, top, before));
    }

    private CompletionRequest request(LegState.Receiving s, DecodeStart start, int top) {
        // What was generated elsewhere is a part of vLLM's prompt, and the limits count from the request's start.
        StopParams stop = start.getStop();
        int before = start.getTokensSent();
        int room = runtime.model().maxModelLen() - s.tokens().length;
        int maxTokens = stop.hasMaxTokens() ? Math.min(stop.getMaxTokens() - before, room) : room;
        if (maxTokens < 1) {
            throw violation("max_tokens leaves no token to generate");
        }
        return new CompletionRequest(
                runtime.model().id(),
                s.tokens(),
                maxTokens,
                start.getSampling(),
                stop.toBuilder()
                        .setMinTokens(Math.max(0, stop.getMinTokens() - before))
                        .build(),
                top,
                s.request().getTenant());
    }

    private void generate(String name, byte[] body, int top, int before) throws InterruptedException {
        try {
            runtime.client().stream(name, body, top, new StreamListener() {
                @Override
                public void onOutput(TokenOutput output) throws InterruptedException {
                    readiness.await();
                    guarded(() -> output(output.toBuilder()
                            .setIndex(before + output.getIndex())
                            .build()));
                }

                @Override
                public void onFinished(Completion completion, int cachedTokens) {
                    guarded(() -> finish(
                            completion.toBuilder()
                                    .setCompletionTokens(before + completion.getCompletionTokens())
                                    .build(),
                            cachedTokens));
                }
            });
        } catch (BatonException e) {
            throw locked(() -> translated(e));
        }
    }

    /**
     * With kv_load_failure_policy=fail vLLM tells a failed hand-over as an internal error like any other. Before the first
     * token it is taken for that: both can be tried again with a new KV cache.
     */
    private BatonException translated(BatonException e) {
        boolean handOver = state instanceof LegState.AwaitingToken && e.code() == ErrorCode.WORKER_LOST;
        return handOver && !(e.getCause() instanceof IOException)
                ? new BatonException(ErrorCode.PULL_FAILED, "vLLM did not take the KV cache over: " + e.getMessage(), e)
                : e;
    }

    private void output(TokenOutput output) {
        long now = System.nanoTime();
        if (state instanceof LegState.AwaitingToken s) {
            begin(s, now);
        }
        if (state instanceof LegState.Streaming) {
            tell(DecodeResponse.newBuilder()
                    .setToken(DecodeToken.newBuilder().setOutput(output))
                    .build());
        }
    }

    private void begin(LegState.AwaitingToken s, long now) {
        Duration timeout = runtime.settings().handoverTimeout();
        // The alarm says the same, but the timer's thread may be late.
        if (s.age(now) > timeout.toNanos()) {
            throw tooOld(timeout);
        }
        stopAlarm();
        runtime.metrics().firstToken(now - s.askedNanos());
        state = s.firstToken(now);
        tell(DecodeResponse.newBuilder()
                .setBlocksLanded(DecodeBlocksLanded.newBuilder().setLandedBlocks(1))
                .build());
    }

    private void finish(Completion completion, int cachedTokens) {
        long now = System.nanoTime();
        if (state instanceof LegState.AwaitingToken s) {
            begin(s, now);
        }
        if (!(state instanceof LegState.Streaming s)) {
            return;
        }
        int computed = cachedTokens < 0 ? 0 : Math.max(0, s.promptTokens() - cachedTokens);
        runtime.metrics().computedByDecode(computed);
        tell(DecodeResponse.newBuilder()
                .setFinished(DecodeFinished.newBuilder()
                        .setCompletion(completion)
                        .setDecodeUs((now - s.firstNanos()) / 1000)
                        .setComputedTokens(computed))
                .build());
        complete(CompletableFuture.completedFuture(null));
    }

    // ---- the end

    @Override
    protected void ended() {
        state = new LegState.Ended();
    }

    private static BatonException tooOld(Duration timeout) {
        return new BatonException(
                ErrorCode.BLOCK_NOT_FOUND,
                "no token came within " + timeout
                        + " after the hand-over (baton.vllm.handover-timeout); the KV cache may"
                        + " be gone, and what it would generate is not used");
    }

    private static BatonException violation(String what) {
        return new BatonException(ErrorCode.PROTOCOL_VIOLATION, "the decode protocol was broken: " + what);
    }
}
