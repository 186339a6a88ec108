package io.baton.prefill.service.leg;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import com.google.protobuf.ByteString;
import io.baton.engine.simulated.SimulatedEngineConfig;
import io.baton.engine.text.TokenIds;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.inference.v1.ChatPrompt;
import io.baton.inference.v1.Prompt;
import io.baton.prefill.v1.Continuation;
import io.baton.prefill.v1.PrefillStart;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class PrefillRefusalTest {
    private static final SimulatedEngineConfig SMALL =
            SimulatedEngineConfig.withoutDelays().withLimits(256, 4, 128);

    private static Arguments refuse(ErrorCode code, String named, Consumer<PrefillStart.Builder> spoil) {
        return arguments(named, code, spoil);
    }

    static Stream<Arguments> spoiltStarts() {
        return Stream.of(
                refuse(
                        ErrorCode.INVALID_REQUEST,
                        "empty",
                        s -> s.setPrompt(Prompt.newBuilder().setText(""))),
                refuse(
                        ErrorCode.INVALID_REQUEST,
                        "empty",
                        s -> s.setPrompt(Prompt.newBuilder().setTokenIds(ByteString.EMPTY))),
                refuse(
                        ErrorCode.INVALID_REQUEST,
                        "messages",
                        s -> s.setPrompt(Prompt.newBuilder().setChat(ChatPrompt.getDefaultInstance()))),
                refuse(ErrorCode.INVALID_REQUEST, "prompt is not set", s -> s.clearPrompt()),
                refuse(
                        ErrorCode.INVALID_REQUEST,
                        "prompt.token_ids",
                        s -> s.setPrompt(Prompt.newBuilder().setTokenIds(ByteString.copyFrom(new byte[] {1, 2, 3})))),
                refuse(
                        ErrorCode.INVALID_REQUEST,
                        "prompt.token_ids[1]",
                        s -> s.setPrompt(Prompt.newBuilder().setTokenIds(TokenIds.encode(5, 1_000_000)))),
                refuse(ErrorCode.INVALID_REQUEST, "request_id", s -> s.setRequestId("")),
                refuse(ErrorCode.INVALID_REQUEST, "request_id", s -> s.setRequestId("x".repeat(129))),
                refuse(
                        ErrorCode.INVALID_REQUEST,
                        "temperature",
                        s -> s.getSamplingBuilder().setTemperature(Float.NaN)),
                refuse(
                        ErrorCode.INVALID_REQUEST,
                        "max_tokens",
                        s -> s.getStopBuilder().setMaxTokens(0)),
                refuse(
                        ErrorCode.INVALID_REQUEST,
                        "max_tokens",
                        s -> s.getStopBuilder().setMaxTokens(-1)),
                refuse(ErrorCode.INVALID_REQUEST, "top_logprobs", s -> s.setTopLogprobs(21)),
                refuse(ErrorCode.MODEL_NOT_FOUND, "gpt", s -> s.setModel("gpt")),
                refuse(ErrorCode.CONTEXT_LENGTH_EXCEEDED, "128", s -> s.setPrompt(TestRouter.ids(128, 1))),
                refuse(ErrorCode.PROTOCOL_VIOLATION, "attempt", s -> s.setAttempt(0)),
                refuse(
                        ErrorCode.PROTOCOL_VIOLATION,
                        "seed",
                        s -> s.getSamplingBuilder().clearSeed()),
                refuse(
                        ErrorCode.PROTOCOL_VIOLATION,
                        "prompt_tokens",
                        s -> s.setContinuation(Continuation.newBuilder().setPromptTokens(1000))));
    }

    @ParameterizedTest(name = "{0} {index}")
    @MethodSource("spoiltStarts")
    void shouldRefuseAndNameWhatIsWrong(String named, ErrorCode code, Consumer<PrefillStart.Builder> spoil) {
        try (TestWorker worker = new TestWorker(SMALL, Map.of())) {
            // Given
            TestRouter router = worker.router();
            PrefillStart.Builder start = router.start(TestRouter.ids(20, 1));
            spoil.accept(start);

            // When
            router.send(start);

            // Then
            BatonException failure = router.failure();
            assertThat(failure.code()).isEqualTo(code);
            assertThat(failure).hasMessageContaining(named);
            worker.awaitRest();
        }
    }

    @Test
    void shouldServeTheNextRequestAfterARefusal() {
        try (TestWorker worker = new TestWorker(SMALL, Map.of())) {
            // Given
            TestRouter refused = worker.router();
            refused.send(refused.start(TestRouter.text("")));
            refused.failure();

            // When
            TestRouter router = worker.router();
            router.send(router.start(TestRouter.ids(20, 1)));

            // Then
            assertThat(router.accepted().getPromptTokens()).isEqualTo(20);
            router.hangUp();
            worker.awaitRest();
        }
    }

    @Test
    void shouldRefuseWhenTheCellsAreReserved() {
        try (TestWorker worker = new TestWorker(SMALL, Map.of())) {
            // Given 256 cells, 240 of them reserved
            TestRouter one = worker.router();
            one.send(one.start(TestRouter.ids(120, 1)));
            one.accepted();
            TestRouter two = worker.router();
            two.send(two.start(TestRouter.ids(120, 2)));
            two.accepted();

            // When
            TestRouter three = worker.router();
            three.send(three.start(TestRouter.ids(50, 3)));

            // Then
            assertThat(three.failure().code()).isEqualTo(ErrorCode.KV_FULL);
            one.hangUp();
            two.hangUp();
            worker.awaitRest();
        }
    }

    @Test
    void shouldRefuseMoreLegsThanTheLimit() {
        try (TestWorker worker = new TestWorker(SMALL, Map.of("baton.worker.max-legs", "1"))) {
            // Given
            TestRouter one = worker.router();
            one.send(one.start(TestRouter.ids(20, 1)));
            one.accepted();

            // When
            TestRouter two = worker.router();
            two.send(two.start(TestRouter.ids(20, 1)));

            // Then
            assertThat(two.failure().code()).isEqualTo(ErrorCode.QUEUE_FULL);
            one.hangUp();
            worker.awaitRest();
        }
    }

    @Test
    void shouldRefuseNewLegsAndFinishOldOnesWhileDraining() throws InterruptedException {
        try (TestWorker worker = new TestWorker(SMALL, Map.of())) {
            // Given
            TestRouter old = worker.router();
            old.send(old.start(TestRouter.ids(20, 1)));
            old.accepted();

            // When
            worker.runtime.lifecycle().drain();

            // Then
            TestRouter young = worker.router();
            young.send(young.start(TestRouter.ids(20, 1)));
            assertThat(young.failure().code()).isEqualTo(ErrorCode.DRAINING);
            assertThat(worker.runtime.ready()).isFalse();
            old.go("");
            old.untilFinished();
            old.halfClose();
            assertThat(old.end()).isNull();
            assertThat(worker.runtime.lifecycle().awaitIdle(java.time.Duration.ofSeconds(30)))
                    .isTrue();
        }
    }

    @Test
    void shouldFailLegsAndReadinessWithTheEngine() {
        try (TestWorker worker = new TestWorker(SMALL.withFailAfterSteps(1), Map.of())) {
            // Given
            TestRouter router = worker.router();
            router.send(router.start(TestRouter.ids(100, 1)));
            router.accepted();

            // When
            router.go(TestWorker.RECEIVER);

            // Then
            TestWorker.await("the engine has failed", () -> !worker.runtime.ready());
            TestRouter next = worker.router();
            next.send(next.start(TestRouter.ids(20, 1)));
            assertThat(next.failure().code()).isEqualTo(ErrorCode.ENGINE_FAILED);
        }
    }

    static Stream<Arguments> brokenProtocols() {
        return Stream.of(
                arguments("Go before Start", (Consumer<TestRouter>) r -> r.go("x")),
                arguments("a message without content", (Consumer<TestRouter>) TestRouter::emptyMessage),
                arguments("half-close before Start", (Consumer<TestRouter>) TestRouter::halfClose),
                arguments("a second Start", (Consumer<TestRouter>) r -> {
                    r.send(r.start(TestRouter.ids(20, 1)));
                    r.accepted();
                    r.send(r.start(TestRouter.ids(20, 1)));
                }),
                arguments("a second Go", (Consumer<TestRouter>) r -> {
                    r.send(r.start(TestRouter.ids(20, 1)));
                    r.accepted();
                    r.go(TestWorker.RECEIVER);
                    r.go(TestWorker.RECEIVER);
                }),
                arguments("half-close before Go", (Consumer<TestRouter>) r -> {
                    r.send(r.start(TestRouter.ids(20, 1)));
                    r.accepted();
                    r.halfClose();
                }));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("brokenProtocols")
    void shouldRefuseABrokenProtocol(String name, Consumer<TestRouter> breach) {
        try (TestWorker worker = new TestWorker(SMALL, Map.of())) {
            // Given
            TestRouter router = worker.router();

            // When
            breach.accept(router);

            // Then
            assertThat(router.failure().code()).isEqualTo(ErrorCode.PROTOCOL_VIOLATION);
            worker.awaitRest();
        }
    }
}
