package io.baton.router.life;

import io.baton.error.BatonException;
import io.baton.inference.v1.TokenOutput;
import io.baton.prefill.v1.PrefillFinished;
import org.jspecify.annotations.Nullable;

/**
 * Decode computes the prompt itself: there is one leg, and it goes on to generate without further word. Nothing of this
 * attempt was sent to the client yet, so a failed leg leads to a new attempt, in whatever way.
 *
 * @param report what decode told of the prompt; null until it came
 */
record Computing(
        Trail trail,
        int decode,
        Accepted accepted,
        @Nullable PrefillFinished report) implements RequestState {

    @Override
    public Step on(Event event) {
        return switch (event) {
            case Event.PrefillDone(int leg, PrefillFinished message)
            when leg == decode && report == null -> Step.stay(new Computing(trail, decode, accepted, message));
            case Event.Token(int leg, TokenOutput _)
            when leg == decode -> generating().on(event);
            case Event.LegFailed failure when failure.leg() == decode -> trail.retryOrFail(failure);
            case Event.OfLeg other
            when other.leg() == decode -> fail(Violations.unexpected("decode", other, "it computed the prompt"));
            case Event.Abort(BatonException error) -> fail(error);
            case Event.OfLeg _, Event.TryAgain _, Event.SettleTimeout _ -> Step.stay(this);
        };
    }

    private Decoding generating() {
        return new Decoding(trail, 0, decode, accepted, trail.progress(), report);
    }

    private Step fail(BatonException error) {
        return Ended.failed(error, new Action.CancelLeg(decode));
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
