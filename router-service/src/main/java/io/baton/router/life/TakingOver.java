package io.baton.router.life;

import io.baton.decode.v1.DecodeBlocksLanded;
import io.baton.decode.v1.DecodeFinished;
import io.baton.error.BatonException;
import io.baton.kv.v1.KvDescriptor;
import java.util.ArrayList;
import java.util.List;

/**
 * The stream has stopped at the worker that drains, and another one pulls its KV cache: nothing is computed again.
 *
 * <p>If either worker is lost now, the stream goes on as after any other loss.
 *
 * @param from the stream as it stopped
 * @param taker the leg of the worker that takes it over
 */
record TakingOver(Decoding from, int taker) implements RequestState {
    static Step begin(Decoding from, int taker) {
        return Step.to(
                new TakingOver(from, taker),
                new Action.SendExtend(taker, from.computed()),
                new Action.SendStart(
                        taker, from.accepted().start(from.trail().generation().request(), from.progress())));
    }

    @Override
    public Step on(Event event) {
        int giver = from.decode();
        return switch (event) {
            case Event.BlocksReady(int leg, List<KvDescriptor> blocks)
            when leg == giver ->
                blocks.isEmpty()
                        ? fail(Violations.noBlock("decode"))
                        : Step.to(this, new Action.SendOffer(taker, blocks));
            case Event.BlocksLanded(int leg, DecodeBlocksLanded message)
            when leg == taker -> message.getLandedBlocks() < blocks() ? Step.stay(this) : taken();
            case Event.Token(int leg, var _) when leg == taker -> taken(event);
            case Event.DecodeDone(int leg, DecodeFinished _) when leg == taker -> taken(event);
            case Event.Draining(int leg, String _) when leg == taker -> taken(event);
            case Event.LegFailed failure when failure.leg() == taker -> from.lost(failure, giver);
            case Event.LegFailed failure when failure.leg() == giver -> from.lost(failure, taker);
            case Event.OfLeg other
            when other.leg() == taker -> fail(Violations.unexpected("decode", other, "it took a stream over"));
            case Event.OfLeg other
            when other.leg() == giver -> fail(Violations.unexpected("decode", other, "its stream had stopped"));
            case Event.Abort(BatonException error) -> fail(error);
            default -> ofPrefill(event);
        };
    }

    private int blocks() {
        return Math.ceilDiv(from.computedTokens(), from.accepted().message().getBlockSize());
    }

    private Step taken() {
        return Step.to(from.on(taker), new Action.HalfClose(from.decode()), new Action.CountHandOver());
    }

    /** A token, or the end, proves that every block has landed, whether decode said so or not. */
    private Step taken(Event event) {
        Step taken = taken();
        Step then = taken.next().on(event);
        List<Action> actions = new ArrayList<>(taken.actions());
        actions.addAll(then.actions());
        return new Step(then.next(), actions);
    }

    /** Whatever becomes of the prefill leg changes nothing here. */
    private Step ofPrefill(Event event) {
        return from.on(event).next() instanceof Decoding stream
                ? Step.stay(new TakingOver(stream, taker))
                : Step.stay(this);
    }

    private Step fail(BatonException error) {
        Step failed = from.on(new Event.Abort(error));
        List<Action> actions = new ArrayList<>();
        actions.add(new Action.CancelLeg(taker));
        actions.addAll(failed.actions());
        return new Step(failed.next(), actions);
    }

    @Override
    public int awaitedLeg() {
        return taker;
    }

    @Override
    public Phase phase() {
        return Phase.RUNNING;
    }
}
