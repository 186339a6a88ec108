package io.baton.router.life;

import static io.baton.router.life.Story.clientGone;
import static io.baton.router.life.Story.decodeDone;
import static io.baton.router.life.Story.failed;
import static io.baton.router.life.Story.firstToken;
import static io.baton.router.life.Story.landed;
import static io.baton.router.life.Story.onlyToken;
import static io.baton.router.life.Story.prefillDone;
import static io.baton.router.life.Story.ready;
import static io.baton.router.life.Story.reserved;
import static io.baton.router.life.Story.token;
import static org.assertj.core.api.Assertions.assertThat;

import io.baton.decode.v1.DecodeFinished;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.inference.v1.TokenOutput;
import io.baton.router.fake.Samples;
import io.baton.router.life.RequestState.Phase;
import org.junit.jupiter.api.Test;

class LifeAfterFirstTokenTest {
    @Test
    void shouldOfferBlocksThatComeAfterTheFirstToken() {
        // When
        Story story = Story.prefilling(10).then(ready(1, 0)).then(firstToken(1)).then(ready(1, 1));
        // Then
        assertThat(story.actions()).containsExactly(new Action.SendOffer(2, Story.blocks(1)));
    }

    @Test
    void shouldReleasePrefillAsSoonAsEveryBlockHasLanded() {
        // Given
        Story story = Story.handingOver();
        // When
        story.then(landed(2, 1));
        // Then
        assertThat(story.actions()).isEmpty();
        // When
        story.then(landed(2, 2));
        // Then
        assertThat(story.actions()).containsExactly(new Action.HalfClose(1));
        assertThat(story.state()).isInstanceOf(Decoding.class);
    }

    @Test
    void shouldTakeATokenAsProofThatEveryBlockHasLanded() {
        // When
        Story story = Story.handingOver().then(token(2, 1));
        // Then
        assertThat(story.actions()).containsExactly(new Action.HalfClose(1), new Action.TellOutput(Story.output(1)));
        assertThat(story.state()).isInstanceOf(Decoding.class);
    }

    @Test
    void shouldTakeTheEndAsProofThatEveryBlockHasLanded() {
        // When
        Story story = Story.handingOver().then(prefillDone(1)).then(decodeDone(2, ""));
        // Then
        assertThat(story.actions().getFirst()).isEqualTo(new Action.HalfClose(1));
        assertThat(story.action(Action.TellFinished.class).outcome().prefill()).isNotNull();
    }

    @Test
    void shouldRelayTokensAndTheTextThatWasHeldBack() {
        // Given
        Story story = Story.decoding().then(prefillDone(1));
        // When
        story.then(token(2, 1));
        // Then
        assertThat(story.actions()).containsExactly(new Action.TellOutput(Story.output(1)));
        // When
        story.then(decodeDone(2, "rest"));
        // Then
        TokenOutput rest = story.action(Action.TellOutput.class).output();
        assertThat(rest.getText()).isEqualTo("rest");
        assertThat(rest.getTokenIds().isEmpty()).isTrue();
        assertThat(rest.getIndex()).isEqualTo(2);
        Outcome outcome = story.action(Action.TellFinished.class).outcome();
        assertThat(outcome.promptTokens()).isEqualTo(Story.PROMPT);
        assertThat(outcome.completion().getCompletionTokens()).isEqualTo(2);
        assertThat(outcome.decode()).isNotNull();
        assertThat(story.state().phase()).isEqualTo(Phase.ENDED);
    }

    @Test
    void shouldWaitForPrefillsReportAtTheEnd() {
        // Given
        Story story = Story.decoding().then(token(2, 1)).then(decodeDone(2, ""));
        assertThat(story.actions()).containsExactly(new Action.AwaitPrefillDone());
        assertThat(story.state()).isInstanceOf(Settling.class);
        // When
        story.then(prefillDone(1));
        // Then
        assertThat(story.action(Action.TellFinished.class).outcome().prefill())
                .isEqualTo(prefillDone(1).message());
    }

    @Test
    void shouldFinishWithoutPrefillsReportIfItDoesNotCome() {
        BatonException deadline = new BatonException(ErrorCode.DEADLINE_EXCEEDED, "late");
        for (Event event : new Event[] {
            new Event.SettleTimeout(),
            new Event.LegClosed(1),
            failed(1, ErrorCode.WORKER_LOST),
            new Event.Abort(deadline)
        }) {
            Story story = Story.decoding().then(decodeDone(2, "")).then(event);
            assertThat(story.action(Action.TellFinished.class).outcome().prefill())
                    .isNull();
            assertThat(story.state().phase()).isEqualTo(Phase.ENDED);
        }
    }

    @Test
    void shouldStopWaitingForTheReportWhenTheClientLeaves() {
        // When
        Story story = Story.decoding().then(decodeDone(2, "")).then(clientGone());
        // Then
        assertThat(story.actions()).contains(new Action.CancelLeg(1));
        assertThat(story.action(Action.TellFailed.class).error().code()).isEqualTo(ErrorCode.CANCELLED);
    }

    @Test
    void shouldNotMindBlocksThatAreDescribedAfterAFinalFirstToken() {
        // When
        Story story = Story.prefilling(10).then(onlyToken(1)).then(ready(1, 1));
        // Then
        assertThat(story.actions()).isEmpty();
        assertThat(story.then(prefillDone(1))
                        .action(Action.TellFinished.class)
                        .outcome()
                        .decode())
                .isNull();
    }

    @Test
    void shouldNotNeedPrefillOnceEveryBlockHasLanded() {
        // When
        Story story = Story.decoding().then(failed(1, ErrorCode.WORKER_LOST));
        // Then
        assertThat(story.actions()).isEmpty();
        assertThat(story.then(token(2, 1)).actions()).containsExactly(new Action.TellOutput(Story.output(1)));
        assertThat(story.then(decodeDone(2, "")).state().phase()).isEqualTo(Phase.ENDED);
    }

    @Test
    void shouldLetDecodeDecideWhenPrefillIsLostWithEveryBlockDescribed() {
        // Given
        Story story = Story.handingOver().then(prefillDone(1)).then(failed(1, ErrorCode.WORKER_LOST));
        assertThat(story.actions()).isEmpty();
        // When
        story.then(landed(2, 2));
        // Then
        assertThat(story.actions()).as("nothing is left to release").isEmpty();
        assertThat(story.then(token(2, 1)).actions()).containsExactly(new Action.TellOutput(Story.output(1)));
    }

    @Test
    void shouldKeepWhatAContinuationNeeds() {
        // When
        Story story = Story.decoding().then(token(2, 1)).then(token(2, 2));
        // Then
        assertThat(story.state()).isInstanceOfSatisfying(Decoding.class, decoding -> {
            assertThat(decoding.progress().generated()).isEqualTo(Samples.ids(100, 101, 102));
            assertThat(decoding.progress().textBytes()).isEqualTo("t0 t1 t2 ".length());
        });
    }

    @Test
    void shouldRefuseATokenThatIsLostOrDoubled() {
        for (int index : new int[] {0, 2, 7}) {
            Story story = Story.decoding().then(token(2, index));
            assertThat(story.action(Action.TellFailed.class).error().code()).isEqualTo(ErrorCode.PROTOCOL_VIOLATION);
            assertThat(story.actions()).contains(new Action.CancelLeg(2));
        }
    }

    @Test
    void shouldRefuseTokenIdsThatAreNoInts() {
        // Given
        TokenOutput odd = Samples.token(1).toBuilder()
                .setTokenIds(Samples.ids(1).substring(1))
                .build();
        // When
        Story story = Story.decoding().then(new Event.Token(2, odd));
        // Then
        assertThat(story.action(Action.TellFailed.class).error().code()).isEqualTo(ErrorCode.PROTOCOL_VIOLATION);
    }

    @Test
    void shouldRefuseMessagesOutOfOrder() {
        for (Story story : new Story[] {
            Story.handingOver().then(firstToken(1)),
            Story.handingOver().then(prefillDone(1)).then(ready(1, 1)),
            Story.handingOver().then(ready(1)),
            Story.handingOver().then(new Event.LegClosed(1)),
            Story.handingOver().then(new Event.LegClosed(2)),
            Story.handingOver().then(reserved(2)),
            Story.decoding().then(reserved(2)),
            Story.decoding().then(new Event.LegClosed(2)),
            Story.decoding().then(new Event.DecodeDone(2, DecodeFinished.getDefaultInstance())),
        }) {
            assertThat(story.action(Action.TellFailed.class).error().code()).isEqualTo(ErrorCode.PROTOCOL_VIOLATION);
            assertThat(story.state().phase()).isEqualTo(Phase.ENDED);
        }
    }

    @Test
    void shouldReleaseEveryLegWhenTheClientLeaves() {
        assertThat(Story.handingOver().then(clientGone()).actions())
                .startsWith(new Action.CancelLeg(1), new Action.CancelLeg(2));
        assertThat(Story.decoding().then(clientGone()).actions())
                .startsWith(new Action.CancelLeg(1), new Action.CancelLeg(2));
        assertThat(Story.decoding()
                        .then(new Event.LegClosed(1))
                        .then(clientGone())
                        .actions())
                .startsWith(new Action.CancelLeg(2));
    }

    @Test
    void shouldIgnoreEverythingOnceItIsOver() {
        // Given
        Story story = Story.decoding().then(clientGone());
        // When / Then
        for (Event event : new Event[] {
            token(2, 1), decodeDone(2, ""), failed(2, ErrorCode.WORKER_LOST), clientGone(), new Event.SettleTimeout()
        }) {
            assertThat(story.then(event).actions()).isEmpty();
        }
    }

    @Test
    void shouldAwaitTheLegThatIsToSpeak() {
        assertThat(Story.handingOver().state().awaitedLeg()).isEqualTo(2);
        assertThat(Story.decoding().state().awaitedLeg()).isEqualTo(2);
        assertThat(Story.decoding().then(decodeDone(2, "")).state().awaitedLeg())
                .isEqualTo(1);
        assertThat(Story.decoding().then(clientGone()).state().awaitedLeg()).isZero();
    }
}
