package io.baton.prefill.service.leg;

import static org.assertj.core.api.Assertions.assertThat;

import io.baton.engine.simulated.SimulatedEngineConfig;
import io.baton.error.ErrorCode;
import io.baton.prefill.v1.PrefillResponse;
import java.util.Map;
import java.util.Random;
import java.util.function.Predicate;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class PrefillCancelTest {
    private static final int TOKENS = 12 * TestWorker.BLOCK + 3;
    /** Slow enough for a cancel to come while it computes. */
    private static final SimulatedEngineConfig SLOW =
            SimulatedEngineConfig.defaults().withCosts(0, 200, 0, 0).withQueue(TestWorker.BLOCK, 1024);

    enum Stage {
        STARTED,
        ACCEPTED,
        GONE,
        FIRST_BLOCK,
        FIRST_TOKEN,
        FINISHED
    }

    private static void bringTo(TestRouter router, Stage stage) {
        router.send(router.start(TestRouter.ids(TOKENS, 1)));
        if (stage == Stage.STARTED) {
            return;
        }
        router.accepted();
        if (stage == Stage.ACCEPTED) {
            return;
        }
        router.go(TestWorker.RECEIVER);
        switch (stage) {
            case FIRST_BLOCK -> until(router, PrefillResponse::hasBlocksReady);
            case FIRST_TOKEN -> until(router, PrefillResponse::hasFirstToken);
            case FINISHED -> until(router, PrefillResponse::hasFinished);
            default -> {}
        }
    }

    private static void until(TestRouter router, Predicate<PrefillResponse> wanted) {
        PrefillResponse r;
        do {
            r = router.next();
        } while (!wanted.test(r));
    }

    @ParameterizedTest
    @EnumSource(Stage.class)
    void shouldReleaseEverythingWhenTheRouterHangsUp(Stage stage) {
        try (TestWorker worker = new TestWorker(SLOW, Map.of())) {
            // Given
            TestRouter router = worker.router();
            bringTo(router, stage);

            // When
            router.hangUp();

            // Then
            worker.awaitRest();
        }
    }

    @ParameterizedTest
    @EnumSource(Stage.class)
    void shouldReleaseEverythingWhenTheRouterCancels(Stage stage) {
        try (TestWorker worker = new TestWorker(SLOW, Map.of())) {
            // Given
            TestRouter router = worker.router();
            bringTo(router, stage);

            // When
            router.cancelMessage();

            // Then
            assertThat(router.failure().code()).isEqualTo(ErrorCode.CANCELLED);
            worker.awaitRest();
        }
    }

    @Test
    void shouldStopComputingWithinOneChunk() {
        try (TestWorker worker = new TestWorker(SLOW, Map.of())) {
            // Given
            TestRouter router = worker.router();
            router.send(router.start(TestRouter.ids(100 * TestWorker.BLOCK, 1)));
            router.accepted();
            router.go(TestWorker.RECEIVER);
            until(router, PrefillResponse::hasBlocksReady);

            // When
            router.hangUp();
            worker.awaitRest();

            // Then
            long computed = worker.runtime.engine().stats().promptTokensComputed();
            assertThat(computed).isLessThan(100L * TestWorker.BLOCK);
            TestRouter next = worker.router();
            next.send(next.start(TestRouter.ids(5, 2)));
            next.accepted();
            next.go("");
            next.untilFinished();
            assertThat(worker.runtime.engine().stats().promptTokensComputed()).isEqualTo(computed + 5);
        }
    }

    @Test
    void shouldComputeAtMostOneMoreChunkAfterItHasHeardOfACancel() {
        try (TestWorker worker = new TestWorker(SLOW, Map.of())) {
            // Given
            TestRouter router = worker.router();
            router.send(router.start(TestRouter.ids(100 * TestWorker.BLOCK, 1)));
            router.accepted();
            router.go(TestWorker.RECEIVER);
            until(router, PrefillResponse::hasBlocksReady);

            // When
            router.cancelMessage();
            assertThat(router.failure().code()).isEqualTo(ErrorCode.CANCELLED);
            long heard = worker.runtime.engine().stats().promptTokensComputed();
            worker.awaitRest();

            // Then
            long computed = worker.runtime.engine().stats().promptTokensComputed();
            assertThat(computed - heard).isBetween(0L, (long) TestWorker.BLOCK);
            assertThat(computed).isLessThan(100L * TestWorker.BLOCK);
        }
    }

    @Test
    void shouldLeakNothingOverManyRandomCancellations() {
        try (TestWorker worker = new TestWorker(SLOW.withSpeed(20), Map.of())) {
            // Given
            Random random = new Random(1);
            Stage[] stages = Stage.values();

            // When
            for (int i = 0; i < 100; i++) {
                TestRouter router = worker.router();
                bringTo(router, stages[random.nextInt(stages.length)]);
                if (random.nextBoolean()) {
                    router.hangUp();
                } else {
                    router.cancelMessage();
                }
            }

            // Then
            worker.awaitRest();
        }
    }
}
