package io.baton.router.life;

import io.baton.decode.v1.DecodeBlocksLanded;
import io.baton.decode.v1.DecodeFinished;
import io.baton.error.BatonException;
import io.baton.inference.v1.TokenOutput;
import io.baton.kv.v1.KvDescriptor;
import io.baton.prefill.v1.PrefillFinished;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The client has the first token and decode may start; blocks are still on their way.
 *
 * <p>After a failed leg the stream goes on with other workers, from its {@link Progress}. Blocks that decode has already are
 * in its prefix cache and are not pulled again.
 *
 * @param prefill the prefill leg; 0 once prefill is gone with every block described
 * @param report prefill's closing report; null until it came
 */
record HandingOver(
        Trail trail,
        int prefill,
        int decode,
        Accepted accepted,
        Progress progress,
        @Nullable PrefillFinished report) implements RequestState {

    @Override
    public Step on(Event event) {
        return switch (event) {
            case Event.BlocksReady(int leg, List<KvDescriptor> blocks)
            when isPrefill(leg) && report == null ->
                blocks.isEmpty()
                        ? fail(Violations.noBlock("prefill"))
                        : Step.to(this, new Action.SendOffer(decode, blocks));
            case Event.PrefillDone(int leg, PrefillFinished message)
            when isPrefill(leg) && report == null ->
                Step.stay(new HandingOver(trail, prefill, decode, accepted, progress, message));
            case Event.BlocksLanded(int leg, DecodeBlocksLanded message)
            when leg == decode ->
                message.getLandedBlocks() < accepted.blocks() ? Step.stay(this) : Step.to(decoding(), release());
            case Event.Token(int leg, TokenOutput _) when leg == decode -> released(event);
            case Event.DecodeDone(int leg, DecodeFinished _) when leg == decode -> released(event);
            case Event.Draining(int leg, String _) when leg == decode -> released(event);
            // Every block was described, so decode either has it or will say that it could not be pulled.
            case Event.LegFailed failure when isPrefill(failure.leg()) && report != null -> withoutPrefill();
            case Event.LegClosed(int leg) when isPrefill(leg) && report != null -> withoutPrefill();
            case Event.LegFailed failure
            when isPrefill(failure.leg()) -> elsewhere(failure, new Action.CancelLeg(decode));
            case Event.LegFailed failure when failure.leg() == decode -> elsewhere(failure, cancelPrefill());
            case Event.OfLeg other
            when isPrefill(other.leg()) ->
                fail(Violations.unexpected("prefill", other, "its blocks were being handed over"));
            case Event.OfLeg other
            when other.leg() == decode -> fail(Violations.unexpected("decode", other, "blocks were being handed over"));
            case Event.Abort(BatonException error) -> fail(error);
            case Event.OfLeg _, Event.TryAgain _, Event.SettleTimeout _ -> Step.stay(this);
        };
    }

    /** A token, the end, or that it generates while it drains, proves that every block has landed, whether decode said so or not. */
    private Step released(Event event) {
        Step then = decoding().on(event);
        List<Action> actions = new ArrayList<>(List.of(release()));
        actions.addAll(then.actions());
        return new Step(then.next(), actions);
    }

    private Decoding decoding() {
        return new Decoding(trail, prefill, decode, accepted, progress, report);
    }

    private Step withoutPrefill() {
        return Step.stay(new HandingOver(trail, 0, decode, accepted, progress, report));
    }

    private Action[] release() {
        return prefill == 0 ? new Action[0] : new Action[] {new Action.HalfClose(prefill)};
    }

    private Action[] cancelPrefill() {
        return prefill == 0 ? new Action[0] : new Action[] {new Action.CancelLeg(prefill)};
    }

    private Step elsewhere(Event.LegFailed failure, Action... before) {
        return trail.resumeOrFail(failure, accepted, progress, report, before);
    }

    private boolean isPrefill(int leg) {
        return prefill != 0 && leg == prefill;
    }

    private Step fail(BatonException error) {
        return prefill == 0
                ? Ended.failed(error, new Action.CancelLeg(decode))
                : Ended.failed(error, new Action.CancelLeg(prefill), new Action.CancelLeg(decode));
    }

    @Override
    public int awaitedLeg() {
        return decode;
    }

    @Override
    public Phase phase() {
        return Phase.RUNNING;
    }
}
