package io.baton.router.request;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.Test;

class SeedsTest {
    @Test
    void shouldGiveTheFirstChoiceTheRequestsOwnSeed() {
        assertThat(Seeds.derive(42, 0)).isEqualTo(42);
    }

    @Test
    void shouldGiveEveryChoiceASeedOfItsOwnAndAlwaysTheSame() {
        Set<Long> seeds = new HashSet<>();
        for (int i = 0; i < 1000; i++) {
            seeds.add(Seeds.derive(42, i));
            assertThat(Seeds.derive(42, i)).isEqualTo(Seeds.derive(42, i));
        }
        assertThat(seeds).hasSize(1000);
    }

    @Test
    void shouldDrawDifferentSeeds() {
        assertThat(Seeds.draw()).isNotEqualTo(Seeds.draw());
    }
}
