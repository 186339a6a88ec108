package io.baton.cli.bench.goodput;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Map;
import org.junit.jupiter.api.Test;

class LineTest {
    @Test
    void shouldGoThroughPointsOfALine() {
        Line line = Line.through(Map.of(1, 5.0, 2, 7.0, 10, 23.0));
        assertThat(line.base()).isCloseTo(3, within(1e-9));
        assertThat(line.slope()).isCloseTo(2, within(1e-9));
        assertThat(line.at(100)).isCloseTo(203, within(1e-6));
    }

    @Test
    void shouldNeverHaveANegativeTime() {
        assertThat(Line.through(Map.of(1, 1.0, 2, 4.0, 3, 9.0)).base()).isZero();
        Line falling = Line.through(Map.of(1, 9.0, 2, 4.0, 3, 1.0));
        assertThat(falling.slope()).isZero();
        assertThat(falling.base()).isPositive();
    }

    @Test
    void shouldRefuseOnePoint() {
        assertThatThrownBy(() -> Line.through(Map.of(1, 1.0)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("1 points");
    }
}
