package io.baton.cli.bench;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class TokenTimesTest {
    @Test
    void shouldCountOnlyGapsWithinTheWindow() {
        // Given two tokens before it, three in it and one after it
        TokenTimes times = new TokenTimes();
        times.token();
        times.token();
        long from = System.nanoTime();
        times.token();
        times.token();
        times.token();
        long to = System.nanoTime();
        times.token();
        // Then
        assertThat(times.gaps(from, to)).hasSize(2).allMatch(gap -> gap >= 0 && gap <= to - from);
        assertThat(times.count()).isEqualTo(6);
    }

    @Test
    void shouldNotCountTheGapBetweenTwoStreams() {
        // Given
        long from = System.nanoTime();
        TokenTimes times = new TokenTimes();
        times.restarted();
        times.token();
        times.token();
        times.restarted();
        times.token();
        // Then
        assertThat(times.gaps(from, System.nanoTime())).hasSize(1);
    }
}
