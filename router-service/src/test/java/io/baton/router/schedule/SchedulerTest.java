package io.baton.router.schedule;

import static io.baton.router.schedule.Candidates.KIND;
import static io.baton.router.schedule.Candidates.decode;
import static io.baton.router.schedule.Candidates.facts;
import static io.baton.router.schedule.Candidates.fleet;
import static io.baton.router.schedule.Candidates.prefill;
import static io.baton.router.schedule.Candidates.without;
import static org.assertj.core.api.Assertions.assertThat;

import io.baton.kv.v1.DescriptorKind;
import io.baton.kv.v1.KvLayout;
import io.baton.router.config.Disaggregation;
import io.baton.router.config.SchedulingPolicy;
import io.baton.router.fake.Samples;
import io.baton.router.fleet.KvKind;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class SchedulerTest {
    private static final KvKind OTHER_LAYOUT =
            new KvKind("m", 4, KvLayout.newBuilder().setKType(8).build());
    private static final KvKind OTHER_BLOCKS = new KvKind("m", 8, Samples.LAYOUT);

    private final Scheduler inTurn = scheduler(SchedulingPolicy.ROUND_ROBIN, PrefixOverlap.NONE);

    private static Scheduler scheduler(SchedulingPolicy policy, PrefixOverlap prefixes) {
        return new Scheduler(new ScheduleSettings(policy, Disaggregation.ALWAYS, 256, 8192), prefixes);
    }

    private static String prefillOf(Scheduler scheduler, FleetView fleet, RequestFacts facts) {
        Candidate chosen = scheduler.start(fleet, facts).map(Pick::prefill).orElse(null);
        return chosen == null ? "none" : chosen.address();
    }

    private static String decodeOf(Scheduler scheduler, FleetView fleet, RequestFacts facts) {
        return scheduler
                .decode(fleet, facts, KIND)
                .map(p -> p.decode().address())
                .orElse("none");
    }

    private List<String> picks(int count, FleetView fleet) {
        List<String> picks = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            picks.add(prefillOf(inTurn, fleet, facts(10)));
        }
        return picks;
    }

    // ---- filters

    @Test
    void shouldTakeTheWorkersInTurn() {
        assertThat(picks(4, fleet(prefill("a"), prefill("b"), decode("d")))).containsExactly("a", "b", "a", "b");
    }

    @Test
    void shouldNeverPairAWorkerBesideVllmWithOneThatPullsBlocks() {
        // Given
        KvKind nixl = new KvKind(
                "m",
                4,
                Samples.LAYOUT.toBuilder()
                        .setKind(DescriptorKind.DESCRIPTOR_KIND_NIXL)
                        .build());
        FleetView fleet =
                fleet(prefill("llama"), prefill("vllm").kind(nixl), decode("d").kind(nixl));

        // When / Then
        assertThat(picks(3, fleet)).containsExactly("vllm", "vllm", "vllm");
        assertThat(inTurn.decode(fleet, facts(10), KIND)).isEmpty();
    }

    @Test
    void shouldTakeTurnsForEachRoleOnItsOwn() {
        FleetView fleet = fleet(prefill("a"), prefill("b"), decode("d"), decode("e"));
        List<String> decodes = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            assertThat(inTurn.start(fleet, facts(10))).isPresent();
            decodes.add(decodeOf(inTurn, fleet, facts(10)));
        }
        assertThat(decodes).containsExactly("d", "e", "d", "e");
    }

    @Test
    void shouldLeaveOutWorkersThatTakeNoWork() {
        assertThat(picks(2, fleet(prefill("a").ill(), prefill("b"), decode("d"))))
                .containsExactly("b", "b");
    }

    @Test
    void shouldLeaveOutWorkersOfAnotherModel() {
        KvKind other = new KvKind("other", 4, Samples.LAYOUT);
        assertThat(picks(2, fleet(prefill("a").kind(other), prefill("b"), decode("d"))))
                .containsExactly("b", "b");
    }

    @Test
    void shouldPairOnlyWorkersThatCanExchangeBlocks() {
        assertThat(picks(1, fleet(prefill("a").kind(OTHER_LAYOUT), decode("d"))))
                .containsExactly("none");
        assertThat(picks(1, fleet(prefill("a").kind(OTHER_BLOCKS), decode("d"))))
                .containsExactly("none");
        assertThat(picks(1, fleet(prefill("a"), decode("d").ill()))).containsExactly("none");
        assertThat(decodeOf(inTurn, fleet(decode("d").kind(OTHER_LAYOUT), decode("e")), facts(10)))
                .isEqualTo("e");
    }

    @Test
    void shouldTakeEqualKindsForOneEvenIfTheyAreTwoObjects() {
        KvKind twin = new KvKind("m", 4, Samples.LAYOUT.toBuilder().build());
        assertThat(picks(1, fleet(prefill("a").kind(twin), decode("d")))).containsExactly("a");
    }

    @Test
    void shouldNotAskAWorkerThatFailedTheRequest() {
        FleetView fleet = fleet(prefill("a"), prefill("b"), decode("d"));
        assertThat(prefillOf(inTurn, fleet, without(facts(10), "a"))).isEqualTo("b");
        assertThat(inTurn.start(fleet, without(facts(10), "a", "b"))).isEmpty();
        assertThat(inTurn.start(fleet, without(facts(10), "d")))
                .as("no decode is left for it")
                .isEmpty();
    }

    @Test
    void shouldFindNothingInAnEmptyFleet() {
        for (SchedulingPolicy policy : SchedulingPolicy.values()) {
            Scheduler scheduler = scheduler(policy, PrefixOverlap.NONE);
            assertThat(scheduler.start(fleet(), facts(10))).isEmpty();
            assertThat(scheduler.decode(fleet(), facts(10), KIND)).isEmpty();
        }
    }

    // ---- policies

    @Test
    void shouldTakeTheLeastLoaded() {
        Scheduler scheduler = scheduler(SchedulingPolicy.LEAST_LOADED, PrefixOverlap.NONE);
        FleetView fleet = fleet(
                prefill("a").queued(100),
                prefill("b").queued(10),
                decode("d").running(3),
                decode("e").running(1));
        assertThat(prefillOf(scheduler, fleet, facts(10))).isEqualTo("b");
        assertThat(decodeOf(scheduler, fleet, facts(10))).isEqualTo("e");
    }

    @Test
    void shouldCountWhatWasSentSinceTheLastReport() {
        Scheduler scheduler = scheduler(SchedulingPolicy.LEAST_LOADED, PrefixOverlap.NONE);
        Candidates.TestFleet fleet = fleet(prefill("a"), prefill("b").queued(10), decode("d"));
        assertThat(prefillOf(scheduler, fleet, facts(10))).isEqualTo("a");
        fleet.pending(0, 1, 50);
        assertThat(prefillOf(scheduler, fleet, facts(10))).isEqualTo("b");
    }

    @Test
    void shouldTakeTheOneWithMostOfThePromptWhateverItsLoad() {
        PrefixOverlap bHasIt = (pieces, bySlot) -> bySlot[1] = pieces.length;
        Scheduler scheduler = scheduler(SchedulingPolicy.PREFIX, bHasIt);
        FleetView fleet = fleet(prefill("a").slot(0), prefill("b").slot(1).queued(1_000_000), decode("d"));
        assertThat(prefillOf(scheduler, fleet, facts(1000, 1, 2, 3, 4))).isEqualTo("b");
    }

    @Test
    void shouldWeighTheCacheAgainstTheQueue() {
        // Given: b has half of the prompt, 500 tokens or 50 ms
        PrefixOverlap bHasHalf = (pieces, bySlot) -> bySlot[1] = 2;
        Scheduler scheduler = scheduler(SchedulingPolicy.AUTO, bHasHalf);
        RequestFacts facts = facts(1000, 1, 2, 3, 4);

        // Then
        assertThat(prefillOf(
                        scheduler,
                        fleet(prefill("a").slot(0), prefill("b").slot(1).queued(200), decode("d")),
                        facts))
                .isEqualTo("b");
        assertThat(prefillOf(
                        scheduler,
                        fleet(prefill("a").slot(0), prefill("b").slot(1).queued(900), decode("d")),
                        facts))
                .isEqualTo("a");
    }

    @Test
    void shouldKnowThatAFasterWorkerMayHaveTheLongerQueue() {
        Scheduler scheduler = scheduler(SchedulingPolicy.AUTO, PrefixOverlap.NONE);
        Rates fast = new Rates(0.01, 0.00001, 0.02, 0.001, 1e9);
        FleetView fleet =
                fleet(prefill("slow").queued(1000), prefill("fast").queued(5000).rates(fast), decode("d"));
        assertThat(prefillOf(scheduler, fleet, facts(1000))).isEqualTo("fast");
    }

    @Test
    void shouldAssumeTheMeanOfAWorkerThatHasMeasuredNothing() {
        Scheduler scheduler = scheduler(SchedulingPolicy.AUTO, PrefixOverlap.NONE);
        FleetView fleet = fleet(prefill("known").queued(1000), prefill("new").rates(Rates.UNKNOWN), decode("d"));
        assertThat(prefillOf(scheduler, fleet, facts(1000))).isEqualTo("new");
    }

    @Test
    void shouldKeepTheTargetForTheTimeBetweenTokens() {
        // Given: e has the prompt, but with 90 streams its step takes 111 ms
        PrefixOverlap eHasIt = (pieces, bySlot) -> bySlot[1] = pieces.length;
        Scheduler scheduler = scheduler(SchedulingPolicy.AUTO, eHasIt);
        FleetView fleet =
                fleet(decode("d").slot(0).running(70), decode("e").slot(1).running(90));
        assertThat(decodeOf(scheduler, fleet, facts(100_000, 1, 2))).isEqualTo("d");
    }

    @Test
    void shouldPriceATransferThatIsLeftWhenThePromptIsComputed() {
        // Given: 10,000 tokens of 32 KiB at 1 GB/s are 328 ms, of which e has all but the last block
        PrefixOverlap eHasIt = (pieces, bySlot) -> bySlot[1] = pieces.length;
        Scheduler scheduler = scheduler(SchedulingPolicy.AUTO, eHasIt);
        FleetView fleet = fleet(decode("d").slot(0), decode("e").slot(1).running(2));
        RequestFacts facts = facts(10_000, 1, 2);

        // Then: 2 ms per step are 200 ms for 100 tokens, more than what a slow prefill leaves of the transfer
        assertThat(decodeOf(scheduler, fleet, facts.accepted(10_000, 100, java.util.Set.of(), 0.0)))
                .isEqualTo("e");
        assertThat(decodeOf(scheduler, fleet, facts.accepted(10_000, 100, java.util.Set.of(), 1.0)))
                .isEqualTo("d");
    }

    @Test
    void shouldNotAskADecodeWorkerWithoutRoomWhileAnotherHasIt() {
        Scheduler scheduler = scheduler(SchedulingPolicy.AUTO, PrefixOverlap.NONE);
        FleetView fleet = fleet(decode("full").reserved(99_950), decode("busy").running(50));
        assertThat(decodeOf(scheduler, fleet, facts(100))).isEqualTo("busy");
        assertThat(decodeOf(scheduler, fleet(decode("full").reserved(99_950)), facts(100)))
                .as("its word counts, not the router's guess")
                .isEqualTo("full");
    }

    @Test
    void shouldChooseAmongKindsByBothWorkers() {
        // Given: the idle prefill worker's blocks fit only a decode worker that misses its target
        Scheduler scheduler = scheduler(SchedulingPolicy.AUTO, PrefixOverlap.NONE);
        FleetView fleet = fleet(
                prefill("idle").kind(OTHER_LAYOUT),
                decode("crowded").kind(OTHER_LAYOUT).running(200),
                prefill("busy").queued(100),
                decode("d"));
        assertThat(prefillOf(scheduler, fleet, facts(100))).isEqualTo("busy");
    }

    @Test
    void shouldSayWhy() {
        PrefixOverlap half = (pieces, bySlot) -> bySlot[0] = 1;
        Scheduler scheduler = scheduler(SchedulingPolicy.AUTO, half);
        Pick pick = scheduler
                .start(fleet(prefill("a:1").slot(0), decode("d:1").running(4)), facts(1000, 1, 2))
                .orElseThrow();
        assertThat(pick.reasons())
                .isEqualTo("policy=auto mode=disaggregated prefill=a:1 prefill-cached=500 decode=d:1 decode-cached=0 "
                        + "tokens=1000 ttft-ms=60.0 itl-ms=25.0");
    }

    @Test
    void shouldSurviveAWorkerThatComesBackAsAnotherKindMeanwhile() {
        Candidate before = prefill("a").build();
        Candidate after = prefill("a").kind(OTHER_BLOCKS).build();
        Candidate decode = decode("d").build();
        int reads = 0;
        boolean whole = false;
        while (!whole) {
            // Given a report between any two looks at it
            Changing fleet = new Changing(before, after, decode, reads++);

            // When
            String chosen = prefillOf(inTurn, fleet, facts(10));

            // Then
            assertThat(chosen).isIn("a", "none");
            whole = fleet.left > 0;
        }
        assertThat(reads).isGreaterThan(3);
    }

    /** A prefill worker that is another one after so many looks at it, and a decode worker. */
    private static final class Changing implements FleetView {
        private final Candidate before;
        private final Candidate after;
        private final Candidate decode;
        private int left;

        Changing(Candidate before, Candidate after, Candidate decode, int left) {
            this.before = before;
            this.after = after;
            this.decode = decode;
            this.left = left;
        }

        @Override
        public int size() {
            return 2;
        }

        @Override
        public Candidate get(int index) {
            return index == 1 ? decode : left-- > 0 ? before : after;
        }

        @Override
        public int pendingLegs(int index) {
            return 0;
        }

        @Override
        public long pendingTokens(int index) {
            return 0;
        }

        @Override
        public long pendingCells(int index) {
            return 0;
        }
    }
}
