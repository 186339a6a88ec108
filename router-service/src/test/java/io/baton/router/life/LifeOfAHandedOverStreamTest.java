package io.baton.router.life;

import static io.baton.router.life.Story.clientGone;
import static io.baton.router.life.Story.decodeDone;
import static io.baton.router.life.Story.failed;
import static io.baton.router.life.Story.landed;
import static io.baton.router.life.Story.noWorker;
import static io.baton.router.life.Story.prefillDone;
import static io.baton.router.life.Story.ready;
import static io.baton.router.life.Story.reserved;
import static io.baton.router.life.Story.token;
import static org.assertj.core.api.Assertions.assertThat;

import io.baton.decode.v1.DecodeReserve;
import io.baton.decode.v1.DecodeReserved;
import io.baton.decode.v1.DecodeStart;
import io.baton.error.ErrorCode;
import io.baton.router.fake.Samples;
import io.baton.router.life.RequestState.Phase;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Leg 1 is prefill's, leg 2 that of the decode worker that drains, leg 3 that of the first one asked to take over. */
class LifeOfAHandedOverStreamTest {
    private static final Event DRAINING = new Event.Draining(2, "worker-2");
    private static final Event STOPPED = new Event.Stopped(2);

    /** Two tokens were sent, and another worker was asked. */
    private static Story relocating() {
        return Story.decoding().then(prefillDone(1)).then(token(2, 1)).then(DRAINING);
    }

    /** The other worker has reserved, and decode was told to hand over. */
    private static Story told() {
        return relocating().then(reserved(3));
    }

    /** Four tokens were sent: the cache has nine rows, which are three blocks. */
    private static Story takingOver() {
        return told().then(token(2, 2)).then(token(2, 3)).then(STOPPED);
    }

    @Test
    void shouldAskAnotherWorkerForTheSameCells() {
        // When
        Story story = relocating();
        // Then
        assertThat(story.actions()).hasSize(1);
        Action.OpenTaker open = story.action(Action.OpenTaker.class);
        assertThat(open.leg()).isEqualTo(3);
        assertThat(open.excluded()).containsExactly("worker-2");
        DecodeReserve reserve = open.reserve();
        assertThat(reserve.getTokenIds()).isEqualTo(Samples.ids(1, 2, 3, 4, 5, 6, 100));
        assertThat(reserve.getCells()).isEqualTo(6 + 10);
        assertThat(reserve.getAttempt()).isEqualTo(2);
        assertThat(reserve.getOpenEnded()).isTrue();
        assertThat(story.state().awaitedLeg()).isEqualTo(2);
        assertThat(story.state().phase()).isEqualTo(Phase.RUNNING);
    }

    @Test
    void shouldGoOnUntilTheStreamStops() {
        // Given
        Story story = relocating();
        // When / Then
        assertThat(story.then(token(2, 2)).actions()).containsExactly(new Action.TellOutput(Story.output(2)));
        assertThat(story.then(reserved(3)).actions()).containsExactly(new Action.SendHandOver(2, "decode-a", 2));
        assertThat(story.then(token(2, 3)).actions()).containsExactly(new Action.TellOutput(Story.output(3)));
    }

    @Test
    void shouldTellTheOtherWorkerAllTokensOnceTheStreamHasStopped() {
        // When
        Story story = takingOver();
        // Then
        assertThat(story.action(Action.SendExtend.class))
                .isEqualTo(new Action.SendExtend(3, Samples.ids(1, 2, 3, 4, 5, 6, 100, 101, 102)));
        DecodeStart start = story.action(Action.SendStart.class).start();
        assertThat(start.getGeneratedTokenIds()).isEqualTo(Samples.ids(100, 101, 102, 103));
        assertThat(start.getPromptTokens()).isEqualTo(6);
        assertThat(start.getTokensSent()).isEqualTo(4);
        assertThat(start.getTextBytesSent()).isEqualTo("t0 t1 t2 t3 ".length());
        assertThat(start.getStop().getMaxTokens()).isEqualTo(10);
        assertThat(story.state().awaitedLeg()).isEqualTo(3);
    }

    @Test
    void shouldPassTheBlocksOnAndReleaseTheFirstWorkerWhenAllHaveLanded() {
        // Given
        Story story = takingOver();
        // When / Then
        assertThat(story.then(ready(2, 0)).actions()).containsExactly(new Action.SendOffer(3, Story.blocks(0)));
        assertThat(story.then(landed(3, 2)).actions()).isEmpty();
        assertThat(story.then(landed(3, 3)).actions())
                .containsExactly(new Action.HalfClose(2), new Action.CountHandOver());
        assertThat(story.then(ready(2, 2)).actions())
                .as("a block that nobody needs")
                .isEmpty();
        assertThat(story.then(token(3, 4)).actions()).containsExactly(new Action.TellOutput(Story.output(4)));
        Outcome outcome =
                story.then(decodeDone(3, "")).action(Action.TellFinished.class).outcome();
        assertThat(outcome.promptTokens()).isEqualTo(6);
        assertThat(outcome.prefill()).isEqualTo(prefillDone(1).message());
    }

    @Test
    void shouldTakeATokenOrTheEndAsProofThatEveryBlockHasLanded() {
        assertThat(takingOver().then(token(3, 4)).actions())
                .containsExactly(
                        new Action.HalfClose(2), new Action.CountHandOver(), new Action.TellOutput(Story.output(4)));
        Story ended = takingOver().then(decodeDone(3, ""));
        assertThat(ended.actions()).contains(new Action.HalfClose(2));
        assertThat(ended.state().phase()).isEqualTo(Phase.ENDED);
    }

    @Test
    void shouldKeepWhatPrefillReportsMeanwhile() {
        // Given prefill has not reported yet
        Story story = Story.decoding()
                .then(token(2, 1))
                .then(DRAINING)
                .then(reserved(3))
                .then(STOPPED)
                .then(prefillDone(1))
                .then(new Event.LegClosed(1));
        // When
        story.then(landed(3, 2)).then(decodeDone(3, ""));
        // Then
        assertThat(story.action(Action.TellFinished.class).outcome().prefill())
                .isEqualTo(prefillDone(1).message());
    }

    @Test
    void shouldAskOneAfterTheOtherAndStayWhereNobodyHasRoom() {
        // When
        Story story = relocating().then(failed(3, ErrorCode.KV_FULL));
        // Then
        Action.OpenTaker open = story.action(Action.OpenTaker.class);
        assertThat(open.leg()).isEqualTo(4);
        assertThat(open.excluded()).containsExactlyInAnyOrder("worker-2", "worker-3");
        assertThat(open.reserve().getAttempt()).isEqualTo(3);
        // When
        story.then(noWorker(4));
        // Then
        assertThat(story.actions()).isEmpty();
        assertThat(story.state()).isInstanceOf(Decoding.class);
        assertThat(story.then(token(2, 2)).actions()).containsExactly(new Action.TellOutput(Story.output(2)));
    }

    @Test
    void shouldRecoverWithinTheWholeRetryBudgetAfterAHandOverThatWasRefused() {
        // Given the budget is two
        Story story = relocating().then(failed(3, ErrorCode.KV_FULL)).then(noWorker(4));
        // When
        story.then(failed(2, ErrorCode.WORKER_LOST));
        // Then
        assertThat(story.action(Action.OpenPrefill.class).start().getAttempt()).isEqualTo(4);
        story.then(failed(5, ErrorCode.WORKER_LOST));
        assertThat(story.actions()).hasOnlyElementsOfType(Action.OpenPrefill.class);
    }

    @Test
    void shouldLetTheOtherWorkerGoWhenTheStreamEndsBeforeItStops() {
        for (Story story : new Story[] {relocating(), told()}) {
            story.then(decodeDone(2, ""));
            assertThat(story.actions()).startsWith(new Action.CancelLeg(3));
            assertThat(story.action(Action.TellFinished.class).outcome().completion())
                    .isEqualTo(Story.completion(2));
        }
    }

    @Test
    void shouldRecoverWhenTheDrainingWorkerIsLost() {
        for (Story story : new Story[] {relocating(), told(), takingOver()}) {
            story.then(failed(2, ErrorCode.WORKER_LOST));
            assertThat(story.actions()).contains(new Action.CancelLeg(3));
            Action.OpenPrefill open = story.action(Action.OpenPrefill.class);
            assertThat(open.excluded()).containsExactly("worker-2");
            assertThat(open.start().getAttempt()).isEqualTo(3);
        }
    }

    @Test
    void shouldRecoverWhenTheOtherWorkerIsLostAfterTheOrderToHandOver() {
        for (Story story : new Story[] {told(), takingOver()}) {
            story.then(failed(3, ErrorCode.WORKER_LOST));
            assertThat(story.actions()).contains(new Action.CancelLeg(2));
            Action.OpenPrefill open = story.action(Action.OpenPrefill.class);
            assertThat(open.excluded()).containsExactly("worker-3");
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"PULL_FAILED", "LEASE_EXPIRED", "BLOCK_CORRUPT"})
    void shouldRecoverAfterAPullThatFailed(ErrorCode code) {
        // When
        Story story = takingOver().then(ready(2, 0)).then(failed(3, code));
        // Then
        assertThat(story.actions()).contains(new Action.CancelLeg(2), new Action.AwaitWorkers(0));
    }

    @Test
    void shouldCancelBothWhenTheClientLeaves() {
        for (Story story : new Story[] {relocating(), told(), takingOver()}) {
            story.then(clientGone());
            assertThat(story.actions()).contains(new Action.CancelLeg(2), new Action.CancelLeg(3));
            assertThat(story.action(Action.TellFailed.class).error().code()).isEqualTo(ErrorCode.CANCELLED);
        }
    }

    @Test
    void shouldMoveOnWhenTheOtherWorkerDrainsToo() {
        // When
        Story story = takingOver().then(landed(3, 3)).then(new Event.Draining(3, "worker-3"));
        // Then
        Action.OpenTaker open = story.action(Action.OpenTaker.class);
        assertThat(open.leg()).isEqualTo(4);
        assertThat(open.excluded()).containsExactly("worker-3");
        assertThat(open.reserve().getAttempt()).isEqualTo(3);
        assertThat(open.reserve().getCells()).isEqualTo(6 + 10);
    }

    @Test
    void shouldLeaveTheStreamAloneWhenTheOtherWorkerMisbehaves() {
        for (Event wrong : new Event[] {
            token(3, 2), new Event.LegClosed(3), new Event.Reserved(3, DecodeReserved.getDefaultInstance())
        }) {
            Story story = relocating().then(wrong);
            assertThat(story.actions()).containsExactly(new Action.CancelLeg(3));
            assertThat(story.then(token(2, 2)).actions()).containsExactly(new Action.TellOutput(Story.output(2)));
        }
    }

    @Test
    void shouldFailAStreamWhoseHandOverBreaksTheProtocol() {
        for (Story story : new Story[] {
            told().then(token(3, 2)),
            takingOver().then(token(2, 4)),
            takingOver().then(ready(2)),
            takingOver().then(reserved(3)),
            relocating().then(STOPPED),
            Story.decoding().then(STOPPED)
        }) {
            assertThat(story.action(Action.TellFailed.class).error().code()).isEqualTo(ErrorCode.PROTOCOL_VIOLATION);
            assertThat(story.state().phase()).isEqualTo(Phase.ENDED);
        }
    }

    @Test
    void shouldKnowThatEveryBlockHasLandedWhenAStreamDrains() {
        // When
        Story story = Story.handingOver().then(DRAINING);
        // Then
        assertThat(story.actions()).startsWith(new Action.HalfClose(1));
        assertThat(story.action(Action.OpenTaker.class).reserve().getTokenIds())
                .isEqualTo(Samples.ids(1, 2, 3, 4, 5, 6));
    }

    @Test
    void shouldAskOnce() {
        assertThat(relocating().then(DRAINING).actions()).isEmpty();
    }
}
