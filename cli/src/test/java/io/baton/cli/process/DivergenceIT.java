package io.baton.cli.process;

import static org.assertj.core.api.Assertions.assertThat;

import io.baton.cli.bench.DivergenceBench;
import java.io.PrintWriter;
import java.io.StringWriter;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;

/** Where recomputing is exact no stream differs; how many do elsewhere says nothing here. */
class DivergenceIT {
    @Test
    void shouldContinueStreamsExactlyInF32AndCountThoseThatDifferElsewhere() {
        // Given
        SharedFleet.close();
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        String runs = System.getProperty("baton.runs");
        System.setProperty("baton.runs", SharedFleet.runs().toString());
        int status;
        try {
            // When
            status = new CommandLine(new DivergenceBench())
                    .setOut(new PrintWriter(out))
                    .setErr(new PrintWriter(err))
                    .execute("--streams", "6");
        } finally {
            if (runs == null) {
                System.clearProperty("baton.runs");
            } else {
                System.setProperty("baton.runs", runs);
            }
        }
        // Then
        assertThat(status).as(() -> out + "\n" + err).isZero();
        assertThat(out.toString())
                .contains("| F32, no flash attention | 0 of 6 | 0.0 | – |")
                .containsPattern("\\| F16, flash attention \\(the default\\) \\| \\d+ of 6 \\|")
                .containsPattern("\\| Q8_0, flash attention \\| \\d+ of 6 \\|");
    }
}
