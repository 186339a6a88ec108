package io.baton.worker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.worker.v1.WorkerState;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicReference;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class WorkerLifecycleTest {
    private final AtomicReference<@Nullable Throwable> engineFailure = new AtomicReference<>();
    private final WorkerLifecycle lifecycle = new WorkerLifecycle(3, 2, engineFailure::get);

    private static void refused(ErrorCode code, ThrowingCallable call) {
        assertThatThrownBy(call)
                .isInstanceOfSatisfying(
                        BatonException.class, e -> assertThat(e.code()).isEqualTo(code));
    }

    @Test
    void shouldRefuseMoreWaitingLegsThanTheLimit() {
        // Given
        WorkerLifecycle.Admission first = lifecycle.admit();
        var _ = lifecycle.admit();
        refused(ErrorCode.QUEUE_FULL, lifecycle::admit);

        // When one of them computes
        first.running();

        // Then there is room for another to wait, and then the limit of open legs is reached
        var _ = lifecycle.admit();
        assertThat(lifecycle.open()).isEqualTo(3);
        assertThat(lifecycle.waiting()).isEqualTo(2);
        refused(ErrorCode.QUEUE_FULL, lifecycle::admit);
    }

    @Test
    void shouldCountALegOutOnce() {
        // Given
        WorkerLifecycle.Admission leg = lifecycle.admit();
        var _ = lifecycle.admit();

        // When
        leg.close();
        leg.close();
        leg.running();

        // Then
        assertThat(lifecycle.open()).isEqualTo(1);
        assertThat(lifecycle.waiting()).isEqualTo(1);
    }

    @Test
    void shouldRefuseNewLegsWhileDrainingAndTellWhenTheLastHasEnded() throws Exception {
        // Given
        WorkerLifecycle.Admission leg = lifecycle.admit();

        // When
        lifecycle.drain();

        // Then
        assertThat(lifecycle.state()).isEqualTo(WorkerState.WORKER_STATE_DRAINING);
        refused(ErrorCode.DRAINING, lifecycle::admit);
        assertThat(lifecycle.awaitIdle(Duration.ZERO)).isFalse();
        CompletableFuture<Void> ends = CompletableFuture.runAsync(leg::close);
        assertThat(lifecycle.awaitIdle(Duration.ofSeconds(30))).isTrue();
        ends.join();
    }

    @Test
    void shouldFailWithItsEngine() {
        // When
        engineFailure.set(new IllegalStateException("broken"));

        // Then
        assertThat(lifecycle.state()).isEqualTo(WorkerState.WORKER_STATE_FAILED);
        refused(ErrorCode.ENGINE_FAILED, lifecycle::admit);
    }
}
