package io.baton.engine;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class TurnTest {
    @Test
    void shouldCountFromTheBeginningOfTheLastTurn() {
        AtomicLong clock = new AtomicLong(Long.MAX_VALUE - 5);
        Turn turn = new Turn(clock::get);

        assertThat(turn.nanos()).isZero();
        turn.begin();
        clock.addAndGet(10);
        assertThat(turn.nanos()).isEqualTo(10);
        turn.begin();
        clock.addAndGet(3);
        assertThat(turn.nanos()).isEqualTo(3);
        turn.end();
        assertThat(turn.nanos()).isZero();
    }
}
