package io.baton.cli.bench.goodput;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.Test;

class BlockCacheTest {
    private final BlockCache cache = new BlockCache(4);

    @Test
    void shouldDropTheEndOfTheLeastRecentlyUsedPrefixFirst() {
        // Given
        cache.add(new long[] {1, 2}, 2);
        cache.add(new long[] {3, 4}, 2);

        // When: the older one is used, and another block comes
        assertThat(cache.match(new long[] {1, 2, 9}, 3)).isEqualTo(2);
        cache.add(new long[] {5}, 1);

        // Then
        assertThat(cache.cached(new long[] {1, 2}, 2)).isEqualTo(2);
        assertThat(cache.cached(new long[] {3, 4}, 2)).isEqualTo(1);
        assertThat(cache.size()).isEqualTo(4);
    }

    @Test
    void shouldTellWhatCameAndWentSinceTheLastTime() {
        // Given
        Set<Long> told = new HashSet<>();
        cache.add(new long[] {1, 2}, 2);
        cache.tell(told);
        assertThat(told).containsExactlyInAnyOrder(1L, 2L);

        // When
        cache.add(new long[] {3, 4, 5}, 3);
        cache.tell(told);

        // Then
        assertThat(told).containsExactlyInAnyOrder(1L, 3L, 4L, 5L);
    }
}
