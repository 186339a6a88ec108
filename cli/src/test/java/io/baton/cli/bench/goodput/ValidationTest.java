package io.baton.cli.bench.goodput;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;
import org.junit.jupiter.api.Test;

class ValidationTest {
    private static Validation of(double simulated) {
        return new Validation(
                Costs.example(),
                List.of(new Validation.Row("TTFT p50", 1, 1), new Validation.Row("ITL p99", 1, simulated)),
                new Validation.Conditions(7, 70, 0.55, 0.001, 0.01, -0.02),
                List.of(),
                List.of());
    }

    private static String printed(Validation validation) {
        StringWriter out = new StringWriter();
        validation.print(new PrintWriter(out));
        return out.toString();
    }

    @Test
    void shouldBePredictedWhereEveryFigureIsWithinAFifth() {
        for (double simulated : new double[] {0.81, 1, 1.19}) {
            assertThat(of(simulated).isPredicted()).isTrue();
            assertThat(of(simulated).json().get("predicted").asBoolean()).isTrue();
        }
        assertThat(printed(of(1.19)))
                .contains("| ITL p99 | 1000.0 | 1190.0 | 1.19 |")
                .contains("All within 20 %: yes");
    }

    @Test
    void shouldNotBePredictedWhereOneFigureIsNot() {
        for (double simulated : new double[] {0.79, 1.21, Double.NaN}) {
            assertThat(of(simulated).isPredicted()).isFalse();
            assertThat(of(simulated).json().get("predicted").asBoolean()).isFalse();
        }
        assertThat(printed(of(0.79)))
                .contains("| ITL p99 | 1000.0 | 790.0 | 0.79 |")
                .contains("All within 20 %: no");
    }
}
