package io.baton.router.life;

import io.baton.decode.v1.DecodeFinished;
import io.baton.error.BatonException;
import io.baton.inference.v1.TokenOutput;
import io.baton.prefill.v1.PrefillFinished;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The engines exchange the KV cache between themselves (descriptors of kind NIXL): decode has the descriptor and the order
 * to start, and chooses the first token too. Nothing of this attempt was sent to the client yet, so a failed leg leads to a
 * new one.
 *
 * <p>Prefill is released by decode's first output, which proves that the KV cache was taken over or is not needed.
 *
 * @param report prefill's closing report; null until it came
 */
record AwaitingDecode(
        Trail trail,
        int prefill,
        int decode,
        Accepted accepted,
        @Nullable PrefillFinished report) implements RequestState {

    @Override
    public Step on(Event event) {
        return switch (event) {
            case Event.PrefillDone(int leg, PrefillFinished message)
            when leg == prefill && report == null ->
                Step.stay(new AwaitingDecode(trail, prefill, decode, accepted, message));
            case Event.BlocksLanded(int leg, var _) when leg == decode -> Step.stay(this);
            case Event.Token(int leg, TokenOutput _) when leg == decode -> released(event);
            case Event.DecodeDone(int leg, DecodeFinished _) when leg == decode -> released(event);
            case Event.LegFailed failure when failure.leg() == prefill -> failed(failure, decode);
            case Event.LegFailed failure when failure.leg() == decode -> failed(failure, prefill);
            case Event.OfLeg other
            when other.leg() == prefill -> fail(Violations.unexpected("prefill", other, "decode had the prompt"));
            case Event.OfLeg other
            when other.leg() == decode -> fail(Violations.unexpected("decode", other, "it was to choose tokens"));
            case Event.Abort(BatonException error) -> fail(error);
            case Event.OfLeg _, Event.TryAgain _, Event.SettleTimeout _ -> Step.stay(this);
        };
    }

    private Step released(Event event) {
        Step then = new Decoding(trail, prefill, decode, accepted, trail.progress(), report).on(event);
        List<Action> actions = new ArrayList<>();
        actions.add(new Action.HalfClose(prefill));
        actions.addAll(then.actions());
        return new Step(then.next(), actions);
    }

    /** A descriptor is spent or void after one use, so what failed is asked for again from the beginning. */
    private Step failed(Event.LegFailed failure, int other) {
        Action release = new Action.CancelLeg(other);
        return Retry.handOverFailed(failure.error().code())
                ? trail.retryAnywhereOrFail(failure, release)
                : trail.retryOrFail(failure, release);
    }

    private Step fail(BatonException error) {
        return Ended.failed(error, new Action.CancelLeg(prefill), new Action.CancelLeg(decode));
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
