package io.baton.router.life;

import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.prefill.v1.PrefillFinished;
import java.util.ArrayList;
import java.util.List;

/**
 * The generation is complete; only prefill's closing report is missing, and it is waited for a bounded time.
 *
 * @param outcome what the client will be told
 * @param prefill the prefill leg
 * @param unpulled whether prefill holds blocks for a decode leg that was cancelled: then it must be told to let go of them,
 *     as it would wait for their receiver
 */
record Settling(Outcome outcome, int prefill, boolean unpulled) implements RequestState {
    static Step await(Outcome outcome, int prefill, boolean unpulled, List<Action> before) {
        List<Action> actions = new ArrayList<>(before);
        actions.add(new Action.AwaitPrefillDone());
        return new Step(new Settling(outcome, prefill, unpulled), actions);
    }

    @Override
    public Step on(Event event) {
        return switch (event) {
            case Event.PrefillDone(int leg, PrefillFinished message)
            when leg == prefill -> finished(outcome.prefill() == null ? outcome.withPrefill(message) : outcome);
            case Event.LegClosed(int leg) when leg == prefill -> finished(outcome);
            case Event.LegFailed failure when failure.leg() == prefill -> finished(outcome);
            case Event.SettleTimeout _ -> finished(outcome);
            case Event.Abort(BatonException error)
            when error.code() == ErrorCode.DEADLINE_EXCEEDED -> finished(outcome);
            case Event.Abort(BatonException error) -> Ended.failed(error, new Action.CancelLeg(prefill));
            // Blocks of the last chunk may still be described; nobody needs them.
            case Event.OfLeg _, Event.TryAgain _ -> Step.stay(this);
        };
    }

    private Step finished(Outcome told) {
        Action tell = new Action.TellFinished(told);
        return unpulled ? Step.to(Ended.INSTANCE, new Action.CancelLeg(prefill), tell) : Step.to(Ended.INSTANCE, tell);
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
