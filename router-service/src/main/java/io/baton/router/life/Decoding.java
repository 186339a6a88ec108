package io.baton.router.life;

import com.google.protobuf.ByteString;
import io.baton.decode.v1.DecodeFinished;
import io.baton.error.BatonException;
import io.baton.inference.v1.TokenOutput;
import io.baton.prefill.v1.PrefillFinished;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Decode has every block and generates; prefill was told to release.
 *
 * <p>A decode worker that drains leads to {@link Relocating}, unless nobody takes the stream. After a failed decode leg the stream goes on with other workers, from its {@link Progress}.
 *
 * @param prefill the half-closed prefill leg; 0 once it is gone
 * @param report prefill's closing report; null until it came
 */
record Decoding(
        Trail trail,
        int prefill,
        int decode,
        Accepted accepted,
        Progress progress,
        @Nullable PrefillFinished report) implements RequestState {

    @Override
    public Step on(Event event) {
        return switch (event) {
            case Event.Token(int leg, TokenOutput output) when leg == decode -> token(output);
            case Event.DecodeDone(int leg, DecodeFinished message) when leg == decode -> done(message);
            case Event.BlocksLanded(int leg, var _) when leg == decode -> Step.stay(this);
            case Event.Draining(int leg, String worker) when leg == decode -> Relocating.begin(this, worker);
            case Event.PrefillDone(int leg, PrefillFinished message)
            when isPrefill(leg) -> Step.stay(new Decoding(trail, prefill, decode, accepted, progress, message));
            // Nothing of prefill's is needed any more, so what becomes of its leg does not matter.
            case Event.LegClosed(int leg) when isPrefill(leg) -> withoutPrefill();
            case Event.LegFailed failure when isPrefill(failure.leg()) -> withoutPrefill();
            case Event.LegFailed failure when failure.leg() == decode -> lost(failure, 0);
            case Event.OfLeg other
            when other.leg() == decode -> fail(Violations.unexpected("decode", other, "it generated"), true);
            case Event.Abort(BatonException error) -> fail(error, true);
            case Event.OfLeg _, Event.TryAgain _, Event.SettleTimeout _ -> Step.stay(this);
        };
    }

    private Step token(TokenOutput output) {
        try {
            return Step.to(
                    new Decoding(trail, prefill, decode, accepted, progress.plus(output), report),
                    new Action.TellOutput(output));
        } catch (BatonException e) {
            return fail(e, true);
        }
    }

    private Step done(DecodeFinished message) {
        if (!message.hasCompletion()) {
            return fail(Violations.bad("decode", "ended without saying how"), true);
        }
        List<Action> actions = new ArrayList<>();
        if (!message.getText().isEmpty()) {
            actions.add(new Action.TellOutput(TokenOutput.newBuilder()
                    .setTextBytes(message.getTextBytes())
                    .setIndex(progress.tokens())
                    .build()));
        }
        PrefillFinished shown = trail.firstReport(report);
        Outcome outcome = new Outcome(message.getCompletion(), accepted.promptTokens(), shown, message);
        if (shown == null && prefill != 0) {
            return Settling.await(outcome, prefill, false, actions);
        }
        actions.add(new Action.TellFinished(outcome));
        return new Step(Ended.INSTANCE, actions);
    }

    /** The same stream with what a leg that takes it over needs: numbers of its own. */
    Decoding nextAttempt() {
        return new Decoding(trail.nextAttempt(), prefill, decode, accepted, progress, report);
    }

    /** The same stream on the worker that has taken it over. */
    Decoding on(int taker) {
        return new Decoding(trail, prefill, taker, accepted, progress, report);
    }

    /** Token ids of all rows in decode's cache: prompt and generated, all but the last one. */
    ByteString computed() {
        return accepted.prompt().concat(progress.generatedButLast());
    }

    /** How many rows decode's cache has. */
    int computedTokens() {
        return accepted.promptTokens() + progress.tokens() - 1;
    }

    /** The stream is lost where it is. */
    Step lost(Event.LegFailed failure, int otherDecode) {
        List<Action> before = new ArrayList<>();
        if (prefill != 0) {
            before.add(new Action.CancelLeg(prefill));
        }
        if (otherDecode != 0) {
            before.add(new Action.CancelLeg(otherDecode));
        }
        return trail.resumeOrFail(failure, accepted, progress, report, before.toArray(Action[]::new));
    }

    private Step withoutPrefill() {
        return Step.stay(new Decoding(trail, 0, decode, accepted, progress, report));
    }

    private boolean isPrefill(int leg) {
        return prefill != 0 && leg == prefill;
    }

    private Step fail(BatonException error, boolean cancelDecode) {
        List<Action> actions = new ArrayList<>();
        if (prefill != 0) {
            actions.add(new Action.CancelLeg(prefill));
        }
        if (cancelDecode) {
            actions.add(new Action.CancelLeg(decode));
        }
        return Ended.failed(error, actions.toArray(Action[]::new));
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
