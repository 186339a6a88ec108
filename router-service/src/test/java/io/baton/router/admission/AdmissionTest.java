package io.baton.router.admission;

import static io.baton.router.admission.Fleetlet.ROOMY;
import static io.baton.router.admission.Fleetlet.ask;
import static io.baton.router.admission.Fleetlet.by;
import static io.baton.router.admission.Fleetlet.error;
import static io.baton.router.admission.Fleetlet.seconds;
import static io.baton.router.admission.Fleetlet.settings;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class AdmissionTest {
    private static BatonException refusal(Fleetlet fleet, Ask... asks) {
        BatonException e = catchThrowableOfType(BatonException.class, () -> fleet.ask(List.of(asks)));
        assertThat(e).isNotNull();
        return e;
    }

    private static TenantRules rules(int weight, int maxRunning, double requests, double tokens, Priority highest) {
        return new TenantRules(weight, maxRunning, requests, tokens, 10, highest);
    }

    private static Ask normal(String tenant, int cost) {
        return ask(tenant, Priority.NORMAL, cost);
    }

    private static long of(List<Ticket> tickets, String tenant) {
        return tickets.stream().filter(t -> t.ask().tenant().equals(tenant)).count();
    }

    @Test
    void shouldLetARequestPassWhereThereIsRoom() {
        Fleetlet fleet = new Fleetlet(2, ROOMY);
        assertThat(fleet.ask(normal("a", 10)).state()).isEqualTo(Ticket.State.ADMITTED);
        assertThat(fleet.ask(normal("a", 10)).state()).isEqualTo(Ticket.State.ADMITTED);
        // When there is none
        Ticket third = fleet.ask(normal("a", 10));
        // Then
        assertThat(third.state()).isEqualTo(Ticket.State.WAITING);
        assertThat(fleet.end(fleet.running.getFirst(), 10)).containsExactly(third);
        assertThat(fleet.admission.waiting()).isZero();
        assertThat(fleet.admission.running()).isEqualTo(2);
    }

    @Test
    void shouldCountWhatIsOnItsWayToAWorker() {
        // Given: a fleet that knows of nothing yet
        List<Integer> onTheWay = new ArrayList<>();
        Admission admission = new Admission(
                ROOMY,
                new Room() {
                    @Override
                    public boolean takes(Ask ask, int sent, long sentTokens, long sentCells) {
                        onTheWay.addAll(List.of(sent, (int) sentTokens, (int) sentCells));
                        return true;
                    }

                    @Override
                    public double tokensPerSecond(String model) {
                        return 0;
                    }
                },
                AdmissionObserver.NONE);
        Ask ask = new Ask("a", "m", Priority.NORMAL, 90, 10, 100, 1, Ask.NO_DEADLINE);
        // When
        Ticket first = admission.ask(List.of(ask), 0).getFirst();
        admission.ask(List.of(ask), 0);
        admission.promptSent(first);
        admission.promptSent(first);
        admission.ask(List.of(ask), 0);
        admission.close(first, 100, 0);
        admission.ask(List.of(ask), 0);
        // Then
        assertThat(onTheWay).containsExactly(0, 0, 0, 1, 90, 100, 1, 90, 200, 2, 180, 200);
    }

    @Test
    void shouldServeTenantsInProportionToTheirWeightsByTokens() {
        // Given: one floods with small requests, one with large ones; one has three times the weight
        Fleetlet fleet = new Fleetlet(
                1, settings(10_000, 1 << 20, TenantRules.FREE, Map.of("c", rules(3, 0, 0, 0, Priority.HIGH))));
        for (int i = 0; i < 3000; i++) {
            fleet.ask(normal("a", 10));
            if (i < 300) {
                fleet.ask(normal("b", 400));
                fleet.ask(normal("c", 50));
            }
        }
        // When
        List<Ticket> order = fleet.drain(800);
        // Then
        double small = of(order, "a") * 10.0;
        double large = of(order, "b") * 400.0;
        double heavy = of(order, "c") * 50.0;
        assertThat(large).isBetween(small - 500, small + 500);
        assertThat(heavy).isBetween(3 * small - 500, 3 * small + 500);
    }

    @Test
    void shouldServeATenantThatComesNowAndThenBeforeTheFloodOfAnother() {
        // Given
        Fleetlet fleet = new Fleetlet(1, ROOMY);
        for (int i = 0; i < 500; i++) {
            fleet.ask(normal("flood", 50));
        }
        // When
        Ticket light = fleet.ask(normal("light", 90));
        // Then: not later than after a round of the other
        assertThat(fleet.drain(4)).contains(light);
    }

    @Test
    void shouldServeEarlierClassesFirst() {
        // Given
        Fleetlet fleet = new Fleetlet(1, ROOMY);
        fleet.ask(normal("a", 10));
        Ticket batch = fleet.ask(ask("a", Priority.BATCH, 10));
        Ticket normal = fleet.ask(ask("a", Priority.NORMAL, 10));
        Ticket high = fleet.ask(ask("a", Priority.HIGH, 10));
        // When / Then
        assertThat(fleet.drain(3)).containsExactly(high, normal, batch);
    }

    @Test
    void shouldGiveEveryClassThatWaitsItsShare() {
        // Given: more of each class than is served
        Fleetlet fleet = new Fleetlet(1, settings(10_000, 1 << 20, TenantRules.FREE, Map.of()));
        for (int i = 0; i < 2000; i++) {
            for (Priority p : Priority.values()) {
                fleet.ask(ask("a", p, 20));
            }
        }
        // When
        List<Ticket> order = fleet.drain(1000);
        // Then: a twentieth of what the classes before it get
        Map<Priority, Integer> served = new java.util.EnumMap<>(Priority.class);
        order.forEach(t -> served.merge(t.ask().priority(), 1, Integer::sum));
        int high = served.getOrDefault(Priority.HIGH, 0);
        int normal = served.getOrDefault(Priority.NORMAL, 0);
        int batch = served.getOrDefault(Priority.BATCH, 0);
        assertThat(normal).isBetween(high / 20 - 2, high / 20 + 2);
        assertThat(batch).isBetween((high + normal) / 20 - 2, (high + normal) / 20 + 2);
        assertThat(high).isGreaterThan(890);
    }

    @Test
    void shouldWaitForATenantsOwnRequestsBeyondItsConcurrencyAndNotHoldUpOthers() {
        // Given
        Fleetlet fleet = new Fleetlet(
                10, settings(100, 1 << 20, TenantRules.FREE, Map.of("a", rules(1, 2, 0, 0, Priority.HIGH))));
        Ticket first = fleet.ask(normal("a", 10));
        fleet.ask(normal("a", 10));
        // When
        Ticket third = fleet.ask(normal("a", 10));
        // Then
        assertThat(third.state()).isEqualTo(Ticket.State.WAITING);
        assertThat(fleet.ask(normal("b", 10)).state()).isEqualTo(Ticket.State.ADMITTED);
        assertThat(fleet.end(first, 10)).containsExactly(third);
    }

    @Test
    void shouldRefuseMoreRequestsPerSecondAndSayWhenThereMayBeMore() {
        // Given: one per two seconds, ten seconds' worth at once
        Fleetlet fleet = new Fleetlet(
                100, settings(100, 1 << 20, TenantRules.FREE, Map.of("a", rules(1, 0, 0.5, 0, Priority.HIGH))));
        for (int i = 0; i < 5; i++) {
            fleet.ask(normal("a", 10));
        }
        // When
        BatonException error = refusal(fleet, normal("a", 10));
        // Then
        assertThat(error.code()).isEqualTo(ErrorCode.RATE_LIMITED);
        assertThat(error).hasMessageContaining("0.5 requests per second");
        assertThat(error.retryAfterSeconds()).isEqualTo(2);
        assertThat(fleet.refused).containsOnly(Map.entry(Reason.REQUEST_RATE, 1));
        assertThat(fleet.ask(normal("b", 10)).state()).isEqualTo(Ticket.State.ADMITTED);
        // Then: it was told the truth
        fleet.now = seconds(2) - 1_000_000;
        assertThat(refusal(fleet, normal("a", 10)).retryAfterSeconds()).isEqualTo(1);
        fleet.now = seconds(2);
        assertThat(fleet.ask(normal("a", 10)).state()).isEqualTo(Ticket.State.ADMITTED);
    }

    @Test
    void shouldChargeTokensByEstimateAndCorrectItWhenTheTruthIsKnown() {
        // Given: 100 per second, 1000 at once
        Fleetlet fleet = new Fleetlet(
                100, settings(100, 1 << 20, TenantRules.FREE, Map.of("a", rules(1, 0, 0, 100, Priority.HIGH))));
        Ticket first = fleet.ask(normal("a", 900));
        BatonException error = refusal(fleet, normal("a", 500));
        assertThat(error.code()).isEqualTo(ErrorCode.RATE_LIMITED);
        assertThat(error.retryAfterSeconds()).isEqualTo(4);
        // When it took less
        fleet.end(first, 300);
        // Then
        Ticket second = fleet.ask(normal("a", 500));
        assertThat(second.state()).isEqualTo(Ticket.State.ADMITTED);
        // When it took more
        fleet.end(second, 900);
        // Then 200 are owed
        assertThat(refusal(fleet, normal("a", 100)).retryAfterSeconds()).isEqualTo(3);
        // Then: a request beyond the burst may come when nothing is owed
        fleet.now = seconds(12);
        assertThat(fleet.ask(normal("a", 5000)).state()).isEqualTo(Ticket.State.ADMITTED);
        assertThat(refusal(fleet, normal("a", 10)).retryAfterSeconds()).isEqualTo(41);
    }

    @Test
    void shouldTreatWhatATenantMayNotAskForAsTheFirstClassThatItMay() {
        Fleetlet fleet = new Fleetlet(
                1, settings(100, 1 << 20, TenantRules.FREE, Map.of("a", rules(1, 0, 0, 0, Priority.BATCH))));
        fleet.ask(normal("b", 10));
        Ticket a = fleet.ask(ask("a", Priority.HIGH, 10));
        Ticket b = fleet.ask(normal("b", 10));
        assertThat(a.ask().priority()).isEqualTo(Priority.BATCH);
        assertThat(fleet.drain(2)).containsExactly(b, a);
    }

    @Test
    void shouldRefuseWhatDoesNotFitTheQueue() {
        // Given
        Fleetlet fleet = new Fleetlet(1, settings(2, 100, TenantRules.FREE, Map.of()));
        fleet.tokensPerSecond = 10;
        fleet.ask(normal("a", 20));
        fleet.ask(normal("a", 20));
        fleet.ask(normal("a", 20));
        // When: by number
        BatonException error = refusal(fleet, normal("a", 20));
        // Then: two seconds until one of them has left
        assertThat(error.code()).isEqualTo(ErrorCode.QUEUE_FULL);
        assertThat(error.retryAfterSeconds()).isEqualTo(2);
        assertThat(fleet.refused).containsOnly(Map.entry(Reason.QUEUE_FULL, 1));
        // Then: each class has a queue of its own
        assertThat(fleet.ask(ask("a", Priority.BATCH, 20)).state()).isEqualTo(Ticket.State.WAITING);
        // When: by bytes
        fleet.drain(1);
        assertThat(refusal(fleet, normal("a", 90)).code()).isEqualTo(ErrorCode.QUEUE_FULL);
        assertThat(fleet.ask(normal("a", 80)).state()).isEqualTo(Ticket.State.WAITING);
        assertThat(fleet.waiting).containsEntry(Priority.NORMAL, 2);
    }

    @Test
    void shouldDisplaceTheLastOfWhoeverHasMostInAFullQueue() {
        // Given
        Fleetlet fleet = new Fleetlet(1, settings(4, 1000, TenantRules.FREE, Map.of()));
        fleet.ask(normal("flood", 10));
        List<Ticket> flood = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            flood.add(fleet.ask(normal("flood", 10)));
        }
        // When
        Ticket light = fleet.ask(normal("light", 10));
        // Then
        assertThat(light.state()).isEqualTo(Ticket.State.WAITING);
        assertThat(flood.getLast().state()).isEqualTo(Ticket.State.REFUSED);
        assertThat(error(flood.getLast()).code()).isEqualTo(ErrorCode.QUEUE_FULL);
        assertThat(fleet.refused).containsOnly(Map.entry(Reason.DISPLACED, 1));
        // When both have as much
        fleet.ask(normal("light", 10));
        // Then nobody displaces the other
        assertThat(refusal(fleet, normal("light", 10)).code()).isEqualTo(ErrorCode.QUEUE_FULL);
        assertThat(refusal(fleet, normal("flood", 10)).code()).isEqualTo(ErrorCode.QUEUE_FULL);
        assertThat(of(fleet.drain(10), "flood")).isEqualTo(2);
    }

    @Test
    void shouldRefuseAtOnceWhatCannotKeepItsDeadlineAndSayWhenItCould() {
        // Given: 100 tokens per second, and 1000 before it
        Fleetlet fleet = new Fleetlet(1, ROOMY);
        fleet.tokensPerSecond = 100;
        fleet.ask(normal("t", 100));
        fleet.ask(normal("t", 1000));
        // When
        BatonException error = refusal(fleet, by(seconds(4), 100));
        // Then: ten seconds of waiting are six too many
        assertThat(error.code()).isEqualTo(ErrorCode.TTFT_DEADLINE);
        assertThat(error.retryAfterSeconds()).isEqualTo(6);
        assertThat(fleet.refused).containsOnly(Map.entry(Reason.TTFT_DEADLINE, 1));
        // Then: with six seconds more it may wait
        assertThat(fleet.ask(by(seconds(10), 100)).state()).isEqualTo(Ticket.State.WAITING);
        // Then: a tenant with nothing before it shares with the other
        Ask other = new Ask("u", "m", Priority.NORMAL, 99, 1, 0, 1, seconds(4));
        assertThat(fleet.ask(other).state()).isEqualTo(Ticket.State.WAITING);
    }

    @Test
    void shouldExpectNoMoreOfEarlierClassesThanTheShareLeavesThem() {
        // Given: 100 tokens per second, and 10,000 in an earlier class
        Fleetlet fleet = new Fleetlet(1, ROOMY);
        fleet.tokensPerSecond = 100;
        for (int i = 0; i <= 100; i++) {
            fleet.ask(ask("u", Priority.HIGH, 100));
        }
        // When / Then: a twentieth of 2,000 tokens is its own
        assertThat(refusal(fleet, by(seconds(15), 100)).retryAfterSeconds()).isEqualTo(5);
        assertThat(fleet.ask(by(seconds(20), 100)).state()).isEqualTo(Ticket.State.WAITING);
    }

    @Test
    void shouldRefuseWhatIsTooLateWhenItComes() {
        Fleetlet fleet = new Fleetlet(1, ROOMY);
        fleet.now = seconds(10);
        BatonException error = refusal(fleet, by(seconds(7), 100));
        assertThat(error.code()).isEqualTo(ErrorCode.TTFT_DEADLINE);
        assertThat(error.retryAfterSeconds()).isEqualTo(3);
        assertThat(fleet.ask(by(seconds(10) + 1, 100)).state()).isEqualTo(Ticket.State.ADMITTED);
    }

    @Test
    void shouldRefuseAWaitingRequestWhoseDeadlinePasses() {
        // Given: nobody knows how fast the fleet is
        Fleetlet fleet = new Fleetlet(1, ROOMY);
        fleet.ask(normal("t", 100));
        Ticket first = fleet.ask(by(seconds(4), 100));
        Ticket second = fleet.ask(by(seconds(5), 100));
        // When
        fleet.now = seconds(4);
        // Then
        assertThat(fleet.look()).containsExactly(first);
        assertThat(error(first).code()).isEqualTo(ErrorCode.TTFT_DEADLINE);
        assertThat(fleet.drain(1)).containsExactly(second);
        assertThat(fleet.waiting).containsEntry(Priority.NORMAL, 0);
    }

    @Test
    void shouldRefuseWhatHasWaitedForTooLong() {
        Fleetlet fleet = new Fleetlet(1, ROOMY);
        fleet.ask(normal("t", 100));
        Ticket waits = fleet.ask(normal("t", 100));
        fleet.now = seconds(3600);
        assertThat(fleet.look()).containsExactly(waits);
        assertThat(error(waits).code()).isEqualTo(ErrorCode.QUEUE_FULL);
        assertThat(fleet.refused).containsOnly(Map.entry(Reason.MAX_WAIT, 1));
    }

    @Test
    void shouldLearnHowFastTheQueueDrains() {
        // Given: the fleet says one thing, and a request of 100 tokens ends each second
        Fleetlet fleet = new Fleetlet(1, ROOMY);
        fleet.tokensPerSecond = 1_000_000;
        for (int i = 0; i < 60; i++) {
            fleet.ask(normal("t", 100));
        }
        for (int i = 1; i <= 39; i++) {
            fleet.now = seconds(i);
            fleet.drain(1);
        }
        // When: twenty wait
        BatonException error = refusal(fleet, by(fleet.now + seconds(5), 100));
        // Then
        assertThat(error.code()).isEqualTo(ErrorCode.TTFT_DEADLINE);
        assertThat(error.retryAfterSeconds()).isBetween(14L, 17L);
    }

    @Test
    void shouldForgetAWaitingRequestWhoseClientLeaves() {
        // Given
        Fleetlet fleet = new Fleetlet(1, ROOMY);
        fleet.ask(normal("a", 10));
        Ticket gone = fleet.ask(normal("a", 10));
        Ticket stays = fleet.ask(normal("a", 10));
        // When
        fleet.admission.close(gone, 0, 0);
        // Then
        assertThat(fleet.admission.waiting()).isEqualTo(1);
        assertThat(fleet.waiting).containsEntry(Priority.NORMAL, 1);
        assertThat(fleet.drain(2)).containsExactly(stays);
        assertThat(gone.state()).isEqualTo(Ticket.State.CLOSED);
    }

    @Test
    void shouldAdmitAllRequestsOfAGroupOrNone() {
        // Given
        Fleetlet fleet =
                new Fleetlet(2, settings(2, 1000, TenantRules.FREE, Map.of("a", rules(1, 0, 0, 6, Priority.HIGH))));
        List<Ask> five = Collections.nCopies(5, normal("a", 10));
        // When / Then
        assertThat(refusal(fleet, five.toArray(Ask[]::new)).code()).isEqualTo(ErrorCode.QUEUE_FULL);
        assertThat(fleet.admission.running()).isZero();
        assertThat(fleet.admission.waiting()).isZero();
        // Then: what they would have cost is not charged
        fleet.running.clear();
        assertThat(fleet.ask(Collections.nCopies(4, normal("a", 10)))).hasSize(4);
        assertThat(fleet.admission.running()).isEqualTo(2);
        assertThat(fleet.admission.waiting()).isEqualTo(2);
    }

    @Test
    void shouldNotLetOneModelHoldUpAnother() {
        // Given
        Fleetlet fleet = new Fleetlet(1, ROOMY);
        fleet.slots("full", 0);
        Ask stuck = new Ask("a", "full", Priority.HIGH, 1, 1, 0, 1, Ask.NO_DEADLINE);
        // When
        assertThat(fleet.ask(stuck).state()).isEqualTo(Ticket.State.WAITING);
        // Then
        Ticket first = fleet.ask(normal("a", 10));
        assertThat(first.state()).isEqualTo(Ticket.State.ADMITTED);
        Ticket second = fleet.ask(normal("a", 10));
        assertThat(fleet.end(first, 10)).containsExactly(second);
    }

    @Test
    void shouldKeepTheReserveForTenantsWithLessThanTheirShare() {
        // Given: room for four, of which one is kept
        Fleetlet fleet = new Fleetlet(4, ROOMY);
        fleet.reserve = 1;
        fleet.ask(normal("light", 10));
        for (int i = 0; i < 3; i++) {
            fleet.ask(normal("flood", 100));
        }
        // Then
        assertThat(of(fleet.running, "flood")).isEqualTo(2);
        assertThat(fleet.ask(normal("light", 10)).state()).isEqualTo(Ticket.State.ADMITTED);
        assertThat(fleet.admission.waiting()).isEqualTo(1);
        // Then: the one that waits goes on when there is more than the reserve
        assertThat(fleet.end(fleet.running.getFirst(), 10)).isEmpty();
        assertThat(of(fleet.end(fleet.running.getFirst(), 100), "flood")).isEqualTo(1);
    }

    @Test
    void shouldKeepNothingFromATenantThatIsAloneOrHasNoMoreThanOthers() {
        // Given
        Fleetlet fleet = new Fleetlet(4, ROOMY);
        fleet.reserve = 1;
        for (int i = 0; i < 4; i++) {
            assertThat(fleet.ask(normal("a", 100)).state()).isEqualTo(Ticket.State.ADMITTED);
        }
        // When
        fleet.drain(0);
        List.copyOf(fleet.running).forEach(t -> fleet.end(t, 100));
        for (int i = 0; i < 4; i++) {
            assertThat(fleet.ask(normal(i % 2 == 0 ? "b" : "c", 100)).state()).isEqualTo(Ticket.State.ADMITTED);
        }
        // Then: what a had is forgotten by and by
        List.copyOf(fleet.running).forEach(t -> fleet.end(t, 100));
        fleet.now = seconds(300);
        fleet.ask(normal("b", 100));
        for (int i = 0; i < 3; i++) {
            assertThat(fleet.ask(normal("a", 10)).state()).isEqualTo(Ticket.State.ADMITTED);
        }
    }

    @Test
    void shouldReadWhatClientsAsk() {
        assertThat(Terms.priority(null)).isEqualTo(Priority.NORMAL);
        assertThat(Terms.priority("high")).isEqualTo(Priority.HIGH);
        assertThat(Terms.priority("batch")).isEqualTo(Priority.BATCH);
        assertThat(Terms.priority("urgent")).isNull();
        assertThat(Terms.ttft("1500ms")).hasMillis(1500);
        assertThat(Terms.ttft("2s")).hasSeconds(2);
        assertThat(Terms.ttft(null)).isNull();
        for (String wrong : List.of("", "0s", "2", "-1s", "1.5s", "2m", "999999999s", "2s ")) {
            assertThat(Terms.isTtft(wrong)).as(wrong).isFalse();
            assertThat(Terms.ttft(wrong)).as(wrong).isNull();
        }
    }
}
