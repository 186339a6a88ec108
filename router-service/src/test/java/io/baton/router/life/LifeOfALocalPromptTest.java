package io.baton.router.life;

import static io.baton.router.life.Story.accepted;
import static io.baton.router.life.Story.acceptedAgain;
import static io.baton.router.life.Story.clientGone;
import static io.baton.router.life.Story.decodeDone;
import static io.baton.router.life.Story.failed;
import static io.baton.router.life.Story.firstToken;
import static io.baton.router.life.Story.landed;
import static io.baton.router.life.Story.nextToken;
import static io.baton.router.life.Story.noWorker;
import static io.baton.router.life.Story.prefillDone;
import static io.baton.router.life.Story.ready;
import static io.baton.router.life.Story.reserved;
import static io.baton.router.life.Story.token;
import static org.assertj.core.api.Assertions.assertThat;

import io.baton.error.ErrorCode;
import io.baton.inference.v1.GenerateRequest;
import io.baton.prefill.v1.PrefillAccepted;
import io.baton.router.fake.Samples;
import io.baton.router.life.RequestState.Phase;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Decode computes the prompt itself: one leg does everything. */
class LifeOfALocalPromptTest {
    private static Event.AcceptedLocally locally(Event.Accepted accepted) {
        return new Event.AcceptedLocally(accepted.leg(), accepted.message());
    }

    /** Up to the moment when decode computes. */
    private static Story computing() {
        return Story.of(10).then(locally(accepted(1, 10)));
    }

    /** Up to the moment when the client has two tokens. */
    private static Story generating() {
        return computing().then(prefillDone(1)).then(token(1, 0)).then(token(1, 1));
    }

    @Test
    void shouldTellTheClientAndOpenNoOtherLeg() {
        // When
        Story story = computing();
        // Then
        assertThat(story.actions()).singleElement().isInstanceOf(Action.TellStarted.class);
        assertThat(story.action(Action.TellStarted.class).started().getPromptTokens())
                .isEqualTo(Story.PROMPT);
        assertThat(story.state().phase()).isEqualTo(Phase.RUNNING);
        assertThat(story.state().awaitedLeg()).isEqualTo(1);
    }

    @Test
    void shouldRelayEveryTokenFromTheFirstOn() {
        // Given
        Story story = computing();
        // When / Then
        assertThat(story.then(prefillDone(1)).actions()).isEmpty();
        assertThat(story.then(token(1, 0)).actions()).containsExactly(new Action.TellOutput(Story.output(0)));
        assertThat(story.then(token(1, 1)).actions()).containsExactly(new Action.TellOutput(Story.output(1)));
        // When
        story.then(decodeDone(1, "rest"));
        // Then
        Outcome outcome = story.action(Action.TellFinished.class).outcome();
        assertThat(outcome.promptTokens()).isEqualTo(Story.PROMPT);
        assertThat(outcome.prefill()).isEqualTo(prefillDone(1).message());
        assertThat(outcome.decode()).isNotNull();
        assertThat(story.actions()).hasSize(2);
        assertThat(story.state().phase()).isEqualTo(Phase.ENDED);
    }

    @Test
    void shouldEndWithTheFirstTokenIfItIsTheLast() {
        // When
        Story story = computing().then(prefillDone(1)).then(token(1, 0)).then(decodeDone(1, ""));
        // Then
        assertThat(story.actions()).singleElement().isInstanceOf(Action.TellFinished.class);
    }

    @Test
    void shouldAskForNoMoreTokensThanTheRouterAllows() {
        // Given
        GenerateRequest.Builder request = Samples.request("prompt", 5).toBuilder();
        request.getStopBuilder().clearMaxTokens();
        // When
        Story unlimited = Story.of(request.build(), Story.LIMITS);
        Story limited = Story.of(5);
        // Then
        assertThat(unlimited.action(Action.OpenPrefill.class).start().getStop().getMaxTokens())
                .isEqualTo(Story.LIMITS.defaultMaxTokens());
        assertThat(limited.action(Action.OpenPrefill.class).start().getStop().getMaxTokens())
                .isEqualTo(5);
    }

    @Test
    void shouldAskAnotherWorkerIfTheFirstRefuses() {
        // When
        Story story = Story.of(10).then(failed(1, ErrorCode.KV_FULL));
        // Then
        Action.OpenPrefill open = story.action(Action.OpenPrefill.class);
        assertThat(open.excluded()).containsExactly("worker-1");
        assertThat(open.start().getAttempt()).isEqualTo(2);
        // When there is none
        story.then(noWorker(2));
        // Then
        assertThat(story.action(Action.TellFailed.class).error().code()).isEqualTo(ErrorCode.KV_FULL);
    }

    @Test
    void shouldBeginAgainIfDecodeIsLostBeforeTheFirstToken() {
        // When
        Story story = computing().then(failed(1, ErrorCode.WORKER_LOST));
        // Then
        Action.OpenPrefill open = story.action(Action.OpenPrefill.class);
        assertThat(open.start().hasContinuation()).isFalse();
        assertThat(open.excluded()).containsExactly("worker-1");
        // When a prefill worker takes it
        story.then(accepted(2, 10)).then(reserved(3)).then(firstToken(2));
        // Then
        assertThat(story.actions()).contains(new Action.TellOutput(Story.output(0)));
    }

    @Test
    void shouldContinueLocallyOrNotIfDecodeIsLostInMidStream() {
        // Given
        Story locally = generating().then(failed(1, ErrorCode.WORKER_LOST));
        Story byPrefill = generating().then(failed(1, ErrorCode.WORKER_LOST));
        assertThat(locally.action(Action.OpenPrefill.class)
                        .start()
                        .getContinuation()
                        .getTokensSent())
                .isEqualTo(2);
        // When
        locally.then(locally(acceptedAgain(2, 10, 100, 101)))
                .then(prefillDone(2))
                .then(token(2, 2));
        byPrefill.then(acceptedAgain(2, 10, 100, 101)).then(reserved(3)).then(nextToken(2, 2));
        // Then
        assertThat(locally.actions()).containsExactly(new Action.TellOutput(Story.output(2)));
        assertThat(byPrefill.actions()).contains(new Action.TellOutput(Story.output(2)));
        // When / Then: what was computed first is reported
        assertThat(locally.then(decodeDone(2, ""))
                        .action(Action.TellFinished.class)
                        .outcome()
                        .prefill())
                .isEqualTo(prefillDone(1).message());
    }

    @Test
    void shouldContinueLocallyWhatPrefillHadBegun() {
        // Given prefill is lost with blocks that were not described
        Story story = Story.prefilling(10).then(ready(1, 0)).then(firstToken(1)).then(failed(1, ErrorCode.WORKER_LOST));
        // When
        story.then(locally(acceptedAgain(3, 10, 100)));
        // Then
        assertThat(story.actions()).isEmpty();
        assertThat(story.then(token(3, 1)).actions()).containsExactly(new Action.TellOutput(Story.output(1)));
    }

    @Test
    void shouldHandAStreamOverThatDecodeComputedItself() {
        // When
        Story story = generating().then(new Event.Draining(1, "worker-1"));
        // Then
        Action.OpenTaker open = story.action(Action.OpenTaker.class);
        assertThat(open.reserve().getTokenIds()).isEqualTo(Samples.ids(1, 2, 3, 4, 5, 6, 100));
        assertThat(open.reserve().getCells()).isEqualTo(Story.PROMPT + 10);
        assertThat(open.reserve().getLayout()).isEqualTo(Samples.LAYOUT);
        // When
        story.then(reserved(2)).then(new Event.Stopped(1));
        // Then
        assertThat(story.action(Action.SendStart.class).start().getGeneratedTokenIds())
                .isEqualTo(Samples.ids(100, 101));
        // When
        story.then(ready(1, 0)).then(landed(2, 2));
        // Then
        assertThat(story.actions()).contains(new Action.HalfClose(1), new Action.CountHandOver());
    }

    static Stream<Event> unexpected() {
        return Stream.of(
                reserved(1),
                ready(1, 0),
                landed(1, 1),
                firstToken(1),
                new Event.Draining(1, "worker-1"),
                new Event.Stopped(1),
                new Event.Unknown(1),
                new Event.LegClosed(1),
                decodeDone(1, ""),
                locally(accepted(1, 10)));
    }

    @ParameterizedTest
    @MethodSource("unexpected")
    void shouldEndTheRequestIfDecodeBreaksTheProtocol(Event event) {
        // When
        Story story = computing().then(event);
        // Then
        assertThat(story.action(Action.TellFailed.class).error().code()).isEqualTo(ErrorCode.PROTOCOL_VIOLATION);
        assertThat(story.actions()).contains(new Action.CancelLeg(1));
        assertThat(story.state().phase()).isEqualTo(Phase.ENDED);
    }

    static Stream<UnaryOperator<PrefillAccepted.Builder>> contradictions() {
        return Stream.of(
                b -> b.setPromptTokens(5),
                b -> b.setMaxTokens(0),
                b -> b.setBlockSize(0),
                PrefillAccepted.Builder::clearLayout);
    }

    @ParameterizedTest
    @MethodSource("contradictions")
    void shouldRefuseAnAcceptanceThatContradictsItself(UnaryOperator<PrefillAccepted.Builder> change) {
        // Given
        PrefillAccepted right = accepted(1, 10).message();
        // When
        Story story = Story.of(10)
                .then(new Event.AcceptedLocally(
                        1, change.apply(right.toBuilder()).build()));
        // Then
        assertThat(story.action(Action.TellFailed.class).error().code()).isEqualTo(ErrorCode.PROTOCOL_VIOLATION);
        assertThat(story.actions()).contains(new Action.CancelLeg(1));
    }

    @Test
    void shouldCancelTheLegWhenTheClientGoes() {
        assertThat(computing().then(clientGone()).actions()).contains(new Action.CancelLeg(1));
        assertThat(generating().then(clientGone()).actions()).contains(new Action.CancelLeg(1));
    }

    @Test
    void shouldIgnoreWhatOlderLegsSay() {
        // Given
        Story story =
                Story.prefilling(10).then(failed(1, ErrorCode.WORKER_LOST)).then(locally(accepted(3, 10)));
        RequestState before = story.state();
        // When / Then
        for (Event stale :
                new Event[] {firstToken(1), landed(2, 1), token(2, 0), prefillDone(1), new Event.TryAgain()}) {
            assertThat(story.then(stale).actions()).isEmpty();
            assertThat(story.state()).isEqualTo(before);
        }
    }
}
