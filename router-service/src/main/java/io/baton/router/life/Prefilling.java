package io.baton.router.life;

import io.baton.decode.v1.DecodeBlocksLanded;
import io.baton.error.BatonException;
import io.baton.inference.v1.TokenOutput;
import io.baton.kv.v1.DescriptorKind;
import io.baton.kv.v1.KvDescriptor;
import io.baton.prefill.v1.PrefillFirstToken;
import java.util.ArrayList;
import java.util.List;

/**
 * Prefill computes; its blocks are offered to decode as they come. Nothing of this attempt was sent to the client yet.
 *
 * @param decode the decode leg; 0 for a request of one token, which needs none
 * @param landed blocks that are in place on decode
 */
record Prefilling(Trail trail, int prefill, int decode, Accepted accepted, int landed) implements RequestState {
    static Prefilling alone(Trail trail, int prefill, Accepted accepted) {
        return new Prefilling(trail, prefill, 0, accepted, 0);
    }

    static Prefilling with(Trail trail, int prefill, int decode, Accepted accepted) {
        return new Prefilling(trail, prefill, decode, accepted, 0);
    }

    @Override
    public Step on(Event event) {
        return switch (event) {
            case Event.BlocksReady(int leg, List<KvDescriptor> blocks)
            when leg == prefill && decode != 0 -> accepted.nixl() ? handOver(blocks) : offer(blocks);
            case Event.BlocksLanded(int leg, DecodeBlocksLanded message)
            when isDecode(leg) ->
                Step.stay(new Prefilling(trail, prefill, decode, accepted, message.getLandedBlocks()));
            case Event.FirstToken(int leg, PrefillFirstToken message) when leg == prefill -> firstToken(message);
            case Event.LegFailed failure
            when failure.leg() == prefill ->
                decode == 0 ? trail.retryOrFail(failure) : trail.retryOrFail(failure, new Action.CancelLeg(decode));
            case Event.LegFailed failure when isDecode(failure.leg()) -> decodeFailed(failure);
            case Event.OfLeg other
            when other.leg() == prefill ->
                fail(Violations.unexpected("prefill", other, "it had not sent the first token"));
            case Event.OfLeg other
            when isDecode(other.leg()) -> fail(Violations.unexpected("decode", other, "it had not been told to start"));
            case Event.Abort(BatonException error) -> fail(error);
            case Event.OfLeg _, Event.TryAgain _, Event.SettleTimeout _ -> Step.stay(this);
        };
    }

    private Step decodeFailed(Event.LegFailed failure) {
        Action release = new Action.CancelLeg(prefill);
        return Retry.handOverFailed(failure.error().code())
                ? trail.retryAnywhereOrFail(failure, release)
                : trail.retryOrFail(failure, release);
    }

    private Step offer(List<KvDescriptor> blocks) {
        return blocks.isEmpty()
                ? fail(Violations.noBlock("prefill"))
                : Step.to(this, new Action.SendOffer(decode, blocks));
    }

    /** One descriptor stands for the whole prompt: decode can start at once, and chooses the first token. */
    private Step handOver(List<KvDescriptor> blocks) {
        if (blocks.size() != 1) {
            return fail(Violations.bad("prefill", "described " + blocks.size() + " KV caches of one prompt for NIXL"));
        }
        KvDescriptor block = blocks.getFirst();
        if (block.getKind() != DescriptorKind.DESCRIPTOR_KIND_NIXL) {
            return fail(Violations.bad("prefill", "described a block of kind " + block.getKind() + " for NIXL"));
        }
        return Step.to(
                new AwaitingDecode(trail, prefill, decode, accepted, null),
                new Action.SendOffer(decode, blocks),
                new Action.SendStart(decode, accepted.start(trail.generation().request(), trail.progress())));
    }

    private Step firstToken(PrefillFirstToken message) {
        TokenOutput output = message.getOutput();
        Progress progress;
        try {
            progress = trail.progress().plus(output);
        } catch (BatonException e) {
            return fail(e);
        }
        int tokens = progress.tokens() - trail.progress().tokens();
        if (tokens != 1) {
            return fail(Violations.bad("prefill", "sent " + tokens + " tokens as the first one"));
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
        actions.add(
                new Action.SendStart(decode, accepted.start(trail.generation().request(), progress)));
        if (landed >= accepted.blocks()) {
            actions.add(new Action.HalfClose(prefill));
            return new Step(new Decoding(trail, prefill, decode, accepted, progress, null), actions);
        }
        return new Step(new HandingOver(trail, prefill, decode, accepted, progress, null), actions);
    }

    /** The first token is the last: decode is not needed, and prefill may release everything. */
    private Step last(PrefillFirstToken message) {
        List<Action> actions = new ArrayList<>();
        actions.add(new Action.TellOutput(message.getOutput()));
        // What was handed out for decode nobody acknowledges: prefill is cancelled when it has reported.
        actions.add(decode == 0 ? new Action.HalfClose(prefill) : new Action.CancelLeg(decode));
        Outcome outcome = new Outcome(message.getCompletion(), accepted.promptTokens(), trail.firstReport(null), null);
        return Settling.await(outcome, prefill, decode != 0, actions);
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
