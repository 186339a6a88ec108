package io.baton.router.run;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.baton.decode.v1.DecodeCompute;
import io.baton.decode.v1.DecodeRequest;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.inference.v1.GenerateFinished;
import io.baton.inference.v1.Model;
import io.baton.inference.v1.Timing;
import io.baton.kv.v1.DescriptorKind;
import io.baton.router.config.Disaggregation;
import io.baton.router.fake.Await;
import io.baton.router.fake.FakeDecode;
import io.baton.router.fake.FakePrefill;
import io.baton.router.fake.Samples;
import io.baton.worker.v1.WorkerState;
import org.junit.jupiter.api.Test;

/** Requests whose prompt decode computes itself. The fakes measure nothing, so by auto prefill is used while it can be. */
class LocalPromptTest {
    private static Harness harness(int prefills, int decodes, Disaggregation how) {
        return new Harness(prefills, decodes, Harness.Settings.usual(), how);
    }

    private static BatonException scripted(ErrorCode code) {
        return new BatonException(code, "scripted");
    }

    @Test
    void shouldServeARequestWithOneLegWhereThereIsNoPrefill() {
        for (Disaggregation how : new Disaggregation[] {Disaggregation.AUTO, Disaggregation.NEVER}) {
            try (Harness harness = harness(0, 1, how)) {
                // When
                RecordingSink client = harness.start(Samples.request("ten bytes.", 5));
                // Then
                assertThat(client.finished().getCompletion().getCompletionTokens())
                        .isEqualTo(5);
                assertThat(client.text()).isEqualTo(Samples.text(5));
                assertThat(client.events.getFirst()).isInstanceOf(ClientEvent.Started.class);
                assertThat(harness.settle()).isEmpty();
                DecodeRequest only = harness.decode().leg().received().getFirst();
                assertThat(only.getMessageCase()).isEqualTo(DecodeRequest.MessageCase.COMPUTE);
                DecodeCompute compute = only.getCompute();
                assertThat(compute.getOutputCells()).isEqualTo(4096);
                assertThat(compute.getStart().getPrompt().getText()).isEqualTo("ten bytes.");
                assertThat(compute.getStart().getStop().getMaxTokens()).isEqualTo(5);
                assertThat(harness.fleet.canServe()).isTrue();
                assertThat(harness.fleet.servedModels())
                        .extracting(Model::getId)
                        .containsExactly(Samples.MODEL);
            }
        }
    }

    @Test
    void shouldTellWhereTheTimeWent() {
        try (Harness harness = harness(0, 1, Disaggregation.NEVER)) {
            // When
            GenerateFinished finished =
                    harness.start(Samples.request("hello world", 3)).finished();
            // Then
            Timing timing = finished.getTiming();
            assertThat(timing.getTokenizeUs()).isEqualTo(5);
            assertThat(timing.getQueueUs()).isEqualTo(7);
            assertThat(timing.getPrefillUs()).isEqualTo(11);
            assertThat(timing.getReservedUs()).isPositive().isLessThanOrEqualTo(timing.getFirstTokenUs());
            assertThat(timing.getPrefillFinishedUs()).isPositive();
            assertThat(timing.getSecondTokenUs()).isGreaterThanOrEqualTo(timing.getFirstTokenUs());
            assertThat(timing.getPrefillComputedTokens()).isZero();
            assertThat(timing.getDecodeComputedTokens()).isEqualTo(10);
            assertThat(timing.getPrefillWorker()).isEmpty();
            assertThat(timing.getDecodeWorker()).isEqualTo(harness.decode().id());
            assertThat(timing.getFirstBlockLandedUs()).isZero();
            assertThat(finished.getUsage().getPromptTokens()).isEqualTo(11);
            assertThat(finished.getUsage().getPrefillCachedTokens()).isEqualTo(1);
            assertThat(harness.summaries).hasSize(1);
            assertThat(harness.summaries.getFirst().prefillMicros()).isEqualTo(11);
            assertThat(harness.settle()).isEmpty();
        }
    }

    @Test
    void shouldUsePrefillWhileItTakesWorkAndDecodeAloneWhenItDoesNot() {
        try (Harness harness = harness(1, 1, Disaggregation.AUTO)) {
            // When / Then
            harness.start(Samples.request("hello", 3)).finished();
            assertThat(harness.prefill().legs()).hasSize(1);
            // When it drains
            harness.prefill().state(WorkerState.WORKER_STATE_DRAINING);
            harness.awaitHealthy(1);
            harness.start(Samples.request("hello", 3)).finished();
            // Then
            assertThat(harness.prefill().legs()).hasSize(1);
            assertThat(harness.fleet.canServe()).isTrue();
            // When it is gone
            harness.prefill().crash();
            harness.start(Samples.request("hello", 3)).finished();
            // Then
            assertThat(harness.retries).hasValue(0);
            assertThat(harness.settle()).isEmpty();
        }
    }

    @Test
    void shouldNotUseDecodeAloneWhereItIsToldToUsePrefill() {
        try (Harness harness = harness(0, 1, Disaggregation.ALWAYS)) {
            assertThat(harness.start(Samples.request("hello", 3)).error().code())
                    .isEqualTo(ErrorCode.NO_WORKER);
            assertThat(harness.fleet.canServe()).isFalse();
            assertThat(harness.fleet.models()).hasSize(1);
            assertThat(harness.fleet.servedModels()).isEmpty();
            assertThat(harness.settle()).isEmpty();
        }
    }

    @Test
    void shouldNeverUsePrefillWhereItIsToldNotTo() {
        try (Harness harness = harness(1, 1, Disaggregation.NEVER)) {
            assertThat(harness.start(Samples.request("hello", 3)).finished()).isNotNull();
            assertThat(harness.settle()).isEmpty();
            assertThat(harness.prefill().legs()).isEmpty();
            // And without decode nothing is served
            harness.decode().state(WorkerState.WORKER_STATE_DRAINING);
            harness.awaitHealthy(1);
            assertThat(harness.fleet.canServe()).isFalse();
        }
    }

    @Test
    void shouldGoOnAloneIfPrefillRefuses() {
        try (Harness harness = harness(1, 1, Disaggregation.AUTO)) {
            // Given
            harness.prefill().script(new FakePrefill.Script().refusing(scripted(ErrorCode.QUEUE_FULL)));
            // When
            RecordingSink client = harness.start(Samples.request("hello", 3));
            // Then
            assertThat(client.finished().getCompletion().getCompletionTokens()).isEqualTo(3);
            assertThat(client.text()).isEqualTo(Samples.text(3));
            assertThat(harness.retries).hasValue(1);
            assertThat(harness.settle()).isEmpty();
        }
    }

    @Test
    void shouldContinueAloneAStreamThatLostItsPrefill() {
        try (Harness harness = harness(1, 2, Disaggregation.AUTO)) {
            // Given a stream that loses its decode worker when its only prefill worker is gone
            harness.decodes.getFirst().script(new FakeDecode.Script().stoppingAfter(4));
            harness.decodes.getLast().script(new FakeDecode.Script().stoppingAfter(4));
            RecordingSink client = harness.start(Samples.request("hello", 9));
            Await.until(() -> "text " + client.text(), () -> client.text().equals(Samples.text(5)));
            harness.prefill().crash();
            harness.decodes.forEach(d -> d.script(new FakeDecode.Script()));
            FakeDecode running = harness.decodes.stream()
                    .filter(d -> d.open() > 0)
                    .findFirst()
                    .orElseThrow();
            // When
            running.crash();
            // Then
            assertThat(client.finished().getCompletion().getCompletionTokens()).isEqualTo(9);
            assertThat(client.text()).isEqualTo(Samples.text(9));
            assertThat(harness.moves).hasPositiveValue();
        }
    }

    @Test
    void shouldTryAnotherDecodeWorkerIfOneBreaksBeforeTheFirstToken() {
        try (Harness harness = harness(0, 2, Disaggregation.NEVER)) {
            // Given
            harness.decodes.getFirst().script(new FakeDecode.Script().refusing(scripted(ErrorCode.KV_FULL)));
            harness.decodes.getLast().script(new FakeDecode.Script().refusing(scripted(ErrorCode.KV_FULL)));
            assertThat(harness.start(Samples.request("hello", 3)).error().code())
                    .isEqualTo(ErrorCode.KV_FULL);
            // When
            harness.decodes.getLast().script(new FakeDecode.Script());
            // Then
            for (int i = 0; i < 4; i++) {
                assertThat(harness.start(Samples.request("hello", 3)).finished())
                        .isNotNull();
            }
            assertThat(harness.settle()).isEmpty();
        }
    }

    @Test
    void shouldLetDecodeDoWhatAPrefillWorkerWithAnOpenBreakerIsFor() {
        Harness.Settings settings = Harness.Settings.usual().withBreaker(3);
        try (Harness harness = new Harness(1, 1, settings, Disaggregation.AUTO)) {
            // Given the only prefill worker fails whatever it is given
            harness.prefill().script(new FakePrefill.Script().refusing(scripted(ErrorCode.WORKER_LOST)));
            for (int i = 0; i < 3; i++) {
                assertThat(harness.start(Samples.request("hello", 3)).finished())
                        .isNotNull();
            }
            Await.until(
                    () -> "workers " + harness.fleet.views(),
                    () -> !harness.fleet.workers().getFirst().view().healthy());
            int legs = harness.prefill().legs().size();
            // When
            for (int i = 0; i < 5; i++) {
                assertThat(harness.start(Samples.request("hello", 3)).finished())
                        .isNotNull();
            }
            // Then
            assertThat(harness.prefill().legs()).hasSize(legs);
            assertThat(harness.settle()).isEmpty();
        }
    }

    @Test
    void shouldNotAskADecodeWorkerBesideVllm() {
        try (Harness harness = harness(0, 1, Disaggregation.AUTO)) {
            // Given
            harness.decode().edit(message -> {
                var changed = message.toBuilder();
                changed.getIdentityBuilder().getLayoutBuilder().setKind(DescriptorKind.DESCRIPTOR_KIND_NIXL);
                return changed.build();
            });
            Await.until(() -> "workers " + harness.fleet.views(), () -> !harness.fleet.canServe());
            // Then
            assertThat(harness.start(Samples.request("hello", 3)).error().code())
                    .isEqualTo(ErrorCode.NO_WORKER);
            assertThat(harness.settle()).isEmpty();
        }
    }

    @Test
    void shouldCancelTheLegWhenTheClientGoes() {
        try (Harness harness = harness(0, 1, Disaggregation.NEVER)) {
            // Given
            harness.decode().script(new FakeDecode.Script().stoppingAfter(2));
            RecordingSink client = harness.start(Samples.request("hello", 9));
            Await.until(() -> "text " + client.text(), () -> client.text().equals(Samples.text(2)));
            // When
            requireNonNull(client.run).abort(scripted(ErrorCode.CANCELLED));
            // Then
            assertThat(harness.decode().leg().end()).isEqualTo("cancel message");
            assertThat(harness.settle()).isEmpty();
        }
    }
}
