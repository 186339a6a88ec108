package io.baton.router.admission;

import static org.assertj.core.api.Assertions.assertThat;

import io.baton.error.BatonException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;

/** Whatever comes, ends and leaves, and in whatever order. */
class AdmissionPropertyTest {
    private static final int LARGEST = 1000;
    private static final int QUANTUM = 100;
    private static final List<Priority> CLASSES = List.of(Priority.values());
    private static final Map<String, TenantRules> TENANTS = Map.of(
            "heavy", new TenantRules(5, 0, 0, 0, 10, Priority.HIGH),
            "narrow", new TenantRules(1, 2, 0, 0, 10, Priority.HIGH),
            "slow", new TenantRules(1, 0, 2, 500, 10, Priority.NORMAL));
    private static final List<String> NAMES = List.of("heavy", "narrow", "slow", "a", "b");

    /** What was asked and is not over. */
    private final List<Ticket> open = new ArrayList<>();

    private static Ask draw(Random random, long now) {
        long startBy = random.nextInt(4) == 0 ? now + Fleetlet.seconds(random.nextDouble() * 5) : Ask.NO_DEADLINE;
        int prompt = 1 + random.nextInt(LARGEST - 100);
        return new Ask(
                NAMES.get(random.nextInt(NAMES.size())),
                random.nextInt(5) == 0 ? "other" : "m",
                CLASSES.get(random.nextInt(CLASSES.size())),
                prompt,
                1 + random.nextInt(100),
                prompt,
                prompt * 4L,
                startBy);
    }

    @Property(tries = 300)
    void shouldLoseNoTicketAdmitNoneTwiceAndLeaveNoRoomUnused(
            @ForAll long seed, @ForAll @IntRange(min = 1, max = 6) int slots) {
        Random random = new Random(seed);
        Fleetlet fleet = new Fleetlet(slots, Fleetlet.settings(20, 40_000, TenantRules.FREE, TENANTS));
        fleet.tokensPerSecond = random.nextBoolean() ? 300 : 0;
        Set<Ticket> decided = new HashSet<>();
        open.clear();
        for (int i = 0; i < 300; i++) {
            fleet.now += random.nextInt(200_000_000);
            switch (random.nextInt(4)) {
                case 0, 1 -> ask(fleet, random);
                case 2 -> {
                    if (!fleet.running.isEmpty()) {
                        Ticket over = fleet.running.get(random.nextInt(fleet.running.size()));
                        open.remove(over);
                        remember(decided, fleet.end(over, random.nextInt(2 * LARGEST)));
                    }
                }
                default -> {
                    if (!open.isEmpty()) {
                        Ticket gone = open.remove(random.nextInt(open.size()));
                        remember(decided, fleet.end(gone, random.nextInt(LARGEST)));
                    }
                }
            }
            remember(decided, fleet.look());
            check(fleet, slots);
        }
        // When everybody leaves
        List.copyOf(open).forEach(t -> fleet.end(t, 0));
        open.clear();
        // Then
        assertThat(fleet.admission.waiting()).isZero();
        assertThat(fleet.admission.running()).isZero();
        assertThat(fleet.waiting.values()).allMatch(w -> w == 0);
    }

    private void ask(Fleetlet fleet, Random random) {
        Ask ask = draw(random, fleet.now);
        try {
            open.add(fleet.ask(ask));
        } catch (BatonException e) {
            assertThat(e.code().http()).isEqualTo(429);
        }
    }

    private void remember(Set<Ticket> decided, List<Ticket> more) {
        for (Ticket ticket : more) {
            assertThat(decided.add(ticket)).as("decided once").isTrue();
            if (ticket.state() == Ticket.State.REFUSED) {
                assertThat(ticket.refusal()).isNotNull();
                open.remove(ticket);
            }
        }
    }

    private void check(Fleetlet fleet, int slots) {
        // Those that were displaced while others asked are decided without a look.
        open.removeIf(t -> t.state() == Ticket.State.REFUSED);
        long waits =
                open.stream().filter(t -> t.state() == Ticket.State.WAITING).count();
        long runs =
                open.stream().filter(t -> t.state() == Ticket.State.ADMITTED).count();
        assertThat(waits + runs).isEqualTo(open.size());
        assertThat(fleet.admission.waiting()).isEqualTo((int) waits);
        assertThat(fleet.admission.running()).isEqualTo((int) runs);
        assertThat(fleet.running).hasSize((int) runs);
        for (Ticket t : open) {
            if (t.state() == Ticket.State.WAITING) {
                assertThat(Math.abs(fleet.admission.deficit(t)))
                        .isLessThanOrEqualTo(2L * LARGEST + (long) QUANTUM * t.tenant.rules.weight());
                assertThat(t.startBy()).isGreaterThan(fleet.now);
                // Work conserving: whoever could run runs.
                long same = fleet.running.stream()
                        .filter(r -> r.ask().model().equals(t.ask().model()))
                        .count();
                assertThat(same == slots || !t.tenant.mayRun()).isTrue();
            }
        }
        assertThat(open.stream()
                        .filter(t -> t.state() == Ticket.State.ADMITTED && t.tenant.name.equals("narrow"))
                        .count())
                .isLessThanOrEqualTo(2);
    }

    /** Two tenants that always wait get the same to within what deficit round robin promises, whatever their requests are. */
    @Property(tries = 100)
    void shouldServeTwoTenantsThatWaitAlike(@ForAll long seed, @ForAll @IntRange(min = 1, max = 5) int weight) {
        Random random = new Random(seed);
        Fleetlet fleet = new Fleetlet(
                1,
                Fleetlet.settings(
                        10_000,
                        1 << 30,
                        TenantRules.FREE,
                        Map.of("b", new TenantRules(weight, 0, 0, 0, 10, Priority.HIGH))));
        fleet.ask(Fleetlet.ask("first", Priority.NORMAL, 2));
        int largestOfA = 2 + random.nextInt(LARGEST);
        int largestOfB = 2 + random.nextInt(LARGEST);
        long ofA = 0;
        long ofB = 0;
        for (int i = 0; i < 400; i++) {
            ofA += fleet.ask(Fleetlet.ask("a", Priority.NORMAL, 2 + random.nextInt(largestOfA)))
                    .ask()
                    .cost();
            ofB += fleet.ask(Fleetlet.ask("b", Priority.NORMAL, 2 + random.nextInt(largestOfB)))
                    .ask()
                    .cost();
        }
        long a = 0;
        long b = 0;
        while (a < ofA - LARGEST - 2 && b < ofB - LARGEST - 2) {
            for (Ticket t : fleet.drain(1)) {
                if (t.ask().tenant().equals("a")) {
                    a += t.ask().cost();
                } else {
                    b += t.ask().cost();
                }
            }
            // Normalised by weight, they never differ by more than a quantum and the largest request of each.
            assertThat(Math.abs(a - (double) b / weight)).isLessThanOrEqualTo(QUANTUM + 2.0 * (LARGEST + 2));
        }
    }
}
