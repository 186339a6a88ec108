package io.baton.cli.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Collections;
import java.util.List;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

class PercentilesTest {
    @Test
    void shouldTakeTheNearestRank() {
        // Given 1 to 200 ms in any order
        List<Long> nanos = new java.util.ArrayList<>(
                LongStream.rangeClosed(1, 200).map(ms -> ms * 1_000_000).boxed().toList());
        Collections.shuffle(nanos, new java.util.Random(1));
        // Then
        assertThat(Percentiles.ofNanos(nanos)).isEqualTo(new Percentiles(200, 100, 180, 198));
    }

    @Test
    void shouldKnowASingleValue() {
        assertThat(Percentiles.ofNanos(List.of(5_000_000L))).isEqualTo(new Percentiles(1, 5, 5, 5));
        assertThatThrownBy(() -> Percentiles.ofNanos(List.of())).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void shouldTakeTheMedian() {
        assertThat(Percentiles.median(3, 1, 2)).isEqualTo(2);
        assertThat(Percentiles.median(4, 1, 2, 3)).isEqualTo(2.5);
    }
}
