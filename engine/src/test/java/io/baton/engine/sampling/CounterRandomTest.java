package io.baton.engine.sampling;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashSet;
import java.util.Set;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;

class CounterRandomTest {
    @Property
    void shouldBeAFunctionOfSeedAndCounter(@ForAll long seed, @ForAll long counter) {
        // When
        double u = CounterRandom.uniform(seed, counter);
        // Then
        assertThat(u).isBetween(0.0, Math.nextDown(1.0)).isEqualTo(CounterRandom.uniform(seed, counter));
    }

    @Test
    void shouldMixAsSplitMix64Does() {
        // Given the first output of SplitMix64 for the state 0: mix of the increment
        long increment = 0x9E3779B97F4A7C15L;
        // Then, as published with the reference implementation
        assertThat(CounterRandom.mix(increment)).isEqualTo(0xE220A8397B1DCDAFL);
        assertThat(CounterRandom.mix(2 * increment)).isEqualTo(0x6E789E6AA1B965F4L);
    }

    @Test
    void shouldNotGiveShiftedStreamsToSeedsThatDifferByTheIncrement() {
        // Given
        long seed = 42;
        long neighbour = seed + 0x9E3779B97F4A7C15L;
        Set<Long> stream = new HashSet<>();
        for (int i = 0; i < 1000; i++) {
            stream.add(CounterRandom.bits(seed, i));
        }
        // Then
        for (int i = 0; i < 1000; i++) {
            assertThat(stream).doesNotContain(CounterRandom.bits(neighbour, i));
        }
    }

    @Test
    void shouldFillTheUnitIntervalEvenly() {
        // Given 100,000 draws at one position, of seeds 0, 1, 2 …, in 100 equal bins
        int[] bins = new int[100];
        for (int seed = 0; seed < 100_000; seed++) {
            bins[(int) (100 * CounterRandom.uniform(seed, 7))]++;
        }
        // Then chi-square with 99 degrees of freedom is below its 99.9 % point
        double chi = 0;
        for (int n : bins) {
            chi += (n - 1000.0) * (n - 1000.0) / 1000.0;
        }
        assertThat(chi).isLessThan(148.2);
    }
}
