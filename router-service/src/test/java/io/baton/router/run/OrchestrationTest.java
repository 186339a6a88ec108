package io.baton.router.run;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.baton.decode.v1.DecodeRequest;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.inference.v1.GenerateRequest;
import io.baton.inference.v1.Timing;
import io.baton.prefill.v1.PrefillRequest;
import io.baton.router.admission.Ticket;
import io.baton.router.fake.Await;
import io.baton.router.fake.FakeDecode;
import io.baton.router.fake.FakePrefill;
import io.baton.router.fake.LegRecord;
import io.baton.router.fake.Samples;
import io.baton.router.fleet.CircuitBreaker;
import io.baton.router.fleet.Worker;
import io.baton.router.fleet.WorkerView;
import io.baton.worker.v1.WatchResponse;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

class OrchestrationTest {
    private static BatonException scripted(ErrorCode code) {
        return new BatonException(code, "scripted");
    }

    @Test
    void shouldCarryOutARequestInTheOrderOfTheProtocol() {
        try (Harness harness = new Harness()) {
            // When
            RecordingSink client = harness.start(Samples.request("ten bytes.", 5));
            // Then
            assertThat(client.finished().getCompletion().getCompletionTokens()).isEqualTo(5);
            assertThat(client.text()).isEqualTo(Samples.text(5));
            assertThat(client.events.getFirst()).isInstanceOf(ClientEvent.Started.class);
            assertThat(harness.prefill().leg().end()).isEqualTo("half-close");
            assertThat(harness.settle()).isEmpty();
            List<PrefillRequest> prefill = harness.prefill().leg().received();
            assertThat(prefill)
                    .extracting(PrefillRequest::getMessageCase)
                    .containsExactly(PrefillRequest.MessageCase.START, PrefillRequest.MessageCase.GO);
            assertThat(prefill.get(1).getGo().getReceiver())
                    .isEqualTo(harness.decode().id());
            List<DecodeRequest> decode = harness.decode().leg().received();
            assertThat(decode.getFirst().getReserve().getCells()).isEqualTo(15);
            assertThat(decode)
                    .extracting(DecodeRequest::getMessageCase)
                    .containsOnlyOnce(DecodeRequest.MessageCase.RESERVE, DecodeRequest.MessageCase.START)
                    .filteredOn(DecodeRequest.MessageCase.OFFER::equals)
                    .hasSize(3);
        }
    }

    @Test
    void shouldPassTheCallersNamesToBothWorkers() {
        try (Harness harness = new Harness()) {
            // When
            RecordingSink client = harness.start(Samples.request("hello", 3));
            client.finished();
            // Then
            for (LegRecord<?> leg :
                    List.of(harness.prefill().leg(), harness.decode().leg())) {
                assertThat(leg.headers().get(CallInfo.REQUEST_ID)).isEqualTo("request-a");
                assertThat(leg.headers().get(CallInfo.TRACEPARENT)).startsWith("00-0af7651916cd43dd8448eb211c80319c-");
            }
            String legName =
                    harness.prefill().leg().received().getFirst().getStart().getRequestId();
            assertThat(legName).startsWith("request-a~");
            assertThat(harness.decode().leg().received().getFirst().getReserve().getRequestId())
                    .isEqualTo(legName);
            assertThat(harness.settle()).isEmpty();
        }
    }

    @Test
    void shouldFillEveryFieldOfTiming() {
        try (Harness harness = new Harness()) {
            // When
            RecordingSink client = harness.start(Samples.request("hello world", 3));
            // Then
            Timing timing = client.finished().getTiming();
            for (var field : Timing.getDescriptor().getFields()) {
                if (!field.getName().equals("blocks_reused") && !field.getName().equals("decode_computed_tokens")) {
                    assertThat(timing.getField(field)).as(field.getName()).isNotEqualTo(field.getDefaultValue());
                }
            }
            assertThat(timing.getReservedUs()).isLessThanOrEqualTo(timing.getFirstTokenUs());
            assertThat(timing.getFirstTokenUs()).isLessThanOrEqualTo(timing.getSecondTokenUs());
            assertThat(timing.getFirstBlockLandedUs()).isLessThanOrEqualTo(timing.getLastBlockLandedUs());
            assertThat(timing.getSecondTokenUs()).isLessThanOrEqualTo(timing.getTotalUs());
            assertThat(timing.getPrefillWorker()).isEqualTo(harness.prefill().id());
            assertThat(timing.getDecodeWorker()).isEqualTo(harness.decode().id());
            assertThat(timing.getKvBytes()).isEqualTo(3 * 1024);
            assertThat(client.finished().getUsage().getPromptTokens()).isEqualTo(11);
            assertThat(client.finished().getUsage().getPrefillCachedTokens()).isEqualTo(1);
            assertThat(client.finished().getUsage().getDecodeCachedTokens()).isEqualTo(2);
        }
    }

    @Test
    void shouldUseNoDecodeWorkerForOneToken() {
        try (Harness harness = new Harness()) {
            // When
            RecordingSink client = harness.start(Samples.request("hello", 1));
            // Then
            assertThat(client.finished().getTiming().getDecodeWorker()).isEmpty();
            assertThat(client.text()).isEqualTo(Samples.text(1));
            assertThat(harness.settle()).isEmpty();
            assertThat(harness.decode().legs()).isEmpty();
        }
    }

    @Test
    void shouldCancelDecodeIfTheFirstTokenIsFinal() {
        try (Harness harness = new Harness()) {
            // Given
            harness.prefill().script(new FakePrefill.Script().endingWithFirstToken());
            // When
            RecordingSink client = harness.start(Samples.request("hello", 9));
            // Then
            assertThat(client.finished().getUsage().getCompletionTokens()).isEqualTo(1);
            assertThat(harness.decode().leg().end()).isEqualTo("cancel message");
            // It would wait for a receiver of its blocks otherwise.
            assertThat(harness.prefill().leg().end()).isEqualTo("cancel message");
            assertThat(harness.settle()).isEmpty();
        }
    }

    @Test
    void shouldRelayBlocksAndReportsThatComeLate() {
        try (Harness harness = new Harness()) {
            // Given
            harness.prefill()
                    .script(new FakePrefill.Script().sendingBlocksLate().reportingLate());
            harness.decode().script(new FakeDecode.Script().landingSilently());
            // When
            RecordingSink client = harness.start(Samples.request("hello world", 4));
            // Then
            assertThat(client.finished().getTiming().getPrefillUs()).isEqualTo(17);
            assertThat(client.text()).isEqualTo(Samples.text(4));
            assertThat(harness.settle()).isEmpty();
        }
    }

    @Test
    void shouldUseAnotherPrefillIfOneRefuses() {
        try (Harness harness = new Harness(2, 1, Harness.Settings.usual())) {
            // Given
            harness.prefills.getFirst().script(new FakePrefill.Script().refusing(scripted(ErrorCode.QUEUE_FULL)));
            // When
            for (int i = 0; i < 4; i++) {
                assertThat(harness.start(Samples.request("hello", 3)).finished())
                        .isNotNull();
            }
            // Then
            assertThat(harness.prefills.getLast().legs()).hasSize(4);
            assertThat(harness.prefills.getFirst().legs()).isNotEmpty();
            assertThat(harness.retries.get())
                    .isEqualTo(harness.prefills.getFirst().legs().size());
            assertThat(harness.settle()).isEmpty();
        }
    }

    @Test
    void shouldUseAnotherDecodeIfOneRefuses() {
        try (Harness harness = new Harness(1, 2, Harness.Settings.usual())) {
            // Given
            harness.decodes.getFirst().script(new FakeDecode.Script().refusing(scripted(ErrorCode.KV_FULL)));
            // When
            for (int i = 0; i < 2; i++) {
                assertThat(harness.start(Samples.request("hello", 3))
                                .finished()
                                .getTiming()
                                .getDecodeWorker())
                        .isEqualTo(harness.decodes.getLast().id());
            }
            // Then
            assertThat(harness.prefill().legs()).as("prefill kept its leg").hasSize(2);
            assertThat(harness.retries.get())
                    .isEqualTo(harness.decodes.getFirst().legs().size())
                    .isPositive();
            assertThat(harness.settle()).isEmpty();
        }
    }

    @Test
    void shouldReleasePrefillIfNoDecodeTakesTheRequest() {
        try (Harness harness = new Harness()) {
            // Given
            harness.decode().script(new FakeDecode.Script().refusing(scripted(ErrorCode.KV_FULL)));
            // When
            RecordingSink client = harness.start(Samples.request("hello", 3));
            // Then
            assertThat(client.error().code()).isEqualTo(ErrorCode.KV_FULL);
            assertThat(harness.prefill().leg().end()).isEqualTo("cancel message");
            assertThat(harness.settle()).isEmpty();
        }
    }

    @Test
    void shouldStartAgainWithANewAttemptIfThePullFails() {
        try (Harness harness = new Harness(1, 2, Harness.Settings.usual())) {
            // Given
            harness.prefill().script(new FakePrefill.Script().firstTokenFromAttempt(2));
            harness.decodes.getFirst().script(new FakeDecode.Script().failingAtOffer(scripted(ErrorCode.PULL_FAILED)));
            // When
            RecordingSink client = harness.start(Samples.request("hello", 3));
            // Then
            assertThat(client.finished()).isNotNull();
            assertThat(client.text()).as("nothing twice").isEqualTo(Samples.text(3));
            assertThat(harness.settle()).isEmpty();
            assertThat(harness.prefill().legs().stream()
                            .map(leg -> leg.received().getFirst().getStart().getAttempt()))
                    .containsExactly(1, 2);
        }
    }

    @Test
    void shouldReachBothLegsWhenTheClientCancels() {
        try (Harness harness = new Harness()) {
            // Given
            harness.decode().script(new FakeDecode.Script().stoppingAfter(2));
            RecordingSink client = harness.start(Samples.request("hello", 50));
            client.awaitOutputs(3);
            // When
            client.run().abort(new BatonException(ErrorCode.CANCELLED, "gone"));
            // Then
            assertThat(harness.decode().leg().end()).isEqualTo("cancel message");
            assertThat(harness.prefill().leg().end()).isIn("half-close", "cancelled call");
            assertThat(harness.settle()).isEmpty();
        }
    }

    @Test
    void shouldReachBothLegsWhenTheClientCancelsEarly() {
        try (Harness harness = new Harness()) {
            // Given
            harness.prefill().script(new FakePrefill.Script().stoppingAfterGo());
            RecordingSink client = harness.start(Samples.request("hello", 50));
            Await.until(
                    () -> "Go",
                    () -> !harness.prefill().legs().isEmpty()
                            && harness.prefill().leg().received().size() == 2);
            // When
            client.run().abort(new BatonException(ErrorCode.CANCELLED, "gone"));
            // Then
            assertThat(harness.decode().leg().end()).isEqualTo("cancel message");
            assertThat(harness.prefill().leg().end()).isEqualTo("cancel message");
            assertThat(harness.settle()).isEmpty();
        }
    }

    @Test
    void shouldEndEverythingAtTheDeadline() {
        try (Harness harness = new Harness()) {
            // Given
            harness.decode().script(new FakeDecode.Script().neverReserving());
            // When
            RecordingSink client = harness.start(Samples.request("hello", 50), Duration.ofMillis(300));
            // Then
            assertThat(client.error().code()).isEqualTo(ErrorCode.DEADLINE_EXCEEDED);
            assertThat(harness.settle()).isEmpty();
        }
    }

    @Test
    void shouldFailAStreamWhoseDecodeWorkerDies() {
        try (Harness harness = new Harness()) {
            // Given
            harness.decode().script(new FakeDecode.Script().stoppingAfter(2));
            RecordingSink client = harness.start(Samples.request("hello", 50));
            client.awaitOutputs(3);
            // When
            harness.decode().crash();
            // Then
            assertThat(client.error().code()).isEqualTo(ErrorCode.WORKER_LOST);
            assertThat(client.error().getMessage()).contains(harness.decode().address());
            assertThat(harness.settle()).isEmpty();
        }
    }

    @Test
    void shouldMoveAStreamWhoseWorkerHangsInOneStep() {
        try (Harness harness = new Harness(1, 2, Harness.Settings.usual())) {
            // Given
            harness.decodes.forEach(d -> d.script(new FakeDecode.Script().stoppingAfter(2)));
            RecordingSink client = harness.start(Samples.request("hello", 50));
            client.awaitOutputs(3);
            FakeDecode hanging = harness.decodes.stream()
                    .filter(d -> !d.legs().isEmpty())
                    .findFirst()
                    .orElseThrow();
            harness.decodes.forEach(d -> d.script(new FakeDecode.Script()));
            // When its step is long, but not too long
            hanging.edit(report -> inOneStep(report, 59));
            Await.until(
                    () -> "it is heard",
                    () -> harness.fleet.views().stream()
                            .anyMatch(
                                    v -> v.last() != null && v.last().getLoad().getStepSeconds() == 59));
            // Then
            harness.awaitHealthy(3);
            // When it is
            hanging.edit(report -> inOneStep(report, 60));
            // Then
            assertThat(client.finished()).isNotNull();
            assertThat(client.text()).isEqualTo(Samples.text(50));
            assertThat(harness.moves).hasValue(1);
            assertThat(requireNonNull(harness.fleet.worker(hanging.address()))
                            .view()
                            .problem())
                    .isEqualTo("has an engine that has been in one step for 60 s");
            // When the step is over
            hanging.edit(report -> report);
            // Then
            harness.awaitHealthy(3);
            assertThat(harness.settle()).isEmpty();
        }
    }

    private static WatchResponse inOneStep(WatchResponse report, int seconds) {
        WatchResponse.Builder changed = report.toBuilder();
        changed.getLoadBuilder().setStepSeconds(seconds);
        return changed.build();
    }

    @Test
    void shouldUseAWorkerAgainAfterItsRestart() {
        try (Harness harness = new Harness()) {
            // Given
            harness.prefill().crash();
            harness.awaitHealthy(1);
            assertThat(harness.start(Samples.request("hello", 3)).error().code())
                    .isEqualTo(ErrorCode.NO_WORKER);
            // When
            harness.prefill().restart();
            harness.awaitHealthy(2);
            // Then
            assertThat(harness.start(Samples.request("hello", 3)).finished()).isNotNull();
        }
    }

    @Test
    void shouldTakeASilentWorkerForLost() {
        try (Harness harness = new Harness(1, 1, Harness.Settings.usual().withWatchTimeout(Duration.ofMillis(800)))) {
            // Given
            harness.decode().script(new FakeDecode.Script().stoppingAfter(1));
            RecordingSink client = harness.start(Samples.request("hello", 50));
            client.awaitOutputs(2);
            // When
            harness.decode().silent(true);
            // Then
            assertThat(client.error().code()).isEqualTo(ErrorCode.WORKER_LOST);
            assertThat(client.error().getMessage()).contains("silent");
            harness.awaitHealthy(1);
            // When
            harness.decode().silent(false);
            // Then
            harness.awaitHealthy(2);
            assertThat(harness.settle()).isEmpty();
        }
    }

    @Test
    void shouldTakeASilentWorkerAgainOnceItSpeaks() {
        try (Harness harness = new Harness(1, 1, Harness.Settings.usual().withWatchTimeout(Duration.ofSeconds(3)))) {
            // Given
            harness.decode().silent(true);
            harness.awaitHealthy(1);
            // When
            harness.decode().silent(false);
            harness.awaitHealthy(2);
            // Then
            assertThat(harness.start(Samples.request("hello", 3)).finished()).isNotNull();
            assertThat(harness.settle()).isEmpty();
        }
    }

    @Test
    void shouldReplaceALegThatMakesNoProgress() {
        try (Harness harness = new Harness(2, 1, Harness.Settings.usual().withNoProgress(Duration.ofMillis(500)))) {
            // Given
            harness.prefills.getFirst().script(new FakePrefill.Script().neverAccepting());
            // When
            for (int i = 0; i < 2; i++) {
                assertThat(harness.start(Samples.request("hello", 3)).finished())
                        .isNotNull();
            }
            // Then
            assertThat(harness.prefills.getFirst().legs())
                    .isNotEmpty()
                    .allSatisfy(leg -> assertThat(leg.end()).isEqualTo("cancelled call"));
            assertThat(harness.settle()).isEmpty();
        }
    }

    @Test
    void shouldCutALegThatTheWorkerDoesNotClose() {
        try (Harness harness = new Harness(1, 1, Harness.Settings.usual().withLegClose(Duration.ofMillis(200)))) {
            // Given
            harness.prefill().script(new FakePrefill.Script().ignoringHalfClose());
            // When
            RecordingSink client = harness.start(Samples.request("hello", 3));
            // Then
            assertThat(client.finished()).isNotNull();
            assertThat(harness.prefill().leg().end()).isEqualTo("cancelled call");
            assertThat(harness.settle()).isEmpty();
        }
    }

    @Test
    void shouldNotBlameAWorkerForALegThatTheRouterCut() {
        Harness.Settings settings =
                Harness.Settings.usual().withLegClose(Duration.ofMillis(50)).withBreaker(1);
        try (Harness harness = new Harness(1, 1, settings)) {
            // Given
            harness.prefill().script(new FakePrefill.Script().ignoringHalfClose());
            // When
            assertThat(harness.start(Samples.request("hello", 3)).finished()).isNotNull();
            assertThat(harness.prefill().leg().end()).isEqualTo("cancelled call");
            assertThat(harness.settle()).isEmpty();
            // Then
            Worker worker =
                    requireNonNull(harness.fleet.worker(harness.prefill().address()));
            assertThat(worker.breaker()).isEqualTo(CircuitBreaker.State.CLOSED);
        }
    }

    @Test
    void shouldFailALegWhoseWorkerSendsAMessageOverTheLimitAndGoOn() {
        try (Harness harness = new Harness(1, 1, Harness.Settings.usual().withMaxMessage(64 << 10))) {
            // When prefill accepts with a token id of 4 bytes for each byte of the prompt
            RecordingSink over = harness.start(Samples.request("x".repeat(20_000), 3));
            // Then
            assertThat(over.error()).hasMessageContaining("maximum size 65536");
            assertThat(harness.settle()).isEmpty();
            // When
            RecordingSink within = harness.start(Samples.request("x".repeat(10_000), 3));
            // Then
            assertThat(within.finished()).isNotNull();
            assertThat(harness.settle()).isEmpty();
        }
    }

    private static WatchResponse withoutIdentity(WatchResponse report, int running) {
        WatchResponse.Builder edited = report.toBuilder().clearIdentity().clearCapacity();
        edited.getLoadBuilder().setRunning(running);
        return edited.build();
    }

    @Test
    void shouldKeepWhatAWorkerToldOfItselfWhenItsWatchStreamBegan() {
        try (Harness harness = new Harness()) {
            // Given
            Worker prefill =
                    requireNonNull(harness.fleet.worker(harness.prefill().address()));
            WorkerView before = prefill.view();
            // When
            harness.prefill().edit(report -> withoutIdentity(report, 3));
            Await.until(
                    () -> "heard " + prefill.view(),
                    () -> requireNonNull(prefill.view().last()).getLoad().getRunning() == 3);
            // Then
            WatchResponse last = requireNonNull(prefill.view().last());
            assertThat(prefill.view().healthy()).isTrue();
            assertThat(prefill.view().kind()).isSameAs(before.kind());
            assertThat(last.getIdentity())
                    .isEqualTo(requireNonNull(before.last()).getIdentity());
            assertThat(last.getCapacity())
                    .isEqualTo(requireNonNull(before.last()).getCapacity());
            assertThat(harness.start(Samples.request("hello", 3))
                            .finished()
                            .getTiming()
                            .getPrefillWorker())
                    .isEqualTo(harness.prefill().id());
            assertThat(harness.settle()).isEmpty();
        }
    }

    @Test
    void shouldTakeOutAWorkerWhoseWatchStreamBeginsWithoutAnIdentity() {
        try (Harness harness = new Harness()) {
            // Given
            Worker prefill =
                    requireNonNull(harness.fleet.worker(harness.prefill().address()));
            harness.prefill().edit(report -> withoutIdentity(report, 0));
            assertThat(prefill.view().healthy()).isTrue();
            // When
            harness.prefill().crash();
            harness.prefill().restart();
            // Then
            Await.until(
                    () -> "heard " + prefill.view(),
                    () -> prefill.view().problem().equals("began its Watch stream without telling its identity"));
            assertThat(harness.start(Samples.request("hello", 3)).error().code())
                    .isEqualTo(ErrorCode.NO_WORKER);
            // When
            harness.prefill().edit(report -> report);
            // Then
            Await.until(() -> "heard " + prefill.view(), () -> prefill.view().healthy());
            assertThat(harness.settle()).isEmpty();
        }
    }

    @Test
    void shouldCutAClientThatDoesNotRead() {
        try (Harness harness = new Harness(1, 1, Harness.Settings.usual().withClientBuffer(10))) {
            // Given
            harness.decode().script(new FakeDecode.Script().stoppingAfter(20));
            // When
            RecordingSink client = harness.startUnread(Samples.request("hello", 50));
            // Then
            assertThat(client.error().code()).isEqualTo(ErrorCode.CLIENT_TOO_SLOW);
            assertThat(client.error()).hasMessageContaining("more than 10 outputs wait");
            assertThat(harness.slowClients).hasValue(1);
            assertThat(client.last())
                    .isInstanceOfSatisfying(
                            ClientEvent.Failed.class,
                            failed -> assertThat(failed.cut()).isTrue());
            assertThat(harness.decode().leg().end()).isEqualTo("cancel message");
            assertThat(harness.settle()).isEmpty();
        }
    }

    @Test
    void shouldCutAClientForWhomTooManyBytesWait() {
        ClientLimits limits = new ClientLimits(1024, 50_000, Harness.LONG);
        try (Harness harness = new Harness(1, 1, Harness.Settings.usual().withClient(limits))) {
            // Given
            harness.decode().script(new FakeDecode.Script().padding(20_000).stoppingAfter(5));
            // When
            RecordingSink client = harness.startUnread(Samples.request("hello", 50));
            // Then
            assertThat(client.error().code()).isEqualTo(ErrorCode.CLIENT_TOO_SLOW);
            assertThat(client.error()).hasMessageContaining("more than 50000 bytes wait");
            assertThat(harness.decode().leg().end()).isEqualTo("cancel message");
            assertThat(harness.settle()).isEmpty();
        }
    }

    @Test
    void shouldCutAClientThatTakesNothingForTooLong() {
        ClientLimits limits = new ClientLimits(1024, 1 << 20, Duration.ofMillis(100));
        try (Harness harness = new Harness(1, 1, Harness.Settings.usual().withClient(limits))) {
            // Given
            harness.decode().script(new FakeDecode.Script().stoppingAfter(5));
            // When
            RecordingSink client = harness.startUnread(Samples.request("hello", 50));
            // Then
            assertThat(client.error().code()).isEqualTo(ErrorCode.CLIENT_TOO_SLOW);
            assertThat(client.error()).hasMessageContaining("took nothing for 100 ms");
            assertThat(harness.slowClients).hasValue(1);
            assertThat(harness.decode().leg().end()).isEqualTo("cancel message");
            assertThat(harness.settle()).isEmpty();
        }
    }

    @Test
    void shouldCutAClientThatDoesNotReadTheEndOfACompleteAnswer() {
        ClientLimits limits = new ClientLimits(1024, 1 << 20, Duration.ofMillis(100));
        try (Harness harness = new Harness(1, 1, Harness.Settings.usual().withClient(limits))) {
            // When
            RecordingSink client = harness.startUnread(Samples.request("hello", 5));
            // Then
            assertThat(client.error().code()).isEqualTo(ErrorCode.CLIENT_TOO_SLOW);
            assertThat(harness.settle()).isEmpty();
        }
    }

    @Test
    void shouldKeepTheOrderForAClientThatReadsLate() {
        try (Harness harness = new Harness()) {
            // Given
            RecordingSink client = harness.startUnread(Samples.request("hello", 100));
            Await.until(
                    () -> "decode is done",
                    () -> !harness.decode().legs().isEmpty()
                            && harness.decode().leg().isEnded());
            // When
            client.readAgain();
            // Then
            assertThat(client.finished()).isNotNull();
            assertThat(client.text()).isEqualTo(Samples.text(100));
            assertThat(harness.settle()).isEmpty();
        }
    }

    @Test
    void shouldAdmitNoMoreThanTheLimit() {
        try (Harness harness = new Harness()) {
            // Given
            GenerateRequest request = Samples.request("hello", 3);
            GenerateRequest[] many = new GenerateRequest[Harness.MAX_RUNNING];
            Arrays.fill(many, request);
            List<Ticket> admitted = harness.admit(many);
            // When / Then
            assertThat(catchThrowableOfType(BatonException.class, () -> harness.admit(request))
                            .code())
                    .isEqualTo(ErrorCode.QUEUE_FULL);
            assertThat(harness.generations.inFlight()).isEqualTo(Harness.MAX_RUNNING);
            harness.generations.giveBack(admitted);
            List<Ticket> one = harness.admit(request);
            assertThat(one).hasSize(1);
            harness.generations.giveBack(one);
            assertThat(harness.generations.inFlight()).isZero();
        }
    }

    @Test
    void shouldLetRunningRequestsFinishWhileItDrains() throws InterruptedException {
        try (Harness harness = new Harness()) {
            // Given
            harness.decode().script(new FakeDecode.Script().stoppingAfter(1));
            RecordingSink stuck = harness.start(Samples.request("hello", 50));
            stuck.awaitOutputs(2);
            harness.decode().script(new FakeDecode.Script());
            RecordingSink lively = harness.start(Samples.request("hello", 5));
            // When
            boolean idle = harness.generations.drain(Duration.ofMillis(500), () -> {});
            // Then
            assertThat(idle).isFalse();
            assertThat(lively.finished()).isNotNull();
            assertThat(stuck.error().code()).isEqualTo(ErrorCode.DRAINING);
            assertThat(catchThrowableOfType(BatonException.class, () -> harness.admit(Samples.request("hello", 5)))
                            .code())
                    .isEqualTo(ErrorCode.DRAINING);
        }
    }

    @Test
    void shouldSpreadRequestsOverTheWorkersInTurn() {
        try (Harness harness = new Harness(2, 3, Harness.Settings.usual())) {
            // When
            for (int i = 0; i < 6; i++) {
                assertThat(harness.start(Samples.request("hello", 3)).finished())
                        .isNotNull();
            }
            // Then
            assertThat(harness.prefills).allSatisfy(p -> assertThat(p.legs()).hasSize(3));
            assertThat(harness.decodes).allSatisfy(d -> assertThat(d.legs()).hasSize(2));
            assertThat(harness.settle()).isEmpty();
            assertThat(harness.summaries)
                    .hasSize(6)
                    .allSatisfy(s -> assertThat(s.status()).isEqualTo("OK"));
        }
    }
}
