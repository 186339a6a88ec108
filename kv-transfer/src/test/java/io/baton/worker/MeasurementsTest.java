package io.baton.worker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.baton.engine.EngineStats;
import io.baton.worker.v1.WorkerRates;
import org.junit.jupiter.api.Test;

class MeasurementsTest {
    private static final long MILLI = 1_000_000;

    private final Measurements measurements = new Measurements();

    private static EngineStats stats(int running, long generated, long steps, long prompt) {
        return new EngineStats(running, 0, running, 0, 0, prompt, 0, generated, steps, 0, 0, 0, 0, 0);
    }

    @Test
    void shouldTellNothingBeforeAnythingWasMeasured() {
        assertThat(measurements.toProto()).isEqualTo(WorkerRates.getDefaultInstance());
    }

    @Test
    void shouldMeasurePromptsAndPulls() {
        measurements.prefilled(100, 12 * MILLI);
        measurements.prefilled(1000, 102 * MILLI);
        measurements.pulled(1 << 20, MILLI);
        WorkerRates rates = measurements.toProto();
        assertThat(rates.getPrefillBaseUs()).isCloseTo(2000, within(1.0));
        assertThat(rates.getPrefillTokenUs()).isCloseTo(100, within(0.1));
        assertThat(rates.getPullBytesPerSecond()).isCloseTo((1 << 20) * 1e3, within(1.0));
    }

    @Test
    void shouldMeasureStepsFromTheEnginesCounters() {
        // Given: ten steps of 20 ms + 1 ms per sequence between looks, with 4 and with 14 sequences
        measurements.looked(stats(4, 0, 0, 0), MILLI);
        measurements.looked(stats(14, 40, 10, 0), 241 * MILLI);
        measurements.looked(stats(14, 180, 20, 0), 581 * MILLI);
        // Then
        WorkerRates rates = measurements.toProto();
        assertThat(rates.getStepBaseUs()).isCloseTo(20_000, within(10.0));
        assertThat(rates.getStepSequenceUs()).isCloseTo(1000, within(1.0));
    }

    @Test
    void shouldNotTakeIdleTimeOrPromptsForSteps() {
        measurements.looked(stats(1, 0, 0, 0), MILLI);
        measurements.looked(stats(0, 10, 10, 0), 1000 * MILLI);
        measurements.looked(stats(1, 20, 20, 0), 2000 * MILLI);
        measurements.looked(stats(1, 30, 30, 512), 3000 * MILLI);
        assertThat(measurements.toProto().getStepBaseUs()).isZero();
    }
}
