package io.baton.decode.service.leg;

import static org.assertj.core.api.Assertions.assertThat;

import io.baton.engine.simulated.SimulatedEngineConfig;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DecodeAttemptTest {
    private static final int[] TOKENS = TestHolder.ids(6 * TestWorker.BLOCK + 3, 1);
    private static final int OUTPUT = 200;

    private final TestHolder holder = new TestHolder();
    /** One step in 5 ms: slow enough for another attempt to come while it generates. */
    private final TestWorker worker =
            new TestWorker(SimulatedEngineConfig.defaults().withCosts(0, 0, 5000, 0), Map.of());

    @AfterEach
    void close() {
        worker.close();
        holder.close();
    }

    /** Brings attempt {@code number} to its first token. */
    private void generate(TestRouter router, int number, int maxTokens) {
        TestHolder.Prompt prompt = holder.compute(router.requestId, TOKENS);
        router.send(router.reserve(TOKENS, OUTPUT, holder.engine.kvLayout()).setAttempt(number));
        router.reserved();
        prompt.blocks().forEach(router::offer);
        router.send(TestRouter.start(TOKENS.length, prompt.firstToken(), maxTokens));
        while (!router.next().hasToken()) {
            // Blocks that land.
        }
    }

    @Test
    void shouldEndTheOlderAttemptAndServeTheNewerOne() {
        // Given
        TestRouter older = worker.router();
        generate(older, 1, OUTPUT);

        // When
        TestRouter newer = worker.again(older);
        generate(newer, 2, 5);

        // Then
        BatonException failure = older.failure();
        assertThat(failure.code()).isEqualTo(ErrorCode.CANCELLED);
        assertThat(failure).hasMessageContaining("superseded by attempt 2");
        newer.untilFinished();
        assertThat(newer.end()).isNull();
        worker.awaitRest();
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void shouldRefuseAnAttemptThatIsNoNewerThanTheRunningOne(int number) {
        // Given
        TestRouter running = worker.router();
        generate(running, 2, 20);

        // When
        TestRouter late = worker.again(running);
        late.send(late.reserve(TOKENS, OUTPUT, holder.engine.kvLayout()).setAttempt(number));

        // Then
        BatonException failure = late.failure();
        assertThat(failure.code()).isEqualTo(ErrorCode.PROTOCOL_VIOLATION);
        assertThat(failure).hasMessageContaining("attempt 2 runs");
        running.untilFinished();
        assertThat(running.end()).isNull();
        worker.awaitRest();
    }

    @Test
    void shouldTakeTheSameAttemptOnceTheFirstHasEnded() {
        // Given
        TestRouter first = worker.router();
        generate(first, 1, 2);
        first.untilFinished();
        assertThat(first.end()).isNull();

        // When
        TestRouter second = worker.again(first);
        generate(second, 1, 2);

        // Then
        second.untilFinished();
        assertThat(second.end()).isNull();
        worker.awaitRest();
    }
}
