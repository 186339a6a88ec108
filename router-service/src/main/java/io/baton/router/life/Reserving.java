package io.baton.router.life;

import io.baton.decode.v1.DecodeReserved;
import io.baton.error.BatonException;

/** Prefill accepted the prompt and waits; decode was asked for cells. */
record Reserving(Trail trail, int prefill, int decode, Accepted accepted) implements RequestState {
    @Override
    public Step on(Event event) {
        return switch (event) {
            case Event.Reserved(int leg, DecodeReserved message) when leg == decode -> reserved(message);
            case Event.LegFailed failure when failure.leg() == decode -> refused(failure);
            case Event.LegFailed failure
            when failure.leg() == prefill -> trail.retryOrFail(failure, new Action.CancelLeg(decode));
            case Event.OfLeg other
            when other.leg() == decode -> fail(Violations.unexpected("decode", other, "it had not reserved cells"));
            case Event.OfLeg other
            when other.leg() == prefill ->
                fail(Violations.unexpected("prefill", other, "it had not been told to compute"));
            case Event.Abort(BatonException error) -> fail(error);
            case Event.OfLeg _, Event.TryAgain _, Event.SettleTimeout _ -> Step.stay(this);
        };
    }

    private Step reserved(DecodeReserved message) {
        if (message.getWorkerId().isEmpty()) {
            return fail(Violations.bad("decode", "reserved cells without saying its worker_id"));
        }
        return Step.to(
                Prefilling.with(trail, prefill, decode, accepted), new Action.SendGo(prefill, message.getWorkerId()));
    }

    /** Another decode worker, for the same prefill leg; without one, prefill is released. */
    private Step refused(Event.LegFailed failure) {
        if (!trail.mayRetry(failure)) {
            return trail.waitOrFail(failure, new Action.CancelLeg(prefill));
        }
        Trail next = trail.without(failure).nextLeg();
        return Step.to(
                new Reserving(next, prefill, next.lastLeg(), accepted),
                new Action.OpenDecode(next.lastLeg(), accepted.reserve(next), next.excluded()));
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
        return Phase.WAITING;
    }
}
