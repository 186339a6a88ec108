package io.baton.cli.process;

import static org.assertj.core.api.Assertions.assertThat;

import io.baton.cli.bench.DivergenceBench;
import org.junit.jupiter.api.Test;

/** Where recomputing is exact no stream differs; how many do elsewhere says nothing here. */
class DivergenceIT {
    @Test
    void shouldContinueStreamsExactlyInF32AndCountThoseThatDifferElsewhere() {
        // When
        BenchRun run = BenchRun.of(new DivergenceBench(), "--streams", "6");
        // Then
        assertThat(run.status()).as(run::toString).isZero();
        assertThat(run.out())
                .contains("| F32, no flash attention | 0 of 6 | 0.0 | – |")
                .containsPattern("\\| F16, flash attention \\(the default\\) \\| \\d+ of 6 \\|")
                .containsPattern("\\| Q8_0, flash attention \\| \\d+ of 6 \\|");
    }
}
