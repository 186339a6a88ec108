package io.baton.router.life;

import io.baton.decode.v1.DecodeBlockLanded;
import io.baton.decode.v1.DecodeStart;
import io.baton.error.BatonException;
import io.baton.inference.v1.TokenOutput;
import io.baton.kv.v1.DescriptorKind;
import io.baton.kv.v1.KvDescriptor;
import io.baton.prefill.v1.PrefillFirstToken;
import java.util.ArrayList;
import java.util.List;

/**
 * Prefill computes; its blocks are offered to decode as they come. Nothing was sent to the client yet.
 *
 * @param decode the decode leg; 0 for a request of one token, which needs none
 * @param landed blocks that are in place on decode
 */
record Prefilling(Trail trail, int prefill, int decode, Starting.Accepted accepted, int landed)
        implements RequestState {
    static Prefilling alone(Trail trail, int prefill, Starting.Accepted accepted) {
        return new Prefilling(trail, prefill, 0, accepted, 0);
    }

    static Prefilling with(Trail trail, int prefill, int decode, Starting.Accepted accepted) {
        return new Prefilling(trail, prefill, decode, accepted, 0);
    }

    @Override
    public Step on(Event event) {
        return switch (event) {
            case Event.BlockReady(int leg, KvDescriptor block)
            when leg == prefill && decode != 0 -> accepted.nixl() ? handOver(block) : offer(block);
            case Event.BlockLanded(int leg, DecodeBlockLanded message)
            when isDecode(leg) ->
                Step.stay(new Prefilling(trail, prefill, decode, accepted, message.getLandedBlocks()));
            case Event.FirstToken(int leg, PrefillFirstToken message) when leg == prefill -> firstToken(message);
            case Event.LegFailed failure
            when failure.leg() == prefill ->
                decode == 0 ? trail.retryOrFail(failure) : trail.retryOrFail(failure, new Action.CancelLeg(decode));
            case Event.LegFailed failure
            when isDecode(failure.leg()) -> trail.retryOrFail(failure, new Action.CancelLeg(prefill));
            case Event.OfLeg other
            when other.leg() == prefill ->
                fail(Violations.unexpected("prefill", other, "it had not sent the first token"));
            case Event.OfLeg other
            when isDecode(other.leg()) -> fail(Violations.unexpected("decode", other, "it had not been told to start"));
            case Event.Abort(BatonException error) -> fail(error);
            case Event.OfLeg _, Event.SettleTimeout _ -> Step.stay(this);
        };
    }

    private Step offer(KvDescriptor block) {
        return Step.to(this, new Action.SendOffer(decode, block));
    }

    /** One descriptor stands for the whole prompt: decode can start at once, and chooses the first token. */
    private Step handOver(KvDescriptor block) {
        if (block.getKind() != DescriptorKind.DESCRIPTOR_KIND_NIXL) {
            return fail(Violations.bad("prefill", "described a block of kind " + block.getKind() + " for NIXL"));
        }
        return Step.to(
                new AwaitingDecode(trail, prefill, decode, accepted.message().getPromptTokens(), null),
                new Action.SendOffer(decode, block),
                new Action.SendStart(decode, start(Progress.NONE)));
    }

    private Step firstToken(PrefillFirstToken message) {
        TokenOutput output = message.getOutput();
        Progress progress;
        try {
            progress = Progress.NONE.plus(output);
        } catch (BatonException e) {
            return fail(e);
        }
        if (progress.tokens() != 1) {
            return fail(Violations.bad("prefill", "sent " + progress.tokens() + " tokens as the first one"));
        }
        if (message.hasCompletion()) {
            return last(message);
        }
        if (accepted.nixl()) {
            return fail(Violations.bad("prefill", "chose the first token, which is decode's"));
        }
        if (decode == 0) {
            return fail(Violations.bad("prefill", "did not end a request for one token with its first token"));
        }
        List<Action> actions = new ArrayList<>();
        actions.add(new Action.TellOutput(output));
        actions.add(new Action.SendStart(decode, start(progress)));
        int prompt = accepted.message().getPromptTokens();
        if (landed >= accepted.blocks()) {
            actions.add(new Action.HalfClose(prefill));
            return new Step(new Decoding(prefill, decode, prompt, progress, null), actions);
        }
        return new Step(new HandingOver(prefill, decode, prompt, accepted.blocks(), progress, null), actions);
    }

    /** The first token is the last: decode is not needed, and prefill may release everything. */
    private Step last(PrefillFirstToken message) {
        List<Action> actions = new ArrayList<>();
        actions.add(new Action.TellOutput(message.getOutput()));
        if (decode != 0) {
            actions.add(new Action.CancelLeg(decode));
        }
        actions.add(new Action.HalfClose(prefill));
        Outcome outcome =
                new Outcome(message.getCompletion(), accepted.message().getPromptTokens(), null, null);
        return Settling.await(outcome, prefill, actions);
    }

    private DecodeStart start(Progress progress) {
        var request = trail.generation().request();
        DecodeStart.Builder start = DecodeStart.newBuilder()
                .setGeneratedTokenIds(progress.generated())
                .setSampling(request.getSampling())
                .setStop(request.getStop().toBuilder().setMaxTokens(accepted.maxTokens()))
                .setPromptTokens(accepted.message().getPromptTokens())
                .setTokensSent(progress.tokens())
                .setTextBytesSent(progress.textBytes());
        if (request.hasTopLogprobs()) {
            start.setTopLogprobs(request.getTopLogprobs());
        }
        return start.build();
    }

    private boolean isDecode(int leg) {
        return decode != 0 && leg == decode;
    }

    private Step fail(BatonException error) {
        return decode == 0
                ? Ended.failed(error, new Action.CancelLeg(prefill))
                : Ended.failed(error, new Action.CancelLeg(prefill), new Action.CancelLeg(decode));
    }

    @Override
    public int awaitedLeg() {
        return prefill;
    }

    @Override
    public Phase phase() {
        return Phase.RUNNING;
    }
}
