package io.baton.decode.service.leg;

import static org.assertj.core.api.Assertions.assertThat;

import io.baton.decode.v1.DecodeResponse;
import io.baton.engine.simulated.SimulatedEngineConfig;
import io.baton.error.ErrorCode;
import java.util.Map;
import java.util.Random;
import java.util.function.Predicate;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class DecodeCancelTest {
    private static final int[] TOKENS = TestHolder.ids(6 * TestWorker.BLOCK + 3, 1);
    private static final int OUTPUT = 2000;

    enum Stage {
        RESERVING,
        RESERVED,
        SOME_OFFERED,
        ALL_OFFERED,
        FIRST_LANDED,
        STARTED,
        GENERATING
    }

    private final TestHolder holder = new TestHolder();
    /** One step in 5 ms: slow enough for a cancel to come while it generates. */
    private final TestWorker worker =
            new TestWorker(SimulatedEngineConfig.defaults().withCosts(0, 0, 5000, 0), Map.of());

    @AfterEach
    void close() {
        worker.close();
        holder.close();
    }

    private void bringTo(TestRouter router, Stage stage) {
        TestHolder.Prompt prompt = holder.compute(router.requestId, TOKENS);
        router.send(router.reserve(TOKENS, OUTPUT, holder.engine.kvLayout()));
        if (stage == Stage.RESERVING) {
            return;
        }
        router.reserved();
        if (stage == Stage.RESERVED) {
            return;
        }
        int offers = stage == Stage.SOME_OFFERED ? 3 : prompt.blocks().size();
        prompt.blocks().subList(0, offers).forEach(router::offer);
        if (stage == Stage.FIRST_LANDED) {
            until(router, DecodeResponse::hasBlocksLanded);
        }
        if (stage.compareTo(Stage.STARTED) >= 0) {
            router.send(TestRouter.start(TOKENS.length, prompt.firstToken(), OUTPUT));
        }
        if (stage == Stage.GENERATING) {
            until(router, DecodeResponse::hasToken);
        }
    }

    private static void until(TestRouter router, Predicate<DecodeResponse> wanted) {
        DecodeResponse r;
        do {
            r = router.next();
        } while (!wanted.test(r));
    }

    @ParameterizedTest
    @EnumSource(Stage.class)
    void shouldReleaseEverythingWhenTheRouterHangsUp(Stage stage) {
        // Given
        TestRouter router = worker.router();
        bringTo(router, stage);

        // When
        router.hangUp();

        // Then
        worker.awaitRest();
    }

    @ParameterizedTest
    @EnumSource(Stage.class)
    void shouldReleaseEverythingWhenTheRouterCancels(Stage stage) {
        // Given
        TestRouter router = worker.router();
        bringTo(router, stage);

        // When
        router.cancelMessage();

        // Then
        assertThat(router.failure().code()).isEqualTo(ErrorCode.CANCELLED);
        worker.awaitRest();
    }

    @Test
    void shouldComputeAtMostOneMoreStepAfterItHasHeardOfACancel() {
        // Given
        TestRouter router = worker.router();
        bringTo(router, Stage.GENERATING);

        // When
        router.cancelMessage();
        assertThat(router.failure().code()).isEqualTo(ErrorCode.CANCELLED);
        long heard = worker.runtime.engine().stats().steps();
        worker.awaitRest();

        // Then
        long steps = worker.runtime.engine().stats().steps();
        assertThat(steps - heard).isBetween(0L, 1L);
        assertThat(steps).isLessThan(OUTPUT);
    }

    @Test
    void shouldLeakNothingOverManyRandomCancellations() {
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
