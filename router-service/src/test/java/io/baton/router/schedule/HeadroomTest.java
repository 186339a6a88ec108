package io.baton.router.schedule;

import static io.baton.router.schedule.Candidates.decode;
import static io.baton.router.schedule.Candidates.fleet;
import static io.baton.router.schedule.Candidates.prefill;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.baton.router.schedule.Candidates.TestFleet;
import io.baton.router.schedule.Headroom.Sent;
import org.junit.jupiter.api.Test;

class HeadroomTest {
    /** A quarter of a second: 2500 tokens, 100 less for each leg that waits. */
    private static final Headroom HEADROOM = new Headroom(0.25, 2, 20, 0.25, false);

    private static boolean has(FleetView fleet, int prompt, int cells, Sent sent) {
        return HEADROOM.has(fleet, "m", prompt, cells, sent);
    }

    private static boolean has(FleetView fleet) {
        return has(fleet, 100, 200, Sent.NOTHING);
    }

    @Test
    void shouldGiveAWorkerAFewPromptsHoweverLongTheyTake() {
        assertThat(has(fleet(prefill("p"), decode("d")))).isTrue();
        assertThat(has(fleet(prefill("p").queued(90_000), decode("d")))).isTrue();
        assertThat(has(fleet(prefill("p").queued(90_000).running(1), decode("d"))))
                .isFalse();
    }

    @Test
    void shouldGiveAWorkerMoreAsLongAsItIsNotBusyForLong() {
        assertThat(has(fleet(prefill("p").running(1).queued(2300), decode("d"))))
                .isTrue();
        assertThat(has(fleet(prefill("p").running(1).queued(2400), decode("d"))))
                .isFalse();
        // Another one has room.
        assertThat(has(fleet(prefill("p").running(1).queued(2400), prefill("q"), decode("d"))))
                .isTrue();
    }

    @Test
    void shouldCountWhatWasSentAndIsNotReported() {
        // Given
        TestFleet fleet = fleet(prefill("p"), decode("d"));
        fleet.pending(0, 2, 2200);
        // Then
        assertThat(has(fleet)).isTrue();
        fleet.pending(0, 0, 200);
        assertThat(has(fleet)).isFalse();
        // Then: likewise what is not at any worker yet
        TestFleet idle = fleet(prefill("p"), decode("d"));
        assertThat(has(idle, 100, 200, new Sent(1, 90_000, 0))).isTrue();
        assertThat(has(idle, 100, 200, new Sent(2, 2400, 0))).isTrue();
        assertThat(has(idle, 100, 200, new Sent(2, 2500, 0))).isFalse();
        assertThat(has(idle, 100, 200, new Sent(20, 20, 0))).isFalse();
    }

    @Test
    void shouldBoundTheLegsThatWaitAtAWorkerOfUnknownSpeed() {
        // Given
        TestFleet fleet = fleet(prefill("p").rates(Rates.UNKNOWN).queued(1_000_000), decode("d"));
        fleet.pending(0, 18, 0);
        // Then
        assertThat(has(fleet)).isTrue();
        fleet.pending(0, 1, 0);
        assertThat(has(fleet)).isFalse();
    }

    @Test
    void shouldWaitForCells() {
        // Decode has 100,000, prefill too.
        assertThat(has(fleet(prefill("p"), decode("d").reserved(99_800)))).isTrue();
        assertThat(has(fleet(prefill("p"), decode("d").reserved(99_801)))).isFalse();
        assertThat(has(fleet(prefill("p"), decode("d").reserved(99_801), decode("e"))))
                .isTrue();
        assertThat(has(fleet(prefill("p").reserved(99_901), decode("d")))).isFalse();
        assertThat(has(fleet(prefill("p"), decode("d")), 100, 200, new Sent(1, 10, 99_801)))
                .isFalse();
        // One token needs no decode.
        assertThat(has(fleet(prefill("p"), decode("d").reserved(100_000)), 100, 0, Sent.NOTHING))
                .isTrue();
    }

    @Test
    void shouldNotWaitForWhatNeverComes() {
        assertThat(has(fleet())).isTrue();
        assertThat(has(fleet(prefill("p").ill(), decode("d")))).isTrue();
        assertThat(has(fleet(prefill("p"), decode("d").ill()))).isTrue();
        assertThat(has(fleet(prefill("p"), decode("d").reserved(50_000)), 100, 100_001, Sent.NOTHING))
                .isTrue();
        assertThat(HEADROOM.has(fleet(prefill("p").queued(90_000).running(5)), "other", 1, 1, Sent.NOTHING))
                .isTrue();
    }

    @Test
    void shouldCountDecodeWorkersWhereTheyComputePrompts() {
        // Given
        Headroom local = new Headroom(0.25, 2, 20, 0.25, true);
        TestFleet fleet =
                fleet(prefill("p").queued(90_000).running(1), decode("d").running(30));
        // Then
        assertThat(has(fleet)).isFalse();
        assertThat(local.has(fleet, "m", 100, 200, Sent.NOTHING)).isTrue();
        // Then: but not more than twice as many as prefill gets, since the scheduler may choose prefill
        fleet.pending(0, 2, 200);
        assertThat(local.has(fleet, "m", 100, 200, Sent.NOTHING)).isFalse();
        // Then: nor more than are to wait there
        TestFleet alone = fleet(decode("d").running(30));
        assertThat(local.has(alone, "m", 100, 200, Sent.NOTHING)).isTrue();
        alone.pending(0, 2, 200);
        assertThat(local.has(alone, "m", 100, 200, Sent.NOTHING)).isFalse();
    }

    @Test
    void shouldKeepAPartOfTheWorkersFree() {
        // Given: a quarter of eight
        TestFleet fleet = fleet(
                prefill("a"),
                prefill("b"),
                prefill("c"),
                prefill("d").running(1),
                prefill("e").running(1),
                prefill("f").running(1),
                prefill("g").running(1),
                prefill("h").running(1),
                decode("i"));
        // Then
        assertThat(HEADROOM.hasMoreThanReserve(fleet, "m", 0)).isTrue();
        assertThat(HEADROOM.hasMoreThanReserve(fleet, "m", 1)).isFalse();
        fleet.pending(0, 1, 10);
        assertThat(HEADROOM.hasMoreThanReserve(fleet, "m", 0)).isFalse();
        // Then: a quarter of three is none
        assertThat(HEADROOM.hasMoreThanReserve(
                        fleet(
                                prefill("a").running(1),
                                prefill("b").running(1),
                                prefill("c").running(1)),
                        "m",
                        0))
                .isTrue();
    }

    @Test
    void shouldAddUpHowFastTheFleetIs() {
        assertThat(Headroom.tokensPerSecond(
                        fleet(prefill("p"), prefill("q"), prefill("r").ill(), decode("d")), "m"))
                .isEqualTo(20_000);
        assertThat(Headroom.tokensPerSecond(fleet(prefill("p").rates(Rates.UNKNOWN)), "m"))
                .isZero();
    }

    @Test
    void shouldRefuseLimitsThatMakeNoSense() {
        assertThatThrownBy(() -> new Headroom(-1, 1, 1, 0, false)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new Headroom(1, 0, 1, 0, false)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new Headroom(1, 1, 0, 0, false)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new Headroom(1, 1, 1, 1, false)).isInstanceOf(IllegalArgumentException.class);
    }
}
