package io.baton.router.life;

import io.baton.error.BatonException;
import io.baton.inference.v1.Completion;
import io.baton.inference.v1.FinishReason;
import io.baton.prefill.v1.PrefillFinished;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The request is over. Whatever still arrives is stale. */
record Ended() implements RequestState {
    static final Ended INSTANCE = new Ended();

    /** The end by an error, after the actions that release what is held. */
    static Step failed(BatonException error, Action... release) {
        List<Action> actions = new ArrayList<>(List.of(release));
        actions.add(new Action.TellFailed(error));
        return new Step(INSTANCE, actions);
    }

    /**
     * All tokens were sent when the last worker was lost, so there is nothing to continue. Text that it held back, a piece of
     * a stop string or of a character, is lost with it.
     */
    static Step complete(Accepted accepted, Progress progress, @Nullable PrefillFinished report, Action... release) {
        List<Action> actions = new ArrayList<>(List.of(release));
        Completion completion = Completion.newBuilder()
                .setReason(FinishReason.FINISH_REASON_LENGTH)
                .setCompletionTokens(progress.tokens())
                .build();
        actions.add(new Action.TellFinished(new Outcome(completion, accepted.promptTokens(), report, null)));
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
