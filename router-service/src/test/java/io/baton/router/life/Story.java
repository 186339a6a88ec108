package io.baton.router.life;

import static org.assertj.core.api.Assertions.assertThat;

import io.baton.decode.v1.DecodeBlocksLanded;
import io.baton.decode.v1.DecodeFinished;
import io.baton.decode.v1.DecodeReserved;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.inference.v1.Completion;
import io.baton.inference.v1.FinishReason;
import io.baton.inference.v1.GenerateRequest;
import io.baton.inference.v1.TokenOutput;
import io.baton.kv.v1.DescriptorKind;
import io.baton.kv.v1.KvDescriptor;
import io.baton.kv.v1.KvLayout;
import io.baton.prefill.v1.PrefillAccepted;
import io.baton.prefill.v1.PrefillFinished;
import io.baton.prefill.v1.PrefillFirstToken;
import io.baton.router.fake.Samples;
import java.util.Arrays;
import java.util.List;

/** A request told event by event. Its prompt has six tokens, so two blocks of four. */
final class Story {
    static final int PROMPT = 6;
    static final int BLOCKS = 2;
    static final Limits LIMITS = new Limits(100, 50, 2, 3);

    private RequestState state;
    private List<Action> last;

    private Story(Step first) {
        this.state = first.next();
        this.last = first.actions();
    }

    static Story of(int maxTokens) {
        return of(Samples.request("prompt", maxTokens), LIMITS);
    }

    static Story of(GenerateRequest request, Limits limits) {
        return new Story(RequestState.begin(new Generation("name", "name~1", "", request), limits));
    }

    /** Up to the moment when decode has reserved. */
    static Story prefilling(int maxTokens) {
        return of(maxTokens).then(accepted(1, maxTokens)).then(reserved(2));
    }

    /** Up to the moment when decode has reserved, with engines that exchange KV caches between themselves. */
    static Story prefillingForNixl(int maxTokens) {
        return of(maxTokens).then(acceptedForNixl(1, maxTokens)).then(reserved(2));
    }

    /** Up to the moment when decode has the descriptor and the order to start. */
    static Story awaitingDecode() {
        return prefillingForNixl(10).then(nixl(1)).then(prefillDone(1));
    }

    /** Up to the moment when the client has the first token and no block has landed. */
    static Story handingOver() {
        return prefilling(10).then(ready(1, 0)).then(ready(1, 1)).then(firstToken(1));
    }

    /** Up to the moment when every block has landed. */
    static Story decoding() {
        return handingOver().then(landed(2, 1)).then(landed(2, 2));
    }

    Story then(Event event) {
        Step step = state.on(event);
        state = step.next();
        last = step.actions();
        return this;
    }

    RequestState state() {
        return state;
    }

    /** The actions of the last event. */
    List<Action> actions() {
        return last;
    }

    /** The only action of the last event that has the type. */
    <A extends Action> A action(Class<A> type) {
        List<A> found = last.stream().filter(type::isInstance).map(type::cast).toList();
        assertThat(found)
                .as("actions of type %s in %s", type.getSimpleName(), last)
                .hasSize(1);
        return found.getFirst();
    }

    static Event.Accepted accepted(int leg, int maxTokens) {
        return new Event.Accepted(
                leg,
                PrefillAccepted.newBuilder()
                        .setTokenIds(Samples.ids(1, 2, 3, 4, 5, 6))
                        .setPromptTokens(PROMPT)
                        .setBlockSize(Samples.BLOCK_SIZE)
                        .setMaxTokens(maxTokens)
                        .setLayout(Samples.LAYOUT)
                        .build());
    }

    /** A prefill worker accepts the prompt with the tokens that the client has been sent. */
    static Event.Accepted acceptedAgain(int leg, int maxTokens, int... generated) {
        return new Event.Accepted(
                leg,
                accepted(leg, maxTokens).message().toBuilder()
                        .setTokenIds(Samples.ids(1, 2, 3, 4, 5, 6).concat(Samples.ids(generated)))
                        .build());
    }

    /** The first token of a leg that continues a stream. */
    static Event.FirstToken nextToken(int leg, int index) {
        return new Event.FirstToken(
                leg,
                PrefillFirstToken.newBuilder().setOutput(Samples.token(index)).build());
    }

    static Event.Accepted acceptedForNixl(int leg, int maxTokens, int... generated) {
        return new Event.Accepted(
                leg,
                PrefillAccepted.newBuilder()
                        .setTokenIds(Samples.ids(1, 2, 3, 4, 5, 6).concat(Samples.ids(generated)))
                        .setPromptTokens(PROMPT)
                        .setBlockSize(Integer.MAX_VALUE)
                        .setMaxTokens(maxTokens)
                        .setLayout(KvLayout.newBuilder().setKind(DescriptorKind.DESCRIPTOR_KIND_NIXL))
                        .build());
    }

    static Event.BlocksReady nixl(int leg) {
        return new Event.BlocksReady(
                leg,
                List.of(KvDescriptor.newBuilder()
                        .setKind(DescriptorKind.DESCRIPTOR_KIND_NIXL)
                        .build()));
    }

    static Event.Reserved reserved(int leg) {
        return new Event.Reserved(
                leg, DecodeReserved.newBuilder().setWorkerId("decode-a").build());
    }

    /** Blocks of one message. */
    static Event.BlocksReady ready(int leg, int... indexes) {
        return new Event.BlocksReady(leg, blocks(indexes));
    }

    static List<KvDescriptor> blocks(int... indexes) {
        return Arrays.stream(indexes).mapToObj(Story::block).toList();
    }

    static KvDescriptor block(int index) {
        return KvDescriptor.newBuilder().setBlockIndex(index).build();
    }

    static Event.FirstToken firstToken(int leg) {
        return new Event.FirstToken(
                leg, PrefillFirstToken.newBuilder().setOutput(Samples.token(0)).build());
    }

    static Event.FirstToken onlyToken(int leg) {
        return new Event.FirstToken(
                leg,
                PrefillFirstToken.newBuilder()
                        .setOutput(Samples.token(0))
                        .setCompletion(completion(1))
                        .build());
    }

    static Completion completion(int tokens) {
        return Completion.newBuilder()
                .setReason(FinishReason.FINISH_REASON_STOP)
                .setCompletionTokens(tokens)
                .build();
    }

    static Event.PrefillDone prefillDone(int leg) {
        return new Event.PrefillDone(
                leg, PrefillFinished.newBuilder().setCachedTokens(4).build());
    }

    static Event.BlocksLanded landed(int leg, int landed) {
        return new Event.BlocksLanded(
                leg, DecodeBlocksLanded.newBuilder().setLandedBlocks(landed).build());
    }

    static Event.Token token(int leg, int index) {
        return new Event.Token(leg, Samples.token(index));
    }

    static Event.DecodeDone decodeDone(int leg, String text) {
        return new Event.DecodeDone(
                leg,
                DecodeFinished.newBuilder()
                        .setCompletion(completion(2))
                        .setText(text)
                        .build());
    }

    static Event.LegFailed failed(int leg, ErrorCode code) {
        return new Event.LegFailed(leg, "worker-" + leg, new BatonException(code, "scripted"));
    }

    static Event.LegFailed noWorker(int leg) {
        return new Event.LegFailed(leg, "", new BatonException(ErrorCode.NO_WORKER, "nobody"));
    }

    static Event.Abort clientGone() {
        return new Event.Abort(new BatonException(ErrorCode.CANCELLED, "gone"));
    }

    static TokenOutput output(int index) {
        return Samples.token(index);
    }
}
