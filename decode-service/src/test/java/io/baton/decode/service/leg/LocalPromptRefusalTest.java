package io.baton.decode.service.leg;

import static org.assertj.core.api.Assertions.assertThat;

import io.baton.decode.v1.DecodeCompute;
import io.baton.decode.v1.DecodeResponse;
import io.baton.engine.simulated.SimulatedEngineConfig;
import io.baton.engine.text.TokenIds;
import io.baton.error.ErrorCode;
import io.baton.inference.v1.Prompt;
import io.baton.prefill.v1.Continuation;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What a decode worker that computes prompts itself refuses, and that it lets go of everything when it is told to stop. */
class LocalPromptRefusalTest {
    private static final int CHUNK = 32;
    /** A millisecond per chunk of 32 tokens and per step. */
    private static final SimulatedEngineConfig SLOW = SimulatedEngineConfig.withoutDelays()
            .withLimits(1 << 16, 16, 1 << 14)
            .withQueue(CHUNK, 4096)
            .withCosts(1_000, 0, 1_000, 0)
            .withSpeed(1);

    private final TestHolder holder = new TestHolder();
    private TestWorker worker = new TestWorker();

    @AfterEach
    void close() {
        worker.close();
        holder.close();
    }

    private void use(SimulatedEngineConfig engine, Map<String, String> settings) {
        worker.close();
        worker = new TestWorker(engine, settings);
    }

    record Wrong(String name, ErrorCode code, Consumer<DecodeCompute.Builder> change) {
        @Override
        public String toString() {
            return name;
        }
    }

    static Stream<Wrong> wrong() {
        return Stream.of(
                new Wrong(
                        "no request id",
                        ErrorCode.INVALID_REQUEST,
                        c -> c.getStartBuilder().setRequestId("")),
                new Wrong(
                        "attempt 0",
                        ErrorCode.PROTOCOL_VIOLATION,
                        c -> c.getStartBuilder().setAttempt(0)),
                new Wrong(
                        "another model",
                        ErrorCode.MODEL_NOT_FOUND,
                        c -> c.getStartBuilder().setModel("another")),
                new Wrong(
                        "no prompt",
                        ErrorCode.INVALID_REQUEST,
                        c -> c.getStartBuilder().clearPrompt()),
                new Wrong(
                        "an unknown token",
                        ErrorCode.INVALID_REQUEST,
                        c -> c.getStartBuilder().setPrompt(Prompt.newBuilder().setTokenIds(TokenIds.encode(1 << 30)))),
                new Wrong(
                        "a prompt over the context",
                        ErrorCode.CONTEXT_LENGTH_EXCEEDED,
                        c -> c.getStartBuilder()
                                .setPrompt(Prompt.newBuilder().setTokenIds(TokenIds.encode(TestHolder.ids(256, 1))))),
                new Wrong(
                        "more than fits now",
                        ErrorCode.KV_FULL,
                        c -> c.getStartBuilder()
                                .setPrompt(Prompt.newBuilder().setTokenIds(TokenIds.encode(TestHolder.ids(200, 1))))),
                new Wrong("no output cells", ErrorCode.PROTOCOL_VIOLATION, c -> c.setOutputCells(0)),
                new Wrong(
                        "a continuation of more than there is",
                        ErrorCode.PROTOCOL_VIOLATION,
                        c -> c.getStartBuilder()
                                .setContinuation(Continuation.newBuilder().setPromptTokens(99))),
                new Wrong(
                        "a continuation that has ended",
                        ErrorCode.PROTOCOL_VIOLATION,
                        c -> c.getStartBuilder()
                                .setContinuation(Continuation.newBuilder()
                                        .setPromptTokens(10)
                                        .setTokensSent(30))));
    }

    @ParameterizedTest
    @MethodSource("wrong")
    void shouldRefuseWhatPrefillWouldRefuse(Wrong wrong) {
        // Given room for one request and a bit
        use(SLOW.withLimits(300, 4, 256).withQueue(CHUNK, 64), Map.of());
        TestRouter running = worker.router();
        running.send(running.compute(TestHolder.ids(100, 5), 100));
        running.accepted();

        // When
        TestRouter router = worker.router();
        DecodeCompute.Builder compute = router.compute(TestHolder.ids(40, 1), 20);
        wrong.change.accept(compute);
        router.send(compute);

        // Then
        assertThat(router.failure().code()).isEqualTo(wrong.code);
        running.hangUp();
        worker.awaitRest();
        assertThat(worker.failures(wrong.code)).isOne();
    }

    @Test
    void shouldRefuseMessagesOfTheOtherWay() {
        for (Consumer<TestRouter> more : List.<Consumer<TestRouter>>of(
                r -> r.send(r.compute(TestHolder.ids(4, 1), 4)),
                r -> r.send(r.reserve(TestHolder.ids(4, 1), 4, holder.engine.kvLayout())),
                r -> r.send(TestRouter.start(4, 10, 4)),
                r -> r.extend(1, 2, 3),
                r -> r.offer(io.baton.kv.v1.KvDescriptor.getDefaultInstance()),
                TestRouter::emptyMessage)) {
            // Given a stream that runs
            use(SLOW, Map.of());
            TestRouter router = worker.router();
            router.send(router.compute(TestHolder.ids(4, 1), 5_000));
            router.until(DecodeResponse::hasToken);

            // When
            more.accept(router);

            // Then
            assertThat(router.failure().code()).isEqualTo(ErrorCode.PROTOCOL_VIOLATION);
            worker.awaitRest();
        }
    }

    @Test
    void shouldRefuseAPromptWhileItDrains() throws Exception {
        // Given
        worker.runtime.lifecycle().drain();

        // When
        TestRouter router = worker.router();
        router.send(router.compute(TestHolder.ids(4, 1), 4));

        // Then
        assertThat(router.failure().code()).isEqualTo(ErrorCode.DRAINING);
        worker.awaitRest();
    }

    @Test
    void shouldStopComputingWithinAChunkWhenItIsCancelled() {
        // Given a prompt of 400 chunks
        use(SLOW, Map.of());
        TestRouter router = worker.router();
        router.send(router.compute(TestHolder.ids(400 * CHUNK, 1), 4));
        router.accepted();
        TestWorker.await("it computes", () -> worker.runtime.engine().stats().steps() > 3);
        assertThat(worker.runtime.queuedTokens().get()).isBetween(1L, 400L * CHUNK);

        // When
        router.cancelMessage();
        assertThat(router.failure().code()).isEqualTo(ErrorCode.CANCELLED);
        long heard = worker.runtime.engine().stats().steps();
        worker.awaitRest();

        // Then
        assertThat(worker.runtime.engine().stats().steps() - heard).isBetween(0L, 1L);
        assertThat(worker.count("baton_decode_computed_prompt_tokens")).isLessThan(400 * CHUNK);
    }

    @Test
    void shouldLeakNothingOverManyCancellationsAtAnyMoment() {
        use(SLOW, Map.of());
        java.util.Random random = new java.util.Random(1);
        for (int i = 0; i < 100; i++) {
            TestRouter router = worker.router();
            router.send(router.compute(TestHolder.ids(1 + random.nextInt(8 * CHUNK), random.nextInt(9)), 50));
            for (int n = random.nextInt(6); n > 0; n--) {
                router.next();
            }
            if (random.nextBoolean()) {
                router.hangUp();
            } else {
                router.cancelMessage();
            }
        }
        worker.awaitRest();
    }
}
