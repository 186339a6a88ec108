package io.baton.cli.vllm;

import static org.assertj.core.api.Assertions.assertThat;

import io.baton.decode.v1.DecodeOffer;
import io.baton.decode.v1.DecodeRequest;
import io.baton.decode.v1.DecodeReserve;
import io.baton.decode.v1.DecodeResponse;
import io.baton.decode.v1.DecodeServiceGrpc;
import io.baton.decode.v1.DecodeStart;
import io.baton.engine.text.TokenIds;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.inference.v1.Prompt;
import io.baton.kv.v1.DescriptorKind;
import io.baton.kv.v1.KvDescriptor;
import io.baton.kv.v1.KvLayout;
import io.baton.prefill.v1.Continuation;
import io.baton.prefill.v1.PrefillCancel;
import io.baton.prefill.v1.PrefillGo;
import io.baton.prefill.v1.PrefillRequest;
import io.baton.prefill.v1.PrefillResponse;
import io.baton.prefill.v1.PrefillServiceGrpc;
import io.baton.prefill.v1.PrefillStart;
import io.baton.testvllm.ToyModel;
import io.grpc.ManagedChannel;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.StreamObserver;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;

/** What workers beside vLLM say to a router that keeps the protocol, and to one that does not. */
class VllmProtocolTest {
    private static final VllmFleet FLEET =
            new VllmFleet(1, 1, io.baton.testvllm.Behaviour.usual(), Map.of("baton.vllm.handover-timeout", "3s"));
    private static final ManagedChannel TO_PREFILL = channel(FLEET.prefills.getFirst());
    private static final ManagedChannel TO_DECODE = channel(FLEET.decodes.getFirst());
    private static final String PROMPT = "protocol";
    private static final int[] TOKENS = ToyModel.tokenize(PROMPT);

    private static ManagedChannel channel(VllmNode node) {
        return NettyChannelBuilder.forTarget(node.address()).usePlaintext().build();
    }

    @AfterAll
    static void close() {
        FLEET.settle();
        TO_PREFILL.shutdownNow();
        TO_DECODE.shutdownNow();
        FLEET.close();
    }

    /** One call: says what the test says, remembers what it hears. */
    private static final class Call<Q, R> implements StreamObserver<R> {
        private final LinkedBlockingQueue<R> heard = new LinkedBlockingQueue<>();
        private final CompletableFuture<@Nullable BatonException> ended = new CompletableFuture<>();
        private final StreamObserver<Q> out;

        Call(Function<StreamObserver<R>, StreamObserver<Q>> method) {
            out = method.apply(this);
        }

        Call<Q, R> say(Q message) {
            out.onNext(message);
            return this;
        }

        Call<Q, R> halfClose() {
            out.onCompleted();
            return this;
        }

        R next() {
            try {
                R r = heard.poll(30, TimeUnit.SECONDS);
                if (r == null) {
                    throw new AssertionError("nothing was heard; the call: " + ended + " " + ended.getNow(null));
                }
                return r;
            } catch (InterruptedException e) {
                throw new AssertionError(e);
            }
        }

        @Nullable
        BatonException end() {
            try {
                return ended.get(30, TimeUnit.SECONDS);
            } catch (Exception e) {
                throw new AssertionError("the call did not end", e);
            }
        }

        void failsWith(ErrorCode code) {
            BatonException e = end();
            assertThat(e).isNotNull();
            if (e != null) {
                assertThat(e.code()).as(e.getMessage()).isEqualTo(code);
            }
        }

        @Override
        public void onNext(R value) {
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
    }

    private static Call<PrefillRequest, PrefillResponse> prefill() {
        return new Call<>(PrefillServiceGrpc.newStub(TO_PREFILL)::prefill);
    }

    private static Call<DecodeRequest, DecodeResponse> decode() {
        return new Call<>(DecodeServiceGrpc.newStub(TO_DECODE)::decode);
    }

    private static PrefillRequest start(PrefillStart.Builder start) {
        return PrefillRequest.newBuilder().setStart(start).build();
    }

    private static PrefillStart.Builder right(String requestId) {
        PrefillStart.Builder start = PrefillStart.newBuilder()
                .setRequestId(requestId)
                .setAttempt(1)
                .setModel("toy")
                .setPrompt(Prompt.newBuilder().setText(PROMPT));
        start.getStopBuilder().setMaxTokens(5);
        return start;
    }

    private static PrefillRequest go(String receiver) {
        return PrefillRequest.newBuilder()
                .setGo(PrefillGo.newBuilder().setReceiver(receiver))
                .build();
    }

    /** A KV cache, described for a decode leg of this name. */
    private static KvDescriptor described(String requestId) {
        var call = prefill().say(start(right(requestId)));
        assertThat(call.next().hasAccepted()).isTrue();
        call.say(go(FLEET.decodes.getFirst().address()));
        List<KvDescriptor> blocks = call.next().getBlocksReady().getBlocksList();
        assertThat(blocks).hasSize(1);
        assertThat(call.next().hasFinished()).isTrue();
        call.halfClose();
        assertThat(call.end()).isNull();
        return blocks.getFirst();
    }

    private static DecodeReserve.Builder reserve(String requestId, KvLayout layout) {
        return DecodeReserve.newBuilder()
                .setRequestId(requestId)
                .setAttempt(1)
                .setModel("toy")
                .setTokenIds(TokenIds.encode(TOKENS))
                .setCells(TOKENS.length + 5)
                .setBlockSize(Integer.MAX_VALUE)
                .setLayout(layout);
    }

    private static DecodeRequest say(DecodeReserve.Builder reserve) {
        return DecodeRequest.newBuilder().setReserve(reserve).build();
    }

    private static DecodeRequest say(KvDescriptor block) {
        return DecodeRequest.newBuilder()
                .setOffer(DecodeOffer.newBuilder().addBlocks(block))
                .build();
    }

    private static DecodeRequest say(DecodeStart.Builder start) {
        start.setPromptTokens(TOKENS.length).getStopBuilder().setMaxTokens(5);
        return DecodeRequest.newBuilder().setStart(start).build();
    }

    // ---- prefill

    @Test
    void shouldAcceptAPromptWithItsTokensAndComputeNothingBeforeGo() {
        // Given
        int computed = FLEET.prefill().completions().size();

        // When
        var call = prefill().say(start(right("accepted")));

        // Then
        var accepted = call.next().getAccepted();
        assertThat(accepted.getTokenIds()).isEqualTo(TokenIds.encode(TOKENS));
        assertThat(accepted.getMaxTokens()).isEqualTo(5);
        assertThat(accepted.getLayout().getKind()).isEqualTo(DescriptorKind.DESCRIPTOR_KIND_NIXL);
        assertThat(FLEET.prefill().completions()).hasSize(computed);
        call.say(PrefillRequest.newBuilder()
                .setCancel(PrefillCancel.getDefaultInstance())
                .build());
        call.failsWith(ErrorCode.CANCELLED);
    }

    @Test
    void shouldGiveAKvCacheUpThatDecodeDoesNotTake() {
        // Given
        var call = prefill().say(start(right("not taken")));
        call.next();

        // When
        call.say(go("decode-x"));

        // Then
        assertThat(call.next().getBlocksReady().getBlocks(0).getReceiver()).isEqualTo("decode-x");
        assertThat(call.next().hasFinished()).isTrue();
        call.failsWith(ErrorCode.BLOCK_NOT_FOUND);
    }

    @Test
    void shouldEndAPrefillLegThatBreaksTheProtocol() {
        prefill().say(go("d")).failsWith(ErrorCode.PROTOCOL_VIOLATION);
        prefill().say(PrefillRequest.getDefaultInstance()).failsWith(ErrorCode.PROTOCOL_VIOLATION);
        prefill().say(start(right("early").setAttempt(0))).failsWith(ErrorCode.PROTOCOL_VIOLATION);
        prefill().say(start(right("m").setModel("other"))).failsWith(ErrorCode.MODEL_NOT_FOUND);
        prefill().say(start(right(""))).failsWith(ErrorCode.INVALID_REQUEST);
        prefill().say(start(right("no prompt").clearPrompt())).failsWith(ErrorCode.INVALID_REQUEST);
        prefill()
                .say(start(right("moved").setContinuation(Continuation.getDefaultInstance())))
                .failsWith(ErrorCode.PROTOCOL_VIOLATION);
        var twice = prefill().say(start(right("twice")));
        twice.next();
        twice.say(start(right("twice"))).failsWith(ErrorCode.PROTOCOL_VIOLATION);
        var closed = prefill().say(start(right("closed")));
        closed.next();
        closed.halfClose().failsWith(ErrorCode.PROTOCOL_VIOLATION);
    }

    // ---- decode

    @Test
    void shouldGenerateWhenDescriptorAndStartAreThereInAnyOrder() {
        for (boolean offerFirst : new boolean[] {true, false}) {
            // Given
            String name = "order " + offerFirst;
            KvDescriptor block = described(name);
            var call = decode().say(say(reserve(name, block.getLayout())));
            assertThat(call.next().getReserved().getWorkerId())
                    .isEqualTo(FLEET.decodes.getFirst().address());

            // When
            if (offerFirst) {
                call.say(say(block)).say(say(DecodeStart.newBuilder()));
            } else {
                call.say(say(DecodeStart.newBuilder())).say(say(block));
            }

            // Then
            assertThat(call.next().getBlocksLanded().getLandedBlocks()).isEqualTo(1);
            assertThat(call.next().getToken().getOutput().getIndex()).isZero();
            call.halfClose();
            assertThat(call.end()).isNull();
        }
    }

    @Test
    void shouldUseADescriptorForItsOwnLegOnly() {
        // Given
        KvDescriptor block = described("mine");
        int asked = FLEET.decode().completions().size();

        // When / Then
        var other = decode().say(say(reserve("other", block.getLayout())));
        other.next();
        other.say(say(block)).failsWith(ErrorCode.DESCRIPTOR_REFUSED);
        var second = decode().say(say(reserve("mine", block.getLayout()).setAttempt(2)));
        second.next();
        second.say(say(block)).failsWith(ErrorCode.DESCRIPTOR_REFUSED);
        var twice = decode().say(say(reserve("mine", block.getLayout())));
        twice.next();
        twice.say(say(block)).say(say(block)).failsWith(ErrorCode.PROTOCOL_VIOLATION);
        for (DecodeOffer offer : List.of(
                DecodeOffer.getDefaultInstance(),
                DecodeOffer.newBuilder().addBlocks(block).addBlocks(block).build())) {
            var notOne = decode().say(say(reserve("mine", block.getLayout())));
            notOne.next();
            notOne.say(DecodeRequest.newBuilder().setOffer(offer).build()).failsWith(ErrorCode.PROTOCOL_VIOLATION);
        }
        assertThat(FLEET.decode().completions()).hasSize(asked);
    }

    @Test
    void shouldRefuseTheBlocksOfAnEngineThatHandsRowsOver() {
        // Given
        KvLayout rows = KvLayout.newBuilder()
                .setModelFingerprint(com.google.protobuf.ByteString.copyFrom(new byte[32]))
                .addKRowBytes(64)
                .addVRowBytes(64)
                .build();

        // When / Then
        decode().say(say(reserve("rows", rows))).failsWith(ErrorCode.LAYOUT_MISMATCH);
    }

    @Test
    void shouldEndADecodeLegThatBreaksTheProtocol() {
        KvLayout layout = described("layout").getLayout();
        decode().say(say(DecodeStart.newBuilder())).failsWith(ErrorCode.PROTOCOL_VIOLATION);
        decode().say(DecodeRequest.getDefaultInstance()).failsWith(ErrorCode.PROTOCOL_VIOLATION);
        decode().say(say(reserve("a", layout).setModel("other"))).failsWith(ErrorCode.MODEL_NOT_FOUND);
        decode().say(say(reserve("b", layout).clearTokenIds())).failsWith(ErrorCode.INVALID_REQUEST);
        decode().say(say(reserve("c", layout).setTokenIds(TokenIds.encode(new int[4096]))))
                .failsWith(ErrorCode.CONTEXT_LENGTH_EXCEEDED);
        var moved = decode().say(say(reserve("d", layout)));
        moved.next();
        moved.say(say(DecodeStart.newBuilder().setGeneratedTokenIds(TokenIds.encode(5))))
                .failsWith(ErrorCode.PROTOCOL_VIOLATION);
        var closed = decode().say(say(reserve("e", layout)));
        closed.next();
        closed.halfClose().failsWith(ErrorCode.PROTOCOL_VIOLATION);
    }
}
