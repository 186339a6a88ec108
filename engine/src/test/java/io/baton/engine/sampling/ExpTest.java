package io.baton.engine.sampling;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import org.junit.jupiter.api.Test;

class ExpTest {
    @Property
    void shouldAgreeWithStrictMath(@ForAll @DoubleRange(min = -700, max = 0) double x) {
        // When
        double y = Exp.nonPositive(x);
        // Then
        double expected = StrictMath.exp(x);
        assertThat(y).isCloseTo(expected, within(expected * 1e-15));
    }

    @Test
    void shouldKnowTheEndsOfItsRange() {
        assertThat(Exp.nonPositive(0)).isEqualTo(1.0);
        assertThat(Exp.nonPositive(-0.0)).isEqualTo(1.0);
        assertThat(Exp.nonPositive(-1000)).isZero();
        assertThat(Exp.nonPositive(Double.NEGATIVE_INFINITY)).isZero();
    }
}
