package io.baton.router.life;

import static io.baton.router.life.Story.accepted;
import static io.baton.router.life.Story.clientGone;
import static io.baton.router.life.Story.failed;
import static io.baton.router.life.Story.firstToken;
import static io.baton.router.life.Story.landed;
import static io.baton.router.life.Story.noWorker;
import static io.baton.router.life.Story.onlyToken;
import static io.baton.router.life.Story.prefillDone;
import static io.baton.router.life.Story.ready;
import static io.baton.router.life.Story.reserved;
import static io.baton.router.life.Story.token;
import static org.assertj.core.api.Assertions.assertThat;

import io.baton.decode.v1.DecodeReserve;
import io.baton.decode.v1.DecodeStart;
import io.baton.error.ErrorCode;
import io.baton.inference.v1.GenerateRequest;
import io.baton.prefill.v1.PrefillAccepted;
import io.baton.prefill.v1.PrefillFirstToken;
import io.baton.prefill.v1.PrefillStart;
import io.baton.router.fake.Samples;
import io.baton.router.life.RequestState.Phase;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class LifeBeforeFirstTokenTest {
    @Test
    void shouldOpenPrefillWithEverythingThatTheClientAsked() {
        // Given
        GenerateRequest.Builder request =
                Samples.request("hello", 7).toBuilder().setTopLogprobs(3);
        request.getStopBuilder().addStop("end").setIgnoreEos(true);
        request.getSamplingBuilder().setTemperature(0.5f);
        // When
        Story story = Story.of(request.build(), Story.LIMITS);
        // Then
        Action.OpenPrefill open = story.action(Action.OpenPrefill.class);
        assertThat(open.leg()).isEqualTo(1);
        assertThat(open.excluded()).isEmpty();
        assertThat(open.start())
                .isEqualTo(PrefillStart.newBuilder()
                        .setRequestId("name~1")
                        .setAttempt(1)
                        .setModel(Samples.MODEL)
                        .setPrompt(request.getPrompt())
                        .setSampling(request.getSampling())
                        .setStop(request.getStop())
                        .setTopLogprobs(3)
                        .build());
        assertThat(story.state().phase()).isEqualTo(Phase.WAITING);
        assertThat(story.state().awaitedLeg()).isEqualTo(1);
    }

    @Test
    void shouldReserveOnDecodeWhenPrefillHasAccepted() {
        // When
        Story story = Story.of(10).then(accepted(1, 10));
        // Then
        assertThat(story.action(Action.TellStarted.class).started().getPromptTokens())
                .isEqualTo(Story.PROMPT);
        assertThat(story.action(Action.TellStarted.class).started().getSeed()).isEqualTo(42);
        Action.OpenDecode open = story.action(Action.OpenDecode.class);
        assertThat(open.leg()).isEqualTo(2);
        assertThat(open.reserve())
                .isEqualTo(DecodeReserve.newBuilder()
                        .setRequestId("name~1")
                        .setAttempt(1)
                        .setModel(Samples.MODEL)
                        .setTokenIds(Samples.ids(1, 2, 3, 4, 5, 6))
                        .setCells(16)
                        .setBlockSize(Samples.BLOCK_SIZE)
                        .setLayout(Samples.LAYOUT)
                        .build());
        assertThat(story.state()).isInstanceOf(Reserving.class);
    }

    @Test
    void shouldReserveNoMoreOutputThanTheCap() {
        // When
        Story story = Story.of(500).then(accepted(1, 500));
        // Then
        assertThat(story.action(Action.OpenDecode.class).reserve().getCells()).isEqualTo(Story.PROMPT + 100);
    }

    @Test
    void shouldUseTheDefaultWhereTheClientSetsNoMaxTokens() {
        // Given
        GenerateRequest.Builder request = Samples.request("hello", 1).toBuilder();
        request.getStopBuilder().clearMaxTokens();
        // When
        Story story = Story.of(request.build(), Story.LIMITS)
                .then(accepted(1, 4000))
                .then(reserved(2))
                .then(ready(1, 0))
                .then(firstToken(1));
        // Then
        assertThat(story.action(Action.SendStart.class).start().getStop().getMaxTokens())
                .isEqualTo(50);
    }

    @Test
    void shouldReserveNothingForOneToken() {
        // When
        Story story = Story.of(1).then(accepted(1, 1));
        // Then
        assertThat(story.actions())
                .hasSize(2)
                .anyMatch(Action.TellStarted.class::isInstance)
                .contains(new Action.SendGo(1, ""));
        // When
        story.then(onlyToken(1));
        // Then
        assertThat(story.actions())
                .containsExactly(
                        new Action.TellOutput(Story.output(0)), new Action.HalfClose(1), new Action.AwaitPrefillDone());
        // When
        story.then(prefillDone(1));
        // Then
        assertThat(story.action(Action.TellFinished.class).outcome().decode()).isNull();
        assertThat(story.state().phase()).isEqualTo(Phase.ENDED);
    }

    @Test
    void shouldRefuseAFirstTokenThatDoesNotEndARequestForOne() {
        // When
        Story story = Story.of(1).then(accepted(1, 1)).then(firstToken(1));
        // Then
        assertThat(story.action(Action.TellFailed.class).error().code()).isEqualTo(ErrorCode.PROTOCOL_VIOLATION);
    }

    @Test
    void shouldLetPrefillComputeForTheWorkerThatReserved() {
        // When
        Story story = Story.of(10).then(accepted(1, 10)).then(reserved(2));
        // Then
        assertThat(story.actions()).containsExactly(new Action.SendGo(1, "decode-a"));
        assertThat(story.state().phase()).isEqualTo(Phase.RUNNING);
    }

    @Test
    void shouldOfferTheBlocksOfAMessageTogetherAndAsTheyAre() {
        // Given
        Story story = Story.prefilling(10);
        // When
        story.then(ready(1, 0, 1));
        // Then
        Action.SendOffer offer = story.action(Action.SendOffer.class);
        assertThat(offer.leg()).isEqualTo(2);
        assertThat(offer.blocks()).isEqualTo(Story.blocks(0, 1));
    }

    @Test
    void shouldSendTheFirstTokenAndStartDecode() {
        // When
        Story story = Story.handingOver();
        // Then
        assertThat(story.actions().getFirst()).isEqualTo(new Action.TellOutput(Story.output(0)));
        DecodeStart start = story.action(Action.SendStart.class).start();
        assertThat(start.getGeneratedTokenIds()).isEqualTo(Samples.ids(100));
        assertThat(start.getSampling().getSeed()).isEqualTo(42);
        assertThat(start.getStop().getMaxTokens()).isEqualTo(10);
        assertThat(start.getPromptTokens()).isEqualTo(Story.PROMPT);
        assertThat(start.getTokensSent()).isEqualTo(1);
        assertThat(start.getTextBytesSent()).isEqualTo("t0 ".length());
        assertThat(story.state()).isInstanceOf(HandingOver.class);
    }

    @Test
    void shouldReleasePrefillWithTheFirstTokenIfEveryBlockHadLanded() {
        // When
        Story story = Story.prefilling(10)
                .then(ready(1, 0))
                .then(ready(1, 1))
                .then(landed(2, 1))
                .then(landed(2, 2))
                .then(firstToken(1));
        // Then
        assertThat(story.actions()).contains(new Action.HalfClose(1));
        assertThat(story.state()).isInstanceOf(Decoding.class);
    }

    @Test
    void shouldCancelDecodeIfTheFirstTokenIsFinal() {
        // When
        Story story = Story.prefilling(10).then(onlyToken(1));
        // Then
        assertThat(story.actions())
                .containsExactly(
                        new Action.TellOutput(Story.output(0)), new Action.CancelLeg(2), new Action.AwaitPrefillDone());
    }

    @Test
    void shouldHavePrefillLetGoOfBlocksThatNobodyPulls() {
        for (Event end : new Event[] {prefillDone(1), new Event.SettleTimeout()}) {
            // Given
            Story story = Story.prefilling(10).then(ready(1, 0)).then(onlyToken(1));
            // When
            story.then(end);
            // Then
            assertThat(story.actions()).contains(new Action.CancelLeg(1));
            assertThat(story.action(Action.TellFinished.class)).isNotNull();
        }
    }

    @Test
    void shouldTryAnotherDecodeForTheSamePrefillLeg() {
        // When
        Story story = Story.of(10).then(accepted(1, 10)).then(failed(2, ErrorCode.KV_FULL));
        // Then
        Action.OpenDecode open = story.action(Action.OpenDecode.class);
        assertThat(open.leg()).isEqualTo(3);
        assertThat(open.excluded()).containsExactly("worker-2");
        assertThat(open.reserve().getAttempt()).isEqualTo(1);
        // When
        story.then(reserved(2));
        // Then
        assertThat(story.actions()).as("the refused leg is stale").isEmpty();
        assertThat(story.then(reserved(3)).actions()).containsExactly(new Action.SendGo(1, "decode-a"));
    }

    @Test
    void shouldReleasePrefillIfNoOtherDecodeTakesTheRequest() {
        // When
        Story story = Story.of(10)
                .then(accepted(1, 10))
                .then(failed(2, ErrorCode.KV_FULL))
                .then(noWorker(3));
        // Then
        assertThat(story.actions()).contains(new Action.CancelLeg(1));
        assertThat(story.action(Action.TellFailed.class).error().code())
                .as("why the one that was asked refused")
                .isEqualTo(ErrorCode.KV_FULL);
    }

    @Test
    void shouldNotTryAgainWhereThereIsNoWorkerAtAll() {
        // When
        Story story = Story.of(10).then(noWorker(1));
        // Then
        assertThat(story.action(Action.TellFailed.class).error().code()).isEqualTo(ErrorCode.NO_WORKER);
    }

    @Test
    void shouldAskALostWorkerAgainWhenNobodyElseIsLeft() {
        // Given
        Story story = Story.of(10).then(accepted(1, 10)).then(failed(1, ErrorCode.WORKER_LOST));
        Action.OpenPrefill other = story.action(Action.OpenPrefill.class);
        assertThat(other.excluded()).containsExactly("worker-1");
        // When
        story.then(noWorker(other.leg()));
        // Then
        assertThat(story.actions()).containsExactly(new Action.AwaitWorkers(1));
        assertThat(story.state().phase()).isEqualTo(Phase.WAITING);
        // When
        story.then(new Event.TryAgain());
        // Then
        Action.OpenPrefill again = story.action(Action.OpenPrefill.class);
        assertThat(again.excluded()).isEmpty();
        // When
        story.then(noWorker(again.leg()));
        // Then
        assertThat(story.action(Action.TellFailed.class).error().code()).isEqualTo(ErrorCode.WORKER_LOST);
    }

    @ParameterizedTest
    @EnumSource(
            value = ErrorCode.class,
            names = {
                "KV_FULL",
                "QUEUE_FULL",
                "NO_WORKER",
                "DRAINING",
                "WORKER_LOST",
                "DESCRIPTOR_REFUSED",
                "DESCRIPTOR_FORGED",
                "RECEIVER_MISMATCH",
                "ROLE_REFUSED",
                "TENANT_MISMATCH",
                "LAYOUT_MISMATCH"
            })
    void shouldStartAgainElsewhereAfterAFailureThatAnotherWorkerMayNotHave(ErrorCode code) {
        // When
        Story story = Story.prefilling(10).then(ready(1, 0)).then(failed(2, code));
        // Then
        assertThat(story.actions().getFirst()).isEqualTo(new Action.CancelLeg(1));
        Action.OpenPrefill open = story.action(Action.OpenPrefill.class);
        assertThat(open.start().getAttempt()).isEqualTo(2);
        assertThat(open.excluded()).containsExactly("worker-2");
        assertThat(story.state().phase()).isEqualTo(Phase.WAITING);
    }

    @ParameterizedTest
    @EnumSource(
            names = {"BLOCK_NOT_FOUND", "BLOCK_SPENT", "LEASE_EXPIRED", "EPOCH_MISMATCH", "BLOCK_CORRUPT", "PULL_FAILED"
            })
    void shouldStartAgainAnywhereAfterAHandOverThatFailed(ErrorCode code) {
        // When
        Story story = Story.prefilling(10).then(ready(1, 0)).then(failed(2, code));
        // Then
        assertThat(story.actions()).containsExactly(new Action.CancelLeg(1), new Action.AwaitWorkers(0));
        assertThat(story.state().phase()).isEqualTo(Phase.WAITING);
        // When
        story.then(new Event.TryAgain());
        // Then
        assertThat(story.action(Action.OpenPrefill.class).excluded())
                .as("decode is not at fault for what prefill did not give")
                .isEmpty();
    }

    @Test
    void shouldWaitLongerBeforeEachHandOverThatIsTriedAgain() {
        // Given
        Story story = Story.prefilling(10).then(ready(1, 0)).then(failed(2, ErrorCode.PULL_FAILED));
        // When
        int leg = story.then(new Event.TryAgain())
                .action(Action.OpenPrefill.class)
                .leg();
        story.then(accepted(leg, 10)).then(reserved(leg + 1)).then(failed(leg + 1, ErrorCode.PULL_FAILED));
        // Then
        assertThat(story.action(Action.AwaitWorkers.class)).isEqualTo(new Action.AwaitWorkers(2));
    }

    @ParameterizedTest
    @EnumSource(
            value = ErrorCode.class,
            names = {
                "INVALID_REQUEST",
                "CONTEXT_LENGTH_EXCEEDED",
                "ENGINE_FAILED",
                "PROTOCOL_VIOLATION",
                "INTERNAL",
                "DEADLINE_EXCEEDED",
                "MODEL_NOT_FOUND"
            })
    void shouldFailAtOnceAfterAFailureThatWouldComeAgain(ErrorCode code) {
        // When
        Story story = Story.of(10).then(failed(1, code));
        // Then
        assertThat(story.action(Action.TellFailed.class).error().code()).isEqualTo(code);
    }

    @Test
    void shouldStayWithinTheRetryBudget() {
        // Given
        Story story = Story.of(10);
        // When
        story.then(failed(1, ErrorCode.WORKER_LOST)).then(failed(2, ErrorCode.WORKER_LOST));
        assertThat(story.action(Action.OpenPrefill.class).excluded()).containsExactlyInAnyOrder("worker-1", "worker-2");
        story.then(failed(3, ErrorCode.WORKER_LOST));
        // Then
        assertThat(story.action(Action.TellFailed.class).error().code()).isEqualTo(ErrorCode.WORKER_LOST);
    }

    @Test
    void shouldNotSpendTheBudgetOnWorkersThatDrain() {
        // Given as many refusals as when decode goes from four workers to one, more than the budget has retries
        Story story = Story.of(10)
                .then(accepted(1, 10))
                .then(failed(2, ErrorCode.DRAINING))
                .then(failed(3, ErrorCode.DRAINING))
                .then(failed(4, ErrorCode.DRAINING));
        assertThat(story.action(Action.OpenDecode.class).excluded())
                .containsExactlyInAnyOrder("worker-2", "worker-3", "worker-4");
        // When the budget is spent
        story.then(failed(5, ErrorCode.KV_FULL)).then(failed(6, ErrorCode.KV_FULL));
        assertThat(story.action(Action.OpenDecode.class).excluded()).hasSize(5);
        story.then(failed(7, ErrorCode.KV_FULL));
        // Then
        assertThat(story.action(Action.TellFailed.class).error().code()).isEqualTo(ErrorCode.KV_FULL);
    }

    @Test
    void shouldTellTheClientOnlyOnceThatItsRequestWasAccepted() {
        // When
        Story story =
                Story.prefilling(10).then(failed(1, ErrorCode.WORKER_LOST)).then(accepted(3, 10));
        // Then
        assertThat(story.actions()).noneMatch(Action.TellStarted.class::isInstance);
        assertThat(story.action(Action.OpenDecode.class).reserve().getAttempt()).isEqualTo(2);
    }

    @Test
    void shouldCancelDecodeWhenPrefillFailsWhileItReserves() {
        // When
        Story story = Story.of(10).then(accepted(1, 10)).then(failed(1, ErrorCode.WORKER_LOST));
        // Then
        assertThat(story.actions().getFirst()).isEqualTo(new Action.CancelLeg(2));
        assertThat(story.action(Action.OpenPrefill.class).start().getAttempt()).isEqualTo(2);
    }

    @Test
    void shouldIgnoreMessagesOfAnOlderAttempt() {
        // Given
        Story story = Story.prefilling(10).then(failed(2, ErrorCode.WORKER_LOST));
        // When
        story.then(firstToken(1));
        // Then
        assertThat(story.actions()).isEmpty();
        assertThat(story.state()).isInstanceOf(Starting.class);
    }

    @Test
    void shouldReleaseEveryLegWhenTheClientLeaves() {
        assertThat(Story.of(10).then(clientGone()).actions()).startsWith(new Action.CancelLeg(1));
        assertThat(Story.of(10).then(accepted(1, 10)).then(clientGone()).actions())
                .startsWith(new Action.CancelLeg(1), new Action.CancelLeg(2));
        assertThat(Story.prefilling(10).then(clientGone()).actions())
                .startsWith(new Action.CancelLeg(1), new Action.CancelLeg(2));
        assertThat(Story.of(1).then(accepted(1, 1)).then(clientGone()).actions())
                .startsWith(new Action.CancelLeg(1))
                .hasSize(2);
    }

    @Test
    void shouldRefuseMessagesOutOfOrder() {
        for (Story story : new Story[] {
            Story.of(10).then(firstToken(1)),
            Story.of(10).then(ready(1, 0)),
            Story.of(10).then(new Event.LegClosed(1)),
            Story.of(10).then(new Event.Unknown(1)),
            Story.of(10).then(accepted(1, 10)).then(ready(1, 0)),
            Story.of(10).then(accepted(1, 10)).then(accepted(1, 10)),
            Story.of(10).then(accepted(1, 10)).then(token(2, 1)),
            Story.of(10).then(accepted(1, 10)).then(new Event.LegClosed(2)),
            Story.prefilling(10).then(token(2, 1)),
            Story.prefilling(10).then(ready(1)),
            Story.prefilling(10).then(reserved(2)),
            Story.prefilling(10).then(prefillDone(1)),
            Story.prefilling(10).then(new Event.LegClosed(1)),
            Story.of(1).then(accepted(1, 1)).then(ready(1, 0)),
        }) {
            assertThat(story.action(Action.TellFailed.class).error().code()).isEqualTo(ErrorCode.PROTOCOL_VIOLATION);
            assertThat(story.actions()).anyMatch(Action.CancelLeg.class::isInstance);
            assertThat(story.state().phase()).isEqualTo(Phase.ENDED);
        }
    }

    @Test
    void shouldRefuseAnAcceptanceThatDoesNotAddUp() {
        PrefillAccepted good = accepted(1, 10).message();
        for (PrefillAccepted bad : new PrefillAccepted[] {
            good.toBuilder().setPromptTokens(5).build(),
            good.toBuilder().setPromptTokens(0).clearTokenIds().build(),
            good.toBuilder().setBlockSize(0).build(),
            good.toBuilder().setMaxTokens(0).build(),
            good.toBuilder().clearLayout().build(),
        }) {
            Story story = Story.of(10).then(new Event.Accepted(1, bad));
            assertThat(story.action(Action.TellFailed.class).error().code()).isEqualTo(ErrorCode.PROTOCOL_VIOLATION);
        }
    }

    @Test
    void shouldRefuseAFirstTokenThatIsNotOneToken() {
        // Given
        PrefillFirstToken two = PrefillFirstToken.newBuilder()
                .setOutput(Samples.token(0).toBuilder().setTokenIds(Samples.ids(1, 2)))
                .build();
        // When
        Story story = Story.prefilling(10).then(new Event.FirstToken(1, two));
        // Then
        assertThat(story.action(Action.TellFailed.class).error().code()).isEqualTo(ErrorCode.PROTOCOL_VIOLATION);
        assertThat(story.actions()).contains(new Action.CancelLeg(1), new Action.CancelLeg(2));
    }

    @Test
    void shouldRefuseAReservationWithoutAWorker() {
        // When
        Story story = Story.of(10)
                .then(accepted(1, 10))
                .then(new Event.Reserved(2, io.baton.decode.v1.DecodeReserved.getDefaultInstance()));
        // Then
        assertThat(story.action(Action.TellFailed.class).error().code()).isEqualTo(ErrorCode.PROTOCOL_VIOLATION);
    }
}
