package io.baton.router.life;

import io.baton.error.BatonException;
import io.baton.inference.v1.GenerateStarted;
import io.baton.prefill.v1.PrefillAccepted;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A leg was opened for the prompt, which has not been accepted yet.
 *
 * @param prefill the leg: at a prefill worker, or at a decode worker that is to compute the prompt itself
 */
record Starting(Trail trail, int prefill) implements RequestState {
    @Override
    public Step on(Event event) {
        return switch (event) {
            case Event.Accepted(int leg, PrefillAccepted message) when leg == prefill -> accepted(message);
            case Event.AcceptedLocally(int leg, PrefillAccepted message)
            when leg == prefill -> acceptedLocally(message);
            case Event.LegFailed failure when failure.leg() == prefill -> trail.retryOrFail(failure);
            case Event.OfLeg other
            when other.leg() == prefill ->
                Ended.failed(
                        Violations.unexpected("prefill", other, "it had not accepted the prompt"),
                        new Action.CancelLeg(prefill));
            case Event.Abort(BatonException error) -> Ended.failed(error, new Action.CancelLeg(prefill));
            case Event.OfLeg _, Event.TryAgain _, Event.SettleTimeout _ -> Step.stay(this);
        };
    }

    private Step accepted(PrefillAccepted message) {
        String problem = problem(message);
        if (problem != null) {
            return Ended.failed(Violations.bad("prefill", problem), new Action.CancelLeg(prefill));
        }
        Accepted accepted = Accepted.of(message, trail);
        List<Action> actions = tellStarted(message);
        if (accepted.maxTokens() - trail.progress().tokens() == 1) {
            actions.add(new Action.SendGo(prefill, ""));
            return new Step(Prefilling.alone(trail.told(), prefill, accepted), actions);
        }
        Trail next = trail.told().nextLeg();
        actions.add(new Action.OpenDecode(next.lastLeg(), accepted.reserve(next), next.excluded()));
        return new Step(new Reserving(next, prefill, next.lastLeg(), accepted), actions);
    }

    private Step acceptedLocally(PrefillAccepted message) {
        String problem = problem(message);
        return problem == null
                ? new Step(
                        new Computing(trail.told(), prefill, Accepted.of(message, trail), null), tellStarted(message))
                : Ended.failed(Violations.bad("decode", problem), new Action.CancelLeg(prefill));
    }

    private List<Action> tellStarted(PrefillAccepted message) {
        List<Action> actions = new ArrayList<>();
        if (!trail.startedTold()) {
            Generation generation = trail.generation();
            actions.add(new Action.TellStarted(GenerateStarted.newBuilder()
                    .setRequestId(generation.name())
                    .setModel(generation.request().getModel())
                    .setPromptTokens(message.getPromptTokens())
                    .setSeed(generation.seed())
                    .build()));
        }
        return actions;
    }

    private @Nullable String problem(PrefillAccepted message) {
        int tokens = message.getPromptTokens();
        long expected = (long) (tokens + trail.progress().tokens()) * Integer.BYTES;
        if (tokens < 1 || message.getTokenIds().size() != expected) {
            return "accepted " + tokens + " prompt tokens with "
                    + message.getTokenIds().size() + " bytes of token ids";
        }
        Resume resume = trail.resume();
        if (resume != null && !message.getTokenIds().equals(resume.tokenIds())) {
            return "accepted other tokens than those of the stream that it is to continue";
        }
        if (message.getBlockSize() < 1) {
            return "accepted with a block size of " + message.getBlockSize();
        }
        if (message.getMaxTokens() <= trail.progress().tokens()) {
            return "accepted with max_tokens of " + message.getMaxTokens();
        }
        return message.hasLayout() || message.getMaxTokens() - trail.progress().tokens() == 1
                ? null
                : "accepted without a KV layout";
    }

    @Override
    public int awaitedLeg() {
        return prefill;
    }

    @Override
    public Phase phase() {
        return Phase.WAITING;
    }
}
