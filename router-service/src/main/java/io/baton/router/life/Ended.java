package io.baton.router.life;

import io.baton.error.BatonException;
import java.util.ArrayList;
import java.util.List;

/** The request is over. Whatever still arrives is stale. */
record Ended() implements RequestState {
    static final Ended INSTANCE = new Ended();

    /** The end by an error, after the actions that release what is held. */
    static Step failed(BatonException error, Action... release) {
        List<Action> actions = new ArrayList<>(List.of(release));
        actions.add(new Action.TellFailed(error));
        return new Step(INSTANCE, actions);
    }

    @Override
    public Step on(Event event) {
        return Step.stay(this);
    }

    @Override
    public int awaitedLeg() {
        return 0;
    }

    @Override
    public Phase phase() {
        return Phase.ENDED;
    }
}
