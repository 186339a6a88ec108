package io.baton.worker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

class LinearFitTest {
    private final LinearFit prompts = new LinearFit(0.98, true);
    private final LinearFit steps = new LinearFit(0.98, false);

    @Test
    void shouldKnowNothingBeforeAnythingWasMeasured() {
        assertThat(prompts.constant()).isZero();
        assertThat(prompts.slope()).isZero();
    }

    @Test
    void shouldFindTheLineThroughMeasurements() {
        for (int n = 100; n < 3000; n += 100) {
            prompts.add(n, 2000 + 4.5 * n);
        }
        assertThat(prompts.constant()).isCloseTo(2000, within(1.0));
        assertThat(prompts.slope()).isCloseTo(4.5, within(0.001));
    }

    @Test
    void shouldPutToTheSlopeOrToTheConstantWhatMeasurementsAtOneXDoNotTellApart() {
        for (int i = 0; i < 10; i++) {
            prompts.add(500, 1000);
            steps.add(4, 20);
        }
        assertThat(prompts.slope()).isCloseTo(2, within(1e-9));
        assertThat(prompts.constant()).isCloseTo(0, within(1e-6));
        assertThat(steps.slope()).isZero();
        assertThat(steps.constant()).isCloseTo(20, within(1e-9));
    }

    @Test
    void shouldFollowAChange() {
        for (int i = 0; i < 300; i++) {
            prompts.add(100 + i % 10 * 100, 4 * (100 + i % 10 * 100));
        }
        for (int i = 0; i < 300; i++) {
            prompts.add(100 + i % 10 * 100, 2 * (100 + i % 10 * 100));
        }
        assertThat(prompts.slope()).isCloseTo(2, within(0.05));
    }

    @Test
    void shouldNeverSayThatSomethingTakesLessThanNothing() {
        prompts.add(100, 1000);
        prompts.add(1000, 10);
        assertThat(prompts.slope()).isNotNegative();
        assertThat(prompts.constant()).isNotNegative();
        steps.add(1, 1);
        steps.add(10, 1000);
        assertThat(steps.slope()).isNotNegative();
        assertThat(steps.constant()).isNotNegative();
    }
}
