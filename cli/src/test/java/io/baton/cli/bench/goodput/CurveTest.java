package io.baton.cli.bench.goodput;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Map;
import org.junit.jupiter.api.Test;

class CurveTest {
    @Test
    void shouldGoThroughPointsOfALine() {
        Curve line = Curve.through(Map.of(1, 5.0, 2, 7.0, 10, 23.0), 1);
        assertThat(line.of(0)).isCloseTo(3, within(1e-9));
        assertThat(line.of(1)).isCloseTo(2, within(1e-9));
        assertThat(line.at(100)).isCloseTo(203, within(1e-6));
    }

    @Test
    void shouldGoThroughPointsOfAParabola() {
        Curve curve = Curve.through(Map.of(1, 6.0, 10, 321.0, 100, 30_201.0, 500, 751_001.0), 2);
        assertThat(curve.of(0)).isCloseTo(1, within(1e-6));
        assertThat(curve.of(1)).isCloseTo(2, within(1e-6));
        assertThat(curve.of(2)).isCloseTo(3, within(1e-6));
    }

    @Test
    void shouldNeverHaveANegativeTime() {
        assertThat(Curve.through(Map.of(1, 1.0, 2, 4.0, 3, 9.0), 1).of(0)).isZero();
        Curve falling = Curve.through(Map.of(1, 9.0, 2, 4.0, 3, 1.0), 1);
        assertThat(falling.of(1)).isZero();
        assertThat(falling.of(0)).isPositive();
    }

    @Test
    void shouldRefuseTooFewPoints() {
        assertThatThrownBy(() -> Curve.through(Map.of(1, 1.0), 1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("1 points");
        assertThatThrownBy(() -> Curve.through(Map.of(1, 1.0, 2, 2.0), 2))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("2 points");
    }
}
