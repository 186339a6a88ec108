package io.baton.router.life;

import io.baton.error.BatonException;

/**
 * Nothing runs for the request: it has not been admitted yet, a hand-over failed and is tried again in a moment, or the client has tokens and there is no
 * worker to continue the stream with, where one may come (back) in time.
 */
record Recovering(Trail trail) implements RequestState {
    @Override
    public Step on(Event event) {
        return switch (event) {
            case Event.TryAgain _ -> trail.attempt(java.util.List.of());
            case Event.Abort(BatonException error) -> Ended.failed(error);
            case Event.OfLeg _, Event.SettleTimeout _ -> Step.stay(this);
        };
    }

    @Override
    public int awaitedLeg() {
        return 0;
    }

    @Override
    public Phase phase() {
        return trail.resume() == null ? Phase.WAITING : Phase.RUNNING;
    }
}
