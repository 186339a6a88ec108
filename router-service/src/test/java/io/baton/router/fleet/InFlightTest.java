package io.baton.router.fleet;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class InFlightTest {
    private final InFlight inFlight = new InFlight();

    private void assertCounted(int legs, long tokens, long cells) {
        assertThat(inFlight.legs()).isEqualTo(legs);
        assertThat(inFlight.tokens()).isEqualTo(tokens);
        assertThat(inFlight.cells()).isEqualTo(cells);
    }

    @Test
    void shouldCountALegUntilTheFirstReportAfterItsAnswer() {
        InFlight.Entry leg = inFlight.opened(100, 120);
        inFlight.reported();
        assertCounted(1, 100, 120);
        leg.answered();
        assertCounted(1, 100, 120);
        inFlight.reported();
        assertCounted(0, 0, 0);
    }

    @Test
    void shouldNotCountALegThatEndedUnanswered() {
        InFlight.Entry refused = inFlight.opened(100, 120);
        InFlight.Entry other = inFlight.opened(5, 6);
        refused.closed();
        refused.answered();
        assertCounted(1, 5, 6);
        other.answered();
        other.closed();
        assertCounted(1, 5, 6);
        inFlight.reported();
        assertCounted(0, 0, 0);
    }
}
