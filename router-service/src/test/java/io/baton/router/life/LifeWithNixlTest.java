package io.baton.router.life;

import static io.baton.router.life.Story.acceptedForNixl;
import static io.baton.router.life.Story.clientGone;
import static io.baton.router.life.Story.failed;
import static io.baton.router.life.Story.firstToken;
import static io.baton.router.life.Story.landed;
import static io.baton.router.life.Story.nixl;
import static io.baton.router.life.Story.onlyToken;
import static io.baton.router.life.Story.prefillDone;
import static io.baton.router.life.Story.ready;
import static io.baton.router.life.Story.reserved;
import static io.baton.router.life.Story.token;
import static org.assertj.core.api.Assertions.assertThat;

import io.baton.error.ErrorCode;
import io.baton.kv.v1.KvDescriptor;
import io.baton.router.life.RequestState.Phase;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class LifeWithNixlTest {
    @Test
    void shouldStartDecodeAsSoonAsPrefillHasDescribedItsKvCache() {
        // When
        Story story = Story.prefillingForNixl(10).then(nixl(1));
        // Then
        assertThat(story.action(Action.SendOffer.class).leg()).isEqualTo(2);
        Action.SendStart start = story.action(Action.SendStart.class);
        assertThat(start.leg()).isEqualTo(2);
        assertThat(start.start().getGeneratedTokenIds().isEmpty()).isTrue();
        assertThat(start.start().getTokensSent()).isZero();
        assertThat(start.start().getStop().getMaxTokens()).isEqualTo(10);
        assertThat(story.state().awaitedLeg()).isEqualTo(2);
        assertThat(story.state().phase()).isEqualTo(Phase.RUNNING);
    }

    @Test
    void shouldTakeTheFirstTokenFromDecodeAndThenReleasePrefill() {
        // When
        Story story = Story.awaitingDecode().then(landed(2, 1)).then(token(2, 0));
        // Then
        assertThat(story.actions()).hasSize(2);
        assertThat(story.actions().get(0)).isEqualTo(new Action.HalfClose(1));
        assertThat(story.actions().get(1)).isInstanceOf(Action.TellOutput.class);
        // When
        story.then(token(2, 1));
        // Then
        assertThat(story.actions()).hasOnlyElementsOfType(Action.TellOutput.class);
    }

    @Test
    void shouldRefuseATokenThatIsNotTheFirst() {
        // When
        Story story = Story.awaitingDecode().then(token(2, 1));
        // Then
        assertThat(story.action(Action.TellFailed.class).error().code()).isEqualTo(ErrorCode.PROTOCOL_VIOLATION);
    }

    @ParameterizedTest
    @EnumSource(
            value = ErrorCode.class,
            names = {"PULL_FAILED", "BLOCK_NOT_FOUND"})
    void shouldPrefillAgainAnywhereAfterAFailedHandOver(ErrorCode code) {
        // When
        Story story = Story.awaitingDecode().then(failed(2, code));
        // Then
        assertThat(story.action(Action.CancelLeg.class).leg()).isEqualTo(1);
        assertThat(story.actions()).contains(new Action.AwaitWorkers(0));
        Action.OpenPrefill again = story.then(new Event.TryAgain()).action(Action.OpenPrefill.class);
        assertThat(again.start().getAttempt()).isEqualTo(2);
        assertThat(again.excluded()).as("neither worker need be at fault").isEmpty();
    }

    @Test
    void shouldPrefillAgainWithAnotherDecodeIfTheFirstIsLost() {
        // When
        Story story = Story.awaitingDecode().then(failed(2, ErrorCode.WORKER_LOST));
        // Then
        assertThat(story.action(Action.OpenPrefill.class).excluded()).containsExactly("worker-2");
    }

    @Test
    void shouldPrefillElsewhereIfPrefillIsLostBeforeTheFirstToken() {
        // When
        Story story = Story.awaitingDecode().then(failed(1, ErrorCode.WORKER_LOST));
        // Then
        assertThat(story.action(Action.CancelLeg.class).leg()).isEqualTo(2);
        assertThat(story.action(Action.OpenPrefill.class).excluded()).containsExactly("worker-1");
    }

    @Test
    void shouldNotCareForPrefillOnceTheFirstTokenCame() {
        // When
        Story story = Story.awaitingDecode().then(token(2, 0)).then(failed(1, ErrorCode.WORKER_LOST));
        // Then
        assertThat(story.actions()).isEmpty();
        assertThat(story.state().phase()).isEqualTo(Phase.RUNNING);
    }

    @Test
    void shouldEndWithTheBudget() {
        // Given
        Story story = Story.awaitingDecode();
        int prefill = 1;
        // When
        for (int attempt = 2; attempt <= 3; attempt++) {
            story.then(failed(prefill + 1, ErrorCode.PULL_FAILED)).then(new Event.TryAgain());
            prefill = story.action(Action.OpenPrefill.class).leg();
            story.then(acceptedForNixl(prefill, 10))
                    .then(reserved(prefill + 1))
                    .then(nixl(prefill))
                    .then(prefillDone(prefill));
        }
        story.then(failed(prefill + 1, ErrorCode.PULL_FAILED));
        // Then
        assertThat(story.action(Action.TellFailed.class).error().code()).isEqualTo(ErrorCode.PULL_FAILED);
    }

    @Test
    void shouldCancelBothLegsWhenTheClientGoes() {
        // When
        Story story = Story.awaitingDecode().then(clientGone());
        // Then
        assertThat(story.actions().stream()
                        .filter(Action.CancelLeg.class::isInstance)
                        .map(a -> ((Action.CancelLeg) a).leg()))
                .containsExactly(1, 2);
    }

    @Test
    void shouldRefuseAFirstTokenFromPrefillUnlessItIsTheOnlyOne() {
        assertThat(Story.prefillingForNixl(10)
                        .then(firstToken(1))
                        .action(Action.TellFailed.class)
                        .error()
                        .code())
                .isEqualTo(ErrorCode.PROTOCOL_VIOLATION);
        assertThat(Story.of(1).then(acceptedForNixl(1, 1)).then(onlyToken(1)).actions())
                .hasAtLeastOneElementOfType(Action.TellOutput.class)
                .doesNotHaveAnyElementsOfTypes(Action.TellFailed.class);
    }

    @Test
    void shouldRefuseAnyNumberOfKvCachesButOne() {
        KvDescriptor one = nixl(1).blocks().getFirst();
        for (List<KvDescriptor> wrong : List.of(List.<KvDescriptor>of(), List.of(one, one))) {
            assertThat(Story.prefillingForNixl(10)
                            .then(new Event.BlocksReady(1, wrong))
                            .action(Action.TellFailed.class)
                            .error()
                            .code())
                    .isEqualTo(ErrorCode.PROTOCOL_VIOLATION);
        }
    }

    @Test
    void shouldRefuseABlockOfRowsWhereAKvCacheTravelsOverNixl() {
        assertThat(Story.prefillingForNixl(10)
                        .then(ready(1, 0))
                        .action(Action.TellFailed.class)
                        .error()
                        .code())
                .isEqualTo(ErrorCode.PROTOCOL_VIOLATION);
    }
}
