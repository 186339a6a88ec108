package io.baton.prefill.service.leg;

import static org.assertj.core.api.Assertions.assertThat;

import io.baton.engine.simulated.SimulatedEngineConfig;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PrefillAttemptTest {
    private static final int TOKENS = 12 * TestWorker.BLOCK + 3;

    @Test
    void shouldEndTheOlderAttemptAndServeTheNewerOne() {
        try (TestWorker worker = new TestWorker()) {
            // Given an attempt that computes, or waits for decode to pull
            TestRouter older = worker.router();
            older.send(older.start(TestRouter.ids(TOKENS, 1)));
            older.accepted();
            older.go(TestWorker.RECEIVER);

            // When
            TestRouter newer = worker.again(older);
            newer.send(newer.start(TestRouter.ids(TOKENS, 2)).setAttempt(2));

            // Then
            BatonException failure = older.failure();
            assertThat(failure.code()).isEqualTo(ErrorCode.CANCELLED);
            assertThat(failure).hasMessageContaining("superseded by attempt 2");
            newer.accepted();
            newer.go("");
            newer.untilFinished();
            assertThat(newer.halfClose().end()).isNull();
            worker.awaitRest();
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void shouldRefuseAnAttemptThatIsNoNewerThanTheRunningOne(int number) {
        try (TestWorker worker = new TestWorker()) {
            // Given
            TestRouter running = worker.router();
            running.send(running.start(TestRouter.ids(TOKENS, 1)).setAttempt(2));
            running.accepted();

            // When
            TestRouter late = worker.again(running);
            late.send(late.start(TestRouter.ids(TOKENS, 1)).setAttempt(number));

            // Then
            BatonException failure = late.failure();
            assertThat(failure.code()).isEqualTo(ErrorCode.PROTOCOL_VIOLATION);
            assertThat(failure).hasMessageContaining("attempt 2 runs");
            running.go("");
            running.untilFinished();
            assertThat(running.halfClose().end()).isNull();
            worker.awaitRest();
        }
    }

    @Test
    void shouldLetTheSameRequestOfAnotherTenantAlone() {
        try (TestWorker worker = new TestWorker()) {
            // Given
            TestRouter one = worker.router();
            one.send(one.start(TestRouter.ids(TOKENS, 1)));
            one.accepted();

            // When
            TestRouter other = worker.again(one);
            other.send(other.start(TestRouter.ids(TOKENS, 1)).setTenant("other").setAttempt(2));
            other.accepted();

            // Then
            one.go("");
            one.untilFinished();
            assertThat(one.halfClose().end()).isNull();
            other.cancelMessage();
            assertThat(other.failure().code()).isEqualTo(ErrorCode.CANCELLED);
            worker.awaitRest();
        }
    }

    @Test
    void shouldEndTheOlderAttemptEvenWhereThereIsNoPlaceForTheNewerOne() {
        try (TestWorker worker =
                new TestWorker(SimulatedEngineConfig.withoutDelays(), Map.of("baton.worker.max-legs", "1"))) {
            // Given
            TestRouter older = worker.router();
            older.send(older.start(TestRouter.ids(TOKENS, 1)));
            older.accepted();

            // When
            TestRouter newer = worker.again(older);
            newer.send(newer.start(TestRouter.ids(TOKENS, 1)).setAttempt(2));

            // Then
            assertThat(older.failure().code()).isEqualTo(ErrorCode.CANCELLED);
            newer.cancelMessage();
            assertThat(newer.failure().code()).isIn(ErrorCode.QUEUE_FULL, ErrorCode.CANCELLED);
            worker.awaitRest();
        }
    }
}
