package io.baton.decode.service.leg;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class LandedPaceTest {
    private static final long PERIOD = LandedPace.PERIOD_NANOS;

    private final LandedPace pace = new LandedPace();

    /** Five blocks, all of them offered, of which so many have landed. */
    private static BlockTable landed(int blocks) {
        BlockTable table = BlockTable.of(5, 0);
        for (int i = 0; i < 5; i++) {
            table = table.offer(i);
        }
        for (int i = 0; i < blocks; i++) {
            table = table.fetching(i).held(i).importing(i).landed(i);
        }
        return table;
    }

    @Test
    void shouldTellOfTheFirstAndOfTheLastAndNotOfThoseBetween() {
        assertThat(pace.due(landed(1), 0)).isTrue();
        assertThat(pace.due(landed(2), 1)).isFalse();
        assertThat(pace.due(landed(3), 2)).isFalse();
        assertThat(pace.due(landed(4), PERIOD - 1)).isFalse();
        assertThat(pace.due(landed(5), PERIOD - 1)).isTrue();
    }

    @Test
    void shouldTellOfProgressWhileBlocksAreUnderWay() {
        // Given a clock that may be anywhere
        long now = Long.MAX_VALUE - PERIOD / 2;
        assertThat(pace.due(landed(1), now)).isTrue();

        assertThat(pace.due(landed(2), now + PERIOD - 1)).isFalse();
        assertThat(pace.due(landed(3), now + PERIOD)).isTrue();
        assertThat(pace.due(landed(4), now + PERIOD + 1)).isFalse();
    }

    @Test
    void shouldTellWhenNothingThatWasOfferedIsUnderWay() {
        // Given two of three blocks, and the third is not offered yet
        BlockTable two = BlockTable.of(3, 0).offer(0).offer(1);
        two = two.fetching(0).held(0).importing(0).landed(0);
        assertThat(pace.due(two, 0)).isTrue();

        // When
        two = two.fetching(1).held(1).importing(1).landed(1);

        // Then
        assertThat(pace.due(two, 1)).isTrue();
        assertThat(two.underWay()).isFalse();
        assertThat(two.offer(2).underWay()).isTrue();
    }

    @Test
    void shouldTakeBlocksOfThePrefixCacheForUnderWayUntilTheyHaveLanded() {
        BlockTable cached = BlockTable.of(3, 2);
        assertThat(cached.underWay()).isTrue();
        assertThat(cached.importing(0).landed(0).underWay()).isTrue();
        assertThat(cached.importing(0).landed(0).importing(1).landed(1).underWay())
                .isFalse();
    }
}
