package io.baton.router.life;

import static io.baton.router.life.Story.acceptedAgain;
import static io.baton.router.life.Story.acceptedForNixl;
import static io.baton.router.life.Story.clientGone;
import static io.baton.router.life.Story.decodeDone;
import static io.baton.router.life.Story.failed;
import static io.baton.router.life.Story.firstToken;
import static io.baton.router.life.Story.landed;
import static io.baton.router.life.Story.nextToken;
import static io.baton.router.life.Story.nixl;
import static io.baton.router.life.Story.noWorker;
import static io.baton.router.life.Story.prefillDone;
import static io.baton.router.life.Story.ready;
import static io.baton.router.life.Story.reserved;
import static io.baton.router.life.Story.token;
import static org.assertj.core.api.Assertions.assertThat;

import io.baton.decode.v1.DecodeReserve;
import io.baton.decode.v1.DecodeStart;
import io.baton.error.ErrorCode;
import io.baton.inference.v1.FinishReason;
import io.baton.inference.v1.GenerateRequest;
import io.baton.inference.v1.TokenOutput;
import io.baton.prefill.v1.Continuation;
import io.baton.prefill.v1.PrefillFirstToken;
import io.baton.prefill.v1.PrefillStart;
import io.baton.router.fake.Samples;
import io.baton.router.life.RequestState.Phase;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Legs are numbered in the order of their opening: 1 and 2 are the pair that began, 3 and 4 the one that continues. */
class LifeOfAMovedStreamTest {
    /** Three tokens were sent, then decode was lost. */
    private static Story decodeLost() {
        return Story.decoding()
                .then(prefillDone(1))
                .then(token(2, 1))
                .then(token(2, 2))
                .then(failed(2, ErrorCode.WORKER_LOST));
    }

    @Test
    void shouldContinueWithPromptAndTokensSoFarWhenDecodeIsLost() {
        // When
        Story story = decodeLost();
        // Then
        Action.OpenPrefill open = story.action(Action.OpenPrefill.class);
        PrefillStart start = open.start();
        assertThat(open.leg()).isEqualTo(3);
        assertThat(open.excluded()).containsExactly("worker-2");
        assertThat(start.getAttempt()).isEqualTo(2);
        assertThat(start.getPrompt().getTokenIds()).isEqualTo(Samples.ids(1, 2, 3, 4, 5, 6, 100, 101, 102));
        assertThat(start.getContinuation())
                .isEqualTo(Continuation.newBuilder()
                        .setPromptTokens(6)
                        .setTokensSent(3)
                        .setTextBytesSent("t0 t1 t2 ".length())
                        .build());
        assertThat(story.actions()).contains(new Action.CancelLeg(1));
        assertThat(story.state().phase()).isEqualTo(Phase.WAITING);
    }

    @Test
    void shouldReserveForAllTokensAndStartFromAllOfThem() {
        // When
        Story story = decodeLost().then(acceptedAgain(3, 10, 100, 101, 102));
        // Then
        DecodeReserve reserve = story.action(Action.OpenDecode.class).reserve();
        assertThat(reserve.getTokenIds()).isEqualTo(Samples.ids(1, 2, 3, 4, 5, 6, 100, 101, 102));
        assertThat(reserve.getCells()).isEqualTo(6 + 10);
        assertThat(reserve.getAttempt()).isEqualTo(2);
        assertThat(story.actions()).noneMatch(Action.TellStarted.class::isInstance);

        // When
        story.then(reserved(4)).then(ready(3, 0)).then(nextToken(3, 3));
        // Then
        assertThat(story.actions()).contains(new Action.TellOutput(Story.output(3)));
        DecodeStart start = story.action(Action.SendStart.class).start();
        assertThat(start.getGeneratedTokenIds()).isEqualTo(Samples.ids(100, 101, 102, 103));
        assertThat(start.getPromptTokens()).isEqualTo(6);
        assertThat(start.getTokensSent()).isEqualTo(4);
        assertThat(start.getTextBytesSent()).isEqualTo("t0 t1 t2 t3 ".length());
        assertThat(start.getStop().getMaxTokens()).isEqualTo(10);
    }

    @Test
    void shouldReleasePrefillWhenEveryBlockOfTheLongerPromptHasLanded() {
        // Given: nine tokens are three blocks of four
        Story story = decodeLost()
                .then(acceptedAgain(3, 10, 100, 101, 102))
                .then(reserved(4))
                .then(nextToken(3, 3));
        // When / Then
        assertThat(story.then(landed(4, 2)).actions()).isEmpty();
        assertThat(story.then(landed(4, 3)).actions()).containsExactly(new Action.HalfClose(3));
        assertThat(story.then(token(4, 4)).actions()).containsExactly(new Action.TellOutput(Story.output(4)));
    }

    @Test
    void shouldReportThePromptOnceAndWhatThePromptsPrefillSaid() {
        // When
        Story story = decodeLost()
                .then(acceptedAgain(3, 10, 100, 101, 102))
                .then(reserved(4))
                .then(nextToken(3, 3))
                .then(landed(4, 3))
                .then(decodeDone(4, ""));
        // Then
        Outcome outcome = story.action(Action.TellFinished.class).outcome();
        assertThat(outcome.promptTokens()).isEqualTo(6);
        assertThat(outcome.prefill()).isEqualTo(prefillDone(1).message());
        assertThat(story.state().phase()).isEqualTo(Phase.ENDED);
    }

    @Test
    void shouldContinueElsewhereWhenPrefillIsLostWithBlocksNotDescribed() {
        // When
        Story story = Story.prefilling(10).then(ready(1, 0)).then(firstToken(1)).then(failed(1, ErrorCode.WORKER_LOST));
        // Then
        Action.OpenPrefill open = story.action(Action.OpenPrefill.class);
        assertThat(open.excluded()).containsExactly("worker-1");
        assertThat(open.start().getPrompt().getTokenIds()).isEqualTo(Samples.ids(1, 2, 3, 4, 5, 6, 100));
        assertThat(story.actions()).contains(new Action.CancelLeg(2));
    }

    @Test
    void shouldBlameNobodyForAHandOverThatFailed() {
        // When
        Story story = Story.handingOver().then(failed(2, ErrorCode.PULL_FAILED));
        // Then
        assertThat(story.actions()).containsExactly(new Action.CancelLeg(1), new Action.AwaitWorkers(0));
        // When
        story.then(new Event.TryAgain());
        // Then
        assertThat(story.action(Action.OpenPrefill.class).excluded()).isEmpty();
    }

    @Test
    void shouldNeedNoDecodeForTheLastToken() {
        // Given
        Story story = Story.prefilling(4)
                .then(firstToken(1))
                .then(landed(2, 2))
                .then(token(2, 1))
                .then(token(2, 2))
                .then(failed(2, ErrorCode.WORKER_LOST));
        // When
        story.then(acceptedAgain(3, 4, 100, 101, 102));
        // Then
        assertThat(story.actions()).containsExactly(new Action.SendGo(3, ""));
        // When
        story.then(new Event.FirstToken(
                3,
                PrefillFirstToken.newBuilder()
                        .setOutput(Samples.token(3))
                        .setCompletion(Story.completion(4))
                        .build()));
        // Then
        assertThat(story.actions()).contains(new Action.TellOutput(Story.output(3)));
        assertThat(story.then(prefillDone(3))
                        .action(Action.TellFinished.class)
                        .outcome()
                        .completion())
                .isEqualTo(Story.completion(4));
    }

    @Test
    void shouldBeCompleteWhenEveryTokenHadBeenSent() {
        // When
        Story story = Story.prefilling(3)
                .then(firstToken(1))
                .then(landed(2, 2))
                .then(token(2, 1))
                .then(token(2, 2))
                .then(failed(2, ErrorCode.WORKER_LOST));
        // Then
        Outcome outcome = story.action(Action.TellFinished.class).outcome();
        assertThat(outcome.completion().getReason()).isEqualTo(FinishReason.FINISH_REASON_LENGTH);
        assertThat(outcome.completion().getCompletionTokens()).isEqualTo(3);
        assertThat(story.actions()).contains(new Action.CancelLeg(1));
        assertThat(story.state().phase()).isEqualTo(Phase.ENDED);
    }

    @Test
    void shouldMoveMoreThanOnceWithinTheRetryBudget() {
        // Given
        Story story = decodeLost()
                .then(acceptedAgain(3, 10, 100, 101, 102))
                .then(reserved(4))
                .then(nextToken(3, 3))
                .then(landed(4, 3))
                .then(token(4, 4))
                .then(failed(4, ErrorCode.WORKER_LOST));
        assertThat(story.action(Action.OpenPrefill.class).start().getPrompt().getTokenIds())
                .isEqualTo(Samples.ids(1, 2, 3, 4, 5, 6, 100, 101, 102, 103, 104));
        // When: the budget is two
        story.then(failed(5, ErrorCode.WORKER_LOST));
        // Then
        assertThat(story.action(Action.TellFailed.class).error().code()).isEqualTo(ErrorCode.WORKER_LOST);
    }

    @Test
    void shouldWaitForAWorkerWhereThereIsNoneAndThenAskEveryOne() {
        // When
        Story story = decodeLost().then(noWorker(3));
        // Then
        assertThat(story.actions()).containsExactly(new Action.AwaitWorkers(0));
        assertThat(story.state()).isInstanceOf(Recovering.class);
        assertThat(story.state().awaitedLeg()).isZero();
        assertThat(story.state().phase()).isEqualTo(Phase.RUNNING);
        assertThat(story.then(token(2, 3)).actions()).as("a zombie's token").isEmpty();
        // When
        story.then(new Event.TryAgain());
        // Then
        Action.OpenPrefill open = story.action(Action.OpenPrefill.class);
        assertThat(open.leg()).isEqualTo(4);
        assertThat(open.excluded()).isEmpty();
        assertThat(open.start().getContinuation().getTokensSent()).isEqualTo(3);
    }

    @Test
    void shouldWaitForADecodeWorkerToo() {
        // When
        Story story = decodeLost().then(acceptedAgain(3, 10, 100, 101, 102)).then(noWorker(4));
        // Then
        assertThat(story.actions()).containsExactly(new Action.CancelLeg(3), new Action.AwaitWorkers(0));
    }

    @ParameterizedTest
    @EnumSource(names = {"KV_FULL", "QUEUE_FULL"})
    void shouldWaitForAPlaceWhenTheWorkersThatAreLeftAreFull(ErrorCode code) {
        // Given: one retry is left after decode was lost, and spent on a worker that is full
        Story story = decodeLost().then(acceptedAgain(3, 10, 100, 101, 102)).then(failed(4, code));
        assertThat(story.action(Action.OpenDecode.class).leg()).isEqualTo(5);
        // When
        story.then(failed(5, code));
        // Then
        assertThat(story.actions()).containsExactly(new Action.CancelLeg(3), new Action.AwaitWorkers(0));
        assertThat(story.then(new Event.TryAgain())
                        .action(Action.OpenPrefill.class)
                        .excluded())
                .isEmpty();
    }

    @Test
    void shouldGiveUpAfterSoManyWaits() {
        // Given
        Story story = decodeLost();
        // When
        for (int i = 0; i < Story.LIMITS.recoveryWaits(); i++) {
            story.then(noWorker(3 + i));
            assertThat(story.actions()).containsExactly(new Action.AwaitWorkers(i));
            story.then(new Event.TryAgain());
        }
        story.then(noWorker(3 + Story.LIMITS.recoveryWaits()));
        // Then: the reason is what was lost, not that nobody took its place
        assertThat(story.action(Action.TellFailed.class).error().code()).isEqualTo(ErrorCode.WORKER_LOST);
    }

    @Test
    void shouldStopWaitingWhenTheClientLeaves() {
        // When
        Story story = decodeLost().then(noWorker(3)).then(clientGone());
        // Then
        assertThat(story.action(Action.TellFailed.class).error().code()).isEqualTo(ErrorCode.CANCELLED);
        assertThat(story.then(new Event.TryAgain()).actions()).isEmpty();
    }

    @Test
    void shouldIgnoreTheWorkerThatWasLostWhenItWakes() {
        // Given
        Story story = decodeLost();
        // When / Then
        assertThat(story.then(token(2, 3)).actions()).isEmpty();
        assertThat(story.then(decodeDone(2, "")).actions()).isEmpty();
        assertThat(story.then(prefillDone(1)).actions()).isEmpty();
    }

    @Test
    void shouldRefuseAPrefillThatContinuesAnotherStream() {
        for (Event wrong : new Event[] {
            acceptedAgain(3, 10, 100, 101), acceptedAgain(3, 10, 100, 101, 103), acceptedAgain(3, 3, 100, 101, 102)
        }) {
            Story story = decodeLost().then(wrong);
            assertThat(story.action(Action.TellFailed.class).error().code()).isEqualTo(ErrorCode.PROTOCOL_VIOLATION);
        }
    }

    @Test
    void shouldRefuseATokenThatIsNotTheNextOne() {
        for (int index : new int[] {0, 2, 4}) {
            Story story = decodeLost()
                    .then(acceptedAgain(3, 10, 100, 101, 102))
                    .then(reserved(4))
                    .then(nextToken(3, index));
            assertThat(story.action(Action.TellFailed.class).error().code()).isEqualTo(ErrorCode.PROTOCOL_VIOLATION);
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"ENGINE_FAILED", "INTERNAL", "PROTOCOL_VIOLATION", "INVALID_REQUEST"})
    void shouldNotMoveAfterAFailureThatWouldComeAgain(ErrorCode code) {
        // When
        Story story = Story.decoding().then(failed(2, code));
        // Then
        assertThat(story.action(Action.TellFailed.class).error().code()).isEqualTo(code);
    }

    @Test
    void shouldMoveAStreamWhoseCacheTheEnginesExchangeBetweenThemselves() {
        // When
        Story story = Story.awaitingDecode().then(token(2, 0)).then(failed(2, ErrorCode.WORKER_LOST));
        // Then
        PrefillStart start = story.action(Action.OpenPrefill.class).start();
        assertThat(start.getPrompt().getTokenIds()).isEqualTo(Samples.ids(1, 2, 3, 4, 5, 6, 100));
        assertThat(start.getContinuation().getPromptTokens()).isEqualTo(Story.PROMPT);
        // When
        story.then(acceptedForNixl(3, 10, 100)).then(reserved(4)).then(nixl(3));
        // Then
        DecodeStart decode = story.action(Action.SendStart.class).start();
        assertThat(decode.getGeneratedTokenIds()).isEqualTo(Samples.ids(100));
        assertThat(decode.getTokensSent()).isEqualTo(1);
        // When
        story.then(token(4, 1));
        // Then
        assertThat(story.action(Action.TellOutput.class).output()).isEqualTo(Samples.token(1));
    }

    static List<GenerateRequest> unfitForOthers() {
        GenerateRequest.Builder stop = Samples.request("prompt", 10).toBuilder();
        stop.getStopBuilder().addStop("stop");
        GenerateRequest.Builder presence = Samples.request("prompt", 10).toBuilder();
        presence.getSamplingBuilder().setPresencePenalty(0.1f);
        GenerateRequest.Builder frequency = Samples.request("prompt", 10).toBuilder();
        frequency.getSamplingBuilder().setFrequencyPenalty(-0.1f);
        return List.of(stop.build(), presence.build(), frequency.build());
    }

    @ParameterizedTest
    @MethodSource("unfitForOthers")
    void shouldNotMoveWhatAnEngineThatReplaysNothingCouldNotContinue(GenerateRequest request) {
        // Given
        Story story = Story.of(request, Story.LIMITS)
                .then(acceptedForNixl(1, 10))
                .then(reserved(2))
                .then(nixl(1));
        // When
        story.then(token(2, 0)).then(failed(2, ErrorCode.WORKER_LOST));
        // Then
        assertThat(story.action(Action.TellFailed.class).error().code()).isEqualTo(ErrorCode.WORKER_LOST);
    }

    @Test
    void shouldNotMoveAStreamThatEndsInsideACharacterWhereTheEngineReplaysNothing() {
        // Given
        TokenOutput silent = Samples.token(1).toBuilder().setText("").build();
        // When
        Story story = Story.awaitingDecode()
                .then(token(2, 0))
                .then(new Event.Token(2, silent))
                .then(failed(2, ErrorCode.WORKER_LOST));
        // Then
        assertThat(story.action(Action.TellFailed.class).error().code()).isEqualTo(ErrorCode.WORKER_LOST);
    }
}
