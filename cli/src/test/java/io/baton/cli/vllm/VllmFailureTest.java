package io.baton.cli.vllm;

import static org.assertj.core.api.Assertions.assertThat;

import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.inference.v1.GenerateRequest;
import io.baton.testvllm.Behaviour;
import io.baton.testvllm.TestVllm;
import io.baton.testvllm.ToyModel;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What breaks, and what the client sees of it: the right text, or an error, and never anything else. */
class VllmFailureTest {
    private static final Duration SLOW = Duration.ofMillis(20);

    private static GenerateRequest.Builder endless(String prompt, int maxTokens) {
        GenerateRequest.Builder request = VllmFleet.text(prompt, maxTokens);
        request.getStopBuilder().setIgnoreEos(true);
        return request;
    }

    private static String expected(String prompt, int maxTokens) {
        return ToyModel.expected(
                        ToyModel.tokenize(prompt),
                        ToyModel.Rules.of(maxTokens, 7, 1).endless())
                .text();
    }

    private static Behaviour slow() {
        return Behaviour.usual().taking(Duration.ZERO, SLOW);
    }

    // ---- a stale id

    @Test
    void shouldPrefillAgainIfTheServerThatHoldsTheKvCacheWasRestarted() {
        try (VllmFleet fleet = new VllmFleet(1, 1)) {
            // Given
            fleet.prefill().afterNextPrefill(fleet.prefill()::restartEngine);

            // When
            Answer answer = fleet.start(endless("its engine id is stale", 30));

            // Then
            answer.finished();
            assertThat(answer.text()).isEqualTo(expected("its engine id is stale", 30));
            assertThat(fleet.decode().failedLoads()).isEqualTo(1);
            assertThat(fleet.retries).as("one new pair of legs").hasPositiveValue();
            fleet.settle();
        }
    }

    @Test
    void shouldGiveTheRightTextWhereTheServerRecomputesInsteadOfFailing() {
        try (VllmFleet fleet = new VllmFleet(1, 1, Behaviour.usual().recomputing(), Map.of())) {
            // Given
            fleet.prefill().afterNextPrefill(fleet.prefill()::restartEngine);

            // When
            Answer answer = fleet.start(endless("recomputed", 30));

            // Then
            var finished = answer.finished();
            assertThat(answer.text()).isEqualTo(expected("recomputed", 30));
            assertThat(fleet.decode().recomputed()).isEqualTo(1);
            assertThat(finished.getTiming().getDecodeComputedTokens())
                    .as("that decode computed the prompt is told, not hidden")
                    .isEqualTo(ToyModel.tokenize("recomputed").length);
            fleet.settle();
        }
    }

    // ---- an expired lease

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void shouldPrefillAgainIfTheLeaseRanOut(boolean recompute) {
        try (VllmFleet fleet = new VllmFleet(1, 1)) {
            // Given
            Behaviour usual = recompute ? Behaviour.usual().recomputing() : Behaviour.usual();
            fleet.decode().behave(usual);
            fleet.prefill().behave(usual.leasing(Duration.ofNanos(1), false));
            fleet.prefill().afterNextPrefill(() -> fleet.prefill().behave(usual));

            // When
            Answer answer = fleet.start(endless("too late", 30));

            // Then
            answer.finished();
            assertThat(answer.text()).isEqualTo(expected("too late", 30));
            assertThat(fleet.decode().failedLoads()).isEqualTo(1);
            assertThat(fleet.prefill().expiredLeases()).isEqualTo(1);
            fleet.settle();
        }
    }

    /**
     * Versions of vLLM read blocks that were given to another prompt since, and answer with that prompt's text. Nobody can
     * see that in the answer, so one that comes too late is not used at all.
     */
    @Test
    void shouldNotUseWhatAServerReadAfterTheLeaseMayHaveRunOut() {
        Behaviour trustful =
                Behaviour.usual().leasing(Duration.ofMillis(50), true).withBlocks(8);
        try (VllmFleet fleet = new VllmFleet(1, 1, trustful, Map.of("baton.vllm.handover-timeout", "40ms"))) {
            // Given
            fleet.decode().behave(trustful.taking(Duration.ofMillis(300), Duration.ZERO));

            // When
            List<Answer> answers = new ArrayList<>();
            for (int i = 0; i < 4; i++) {
                answers.add(fleet.start(endless("prompt " + i, 30)));
            }

            // Then
            for (Answer answer : answers) {
                BatonException error = answer.error();
                assertThat(error.code()).isIn(ErrorCode.BLOCK_NOT_FOUND, ErrorCode.WORKER_LOST);
                assertThat(answer.text()).isEmpty();
            }
            fleet.settle();
        }
    }

    @Test
    void shouldShowWrongTextIfAHandOverWereWrong() {
        // Given: a toy that could not tell would make the tests above worth nothing.
        Behaviour trustful =
                Behaviour.usual().leasing(Duration.ofNanos(1), true).withBlocks(2);
        try (VllmFleet fleet = new VllmFleet(1, 1, trustful, Map.of())) {
            fleet.prefill().afterNextPrefill(() -> fleet.prefill().computeAnother("something else, of any length"));

            // When
            Answer answer = fleet.start(endless("mine", 30));

            // Then
            answer.finished();
            assertThat(answer.text()).isNotEqualTo(expected("mine", 30));
        }
    }

    // ---- prefill dies

    @Test
    void shouldPrefillElsewhereIfAServerDiesWhileItComputes() {
        try (VllmFleet fleet = new VllmFleet(2, 1)) {
            // Given
            fleet.prefills.forEach(
                    p -> p.vllm().behave(Behaviour.usual().taking(Duration.ofMinutes(1), Duration.ZERO)));
            Answer answer = fleet.start(endless("prefill dies", 30));
            VllmFleet.await(
                    "a server computes",
                    () -> fleet.prefills.stream().anyMatch(p -> p.vllm().running() == 1));
            TestVllm busy = fleet.prefills.stream()
                    .map(VllmNode::vllm)
                    .filter(v -> v.running() == 1)
                    .findFirst()
                    .orElseThrow();
            fleet.prefills.forEach(p -> p.vllm().behave(Behaviour.usual()));

            // When
            busy.die();

            // Then
            answer.finished();
            assertThat(answer.text()).isEqualTo(expected("prefill dies", 30));
            fleet.settle();
        }
    }

    @Test
    void shouldPrefillElsewhereIfAServerDiesAfterItComputed() {
        try (VllmFleet fleet = new VllmFleet(2, 1)) {
            // Given
            for (VllmNode p : fleet.prefills) {
                p.vllm().afterNextPrefill(() -> {
                    fleet.prefills.forEach(other -> other.vllm().afterNextPrefill(() -> {}));
                    p.vllm().dieAfterThisAnswer();
                });
            }

            // When
            Answer answer = fleet.start(endless("prefill dies later", 30));

            // Then
            answer.finished();
            assertThat(answer.text()).isEqualTo(expected("prefill dies later", 30));
            assertThat(fleet.decode().failedLoads()).isEqualTo(1);
            assertThat(fleet.prefills).anyMatch(p -> p.vllm().dead());
            fleet.settle();
        }
    }

    @Test
    void shouldPrefillElsewhereIfTheWorkerBesideTheServerGoes() {
        try (VllmFleet fleet = new VllmFleet(2, 1)) {
            // Given
            fleet.prefills.forEach(
                    p -> p.vllm().behave(Behaviour.usual().taking(Duration.ofMinutes(1), Duration.ZERO)));
            Answer answer = fleet.start(endless("the worker goes", 30));
            VllmFleet.await(
                    "a server computes",
                    () -> fleet.prefills.stream().anyMatch(p -> p.vllm().running() == 1));
            VllmNode busy = fleet.prefills.stream()
                    .filter(p -> p.vllm().running() == 1)
                    .findFirst()
                    .orElseThrow();
            fleet.prefills.forEach(p -> p.vllm().behave(Behaviour.usual()));

            // When
            busy.leave();

            // Then
            answer.finished();
            assertThat(answer.text()).isEqualTo(expected("the worker goes", 30));
            VllmFleet.await("its server has heard of it", () -> busy.vllm().aborted() == 1);
            fleet.settle();
        }
    }

    // ---- decode dies

    @Test
    void shouldBeginAgainWithAnotherDecodeIfOneDiesBeforeTheFirstToken() {
        try (VllmFleet fleet = new VllmFleet(1, 2)) {
            // Given
            fleet.decodes.forEach(d -> d.vllm().behave(Behaviour.usual().taking(Duration.ofMinutes(1), Duration.ZERO)));
            Answer answer = fleet.start(endless("decode dies", 30));
            VllmFleet.await(
                    "a server has the request",
                    () -> fleet.decodes.stream().anyMatch(d -> d.vllm().running() == 1));
            TestVllm busy = fleet.decodes.stream()
                    .map(VllmNode::vllm)
                    .filter(v -> v.running() == 1)
                    .findFirst()
                    .orElseThrow();
            fleet.decodes.forEach(d -> d.vllm().behave(Behaviour.usual()));

            // When
            busy.die();

            // Then
            answer.finished();
            assertThat(answer.text()).isEqualTo(expected("decode dies", 30));
            fleet.settle();
        }
    }

    /** Kills the server that streams the answer, once some of it is there. */
    private static void killTheOneThatStreams(VllmFleet fleet, Answer answer) {
        answer.awaitText();
        TestVllm busy = fleet.decodes.stream()
                .map(VllmNode::vllm)
                .filter(v -> v.running() == 1)
                .findFirst()
                .orElseThrow();
        busy.die();
    }

    @Test
    void shouldGoOnWithAnotherDecodeIfOneDiesAfterTheFirstToken() {
        try (VllmFleet fleet = new VllmFleet(1, 2)) {
            // Given
            fleet.decodes.forEach(d -> d.vllm().behave(slow()));
            GenerateRequest.Builder request = endless("decode dies in mid-stream", 60);
            request.getStopBuilder().setMinTokens(40);
            Answer answer = fleet.start(request);

            // When
            killTheOneThatStreams(fleet, answer);

            // Then
            var finished = answer.finished();
            assertThat(answer.text()).isEqualTo(expected("decode dies in mid-stream", 60));
            assertThat(finished.getUsage().getPromptTokens())
                    .isEqualTo(ToyModel.tokenize("decode dies in mid-stream").length);
            assertThat(finished.getUsage().getCompletionTokens()).isEqualTo(60);
            assertThat(fleet.moves).hasPositiveValue();
            fleet.settle();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"stop string", "presence penalty", "frequency penalty"})
    void shouldNotGoOnWhereVllmCouldNotReplayWhatCameBefore(String what) {
        try (VllmFleet fleet = new VllmFleet(1, 2)) {
            // Given
            fleet.decodes.forEach(d -> d.vllm().behave(slow()));
            GenerateRequest.Builder request = endless("it cannot move", 1000);
            switch (what) {
                case "stop string" -> request.getStopBuilder().addStop("never said");
                case "presence penalty" -> request.getSamplingBuilder().setPresencePenalty(0.5f);
                default -> request.getSamplingBuilder().setFrequencyPenalty(0.5f);
            }
            Answer answer = fleet.start(request);

            // When
            killTheOneThatStreams(fleet, answer);

            // Then
            assertThat(answer.error().code()).isEqualTo(ErrorCode.WORKER_LOST);
            assertThat(fleet.moves).hasValue(0);
            fleet.settle();
        }
    }

    @Test
    void shouldEndWithAnErrorIfTheOnlyDecodeDiesAfterTheFirstToken() {
        try (VllmFleet fleet = new VllmFleet(1, 1)) {
            // Given
            fleet.decode().behave(slow());
            Answer answer = fleet.start(endless("decode dies late", 1000));
            answer.awaitText();

            // When
            fleet.decode().die();

            // Then
            assertThat(answer.error().code()).isEqualTo(ErrorCode.WORKER_LOST);
            assertThat(expected("decode dies late", 1000)).startsWith(answer.text());
            fleet.settle();
        }
    }

    // ---- the client leaves, time runs out

    @Test
    void shouldAbortAtTheServerWhatAClientLeaves() {
        try (VllmFleet fleet = new VllmFleet(1, 1)) {
            // Given
            fleet.decode().behave(slow());
            Answer answer = fleet.start(endless("the client leaves", 3000));
            answer.awaitText();

            // When
            answer.run().abort(new BatonException(ErrorCode.CANCELLED, "the client left"));

            // Then
            VllmFleet.await("decode aborts", () -> fleet.decode().aborted() == 1);
            fleet.settle();
        }
    }

    @Test
    void shouldAbortAPrefillWhoseClientLeaves() {
        try (VllmFleet fleet = new VllmFleet(1, 1)) {
            // Given
            fleet.prefill().behave(Behaviour.usual().taking(Duration.ofMinutes(1), Duration.ZERO));
            Answer answer = fleet.start(endless("the client leaves early", 30));
            VllmFleet.await("prefill computes", () -> fleet.prefill().running() == 1);

            // When
            answer.run().abort(new BatonException(ErrorCode.CANCELLED, "the client left"));

            // Then
            VllmFleet.await("prefill aborts", () -> fleet.prefill().aborted() == 1);
            assertThat(fleet.prefill().leases()).isZero();
            fleet.settle();
        }
    }

    @Test
    void shouldEndEverythingAtTheDeadlineHoweverManyRetriesAreLeft() {
        try (VllmFleet fleet = new VllmFleet(1, 1)) {
            // Given
            fleet.prefill().behave(Behaviour.usual().taking(Duration.ofMinutes(1), Duration.ZERO));

            // When
            Answer answer = fleet.start(endless("no time", 30), Duration.ofMillis(300));

            // Then
            assertThat(answer.error().code()).isEqualTo(ErrorCode.DEADLINE_EXCEEDED);
            VllmFleet.await("prefill aborts", () -> fleet.prefill().aborted() == 1);
            fleet.settle();
        }
    }

    // ---- health

    @Test
    void shouldTakeNoWorkWhileTheServerIsIll() {
        try (VllmFleet fleet = new VllmFleet(1, 1)) {
            // When
            fleet.decode().healthy(false);

            // Then
            fleet.awaitHealthy(1);
            assertThat(fleet.decodes.getFirst().worker().ready()).isFalse();
            assertThat(fleet.decodes.getFirst().worker().failure())
                    .as("starting the worker again would not help")
                    .isNull();
            assertThat(fleet.start(VllmFleet.text("nobody", 5)).error().code()).isEqualTo(ErrorCode.NO_WORKER);

            // When
            fleet.decode().healthy(true);

            // Then
            fleet.awaitHealthy(2);
            fleet.start(VllmFleet.text("again", 5)).finished();
            fleet.settle();
        }
    }

    @Test
    void shouldNotBeReadyForAServerThatComesBackWithAnotherModel() {
        try (VllmFleet fleet = new VllmFleet(1, 1)) {
            // When
            fleet.prefill().die();
            fleet.awaitHealthy(1);
            fleet.prefill().behave(Behaviour.usual().serving("toy", "/models/another"));
            fleet.prefill().comeBack();

            // Then: it is asked about its model before it is trusted again.
            VllmFleet.await("its model was asked for", () -> fleet.prefill().modelQuestions() >= 3);
            assertThat(fleet.prefills.getFirst().worker().ready()).isFalse();

            // When
            fleet.prefill().behave(Behaviour.usual());

            // Then
            fleet.awaitHealthy(2);
        }
    }

    @Test
    void shouldTellTheServersOwnMetrics() throws InterruptedException {
        try (VllmFleet fleet = new VllmFleet(1, 1)) {
            assertThat(new String(
                            fleet.prefills.getFirst().worker().metrics(), java.nio.charset.StandardCharsets.UTF_8))
                    .contains("vllm:num_requests_running");
        }
    }
}
