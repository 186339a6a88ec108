package io.baton.router.schedule;

import static io.baton.router.schedule.Candidates.decode;
import static io.baton.router.schedule.Candidates.facts;
import static io.baton.router.schedule.Candidates.fleet;
import static io.baton.router.schedule.Candidates.prefill;
import static org.assertj.core.api.Assertions.assertThat;

import io.baton.kv.v1.DescriptorKind;
import io.baton.router.config.Disaggregation;
import io.baton.router.config.SchedulingPolicy;
import io.baton.router.fake.Samples;
import io.baton.router.fleet.KvKind;
import org.junit.jupiter.api.Test;

class DeciderTest {
    private static Scheduler scheduler(Disaggregation disaggregation, PrefixOverlap prefixes) {
        return new Scheduler(new ScheduleSettings(SchedulingPolicy.AUTO, disaggregation, 256, 8192), prefixes);
    }

    private static boolean local(FleetView fleet, RequestFacts facts, PrefixOverlap prefixes) {
        return scheduler(Disaggregation.AUTO, prefixes)
                .start(fleet, facts)
                .orElseThrow()
                .local();
    }

    @Test
    void shouldDoWhatItIsTold() {
        FleetView fleet = fleet(prefill("p"), decode("d"));
        assertThat(scheduler(Disaggregation.ALWAYS, PrefixOverlap.NONE)
                        .start(fleet, facts(10))
                        .orElseThrow()
                        .local())
                .isFalse();
        assertThat(scheduler(Disaggregation.NEVER, PrefixOverlap.NONE)
                        .start(fleet, facts(100_000))
                        .orElseThrow()
                        .local())
                .isTrue();
        assertThat(scheduler(Disaggregation.ALWAYS, PrefixOverlap.NONE).start(fleet(decode("d")), facts(10)))
                .isEmpty();
    }

    @Test
    void shouldNeedNoPrefillWorkerWhereThereIsNone() {
        assertThat(local(fleet(decode("d")), facts(10_000), PrefixOverlap.NONE)).isTrue();
        assertThat(local(fleet(prefill("p").ill(), decode("d")), facts(10_000), PrefixOverlap.NONE))
                .isTrue();
    }

    @Test
    void shouldLeaveALongPromptToPrefillWhileStreamsRun() {
        FleetView busy = fleet(prefill("p"), decode("d").running(8));
        assertThat(local(busy, facts(4000), PrefixOverlap.NONE)).isFalse();
    }

    @Test
    void shouldComputeACachedPromptWhereItsCacheIs() {
        // Given: decode has nearly all of it, prefill nothing and a queue
        PrefixOverlap decodeHasIt = (pieces, bySlot) -> bySlot[0] = pieces.length;
        FleetView fleet = fleet(prefill("p").queued(5000), decode("d").slot(0).running(8));
        assertThat(local(fleet, facts(4000, 1, 2, 3, 4), decodeHasIt)).isTrue();
        assertThat(local(fleet(prefill("p"), decode("d").slot(0).running(30)), facts(4000), PrefixOverlap.NONE))
                .isFalse();
    }

    @Test
    void shouldRelieveAnOverloadedPrefill() {
        FleetView fleet = fleet(prefill("p").queued(100_000), decode("d").running(8));
        assertThat(local(fleet, facts(1000), PrefixOverlap.NONE)).isTrue();
    }

    @Test
    void shouldNotMakeStreamsMissTheirTargetForOnePrompt() {
        // Given: with 78 streams a step takes 99 ms, and 100 are the target; prefill is late
        FleetView nearTheTarget = fleet(prefill("p").queued(25_000), decode("d").running(78));
        FleetView farFromIt = fleet(prefill("p").queued(25_000), decode("d").running(20));
        assertThat(local(nearTheTarget, facts(4000), PrefixOverlap.NONE)).isFalse();
        assertThat(local(farFromIt, facts(4000), PrefixOverlap.NONE)).isTrue();
    }

    @Test
    void shouldNotComputeAPromptWhereThereIsNoRoom() {
        // Given: prefill is late
        FleetView full =
                fleet(prefill("p").queued(25_000), decode("d").running(20).reserved(99_000));
        assertThat(local(full, facts(4000), PrefixOverlap.NONE)).isFalse();
    }

    @Test
    void shouldUsePrefillUntilSomethingWasMeasured() {
        FleetView fleet = fleet(
                prefill("p").queued(100_000).rates(Rates.UNKNOWN), decode("d").rates(Rates.UNKNOWN));
        assertThat(local(fleet, facts(10), PrefixOverlap.NONE)).isFalse();
    }

    private static Pick pick(FleetView fleet, RequestFacts facts, double handOverSeconds, int localTokens) {
        ScheduleSettings settings = new ScheduleSettings(
                SchedulingPolicy.AUTO, Disaggregation.AUTO, 256, 8192, handOverSeconds, localTokens);
        return new Scheduler(settings, (pieces, bySlot) -> bySlot[0] = pieces.length)
                .start(fleet, facts)
                .orElseThrow();
    }

    @Test
    void shouldReckonWhatAHandOverCosts() {
        FleetView idle = fleet(prefill("p"), decode("d"));
        assertThat(pick(idle, facts(10), 0, 512).local()).isFalse();
        Pick local = pick(idle, facts(10), 0.1, 512);
        assertThat(local.local()).isTrue();
        assertThat(local.otherWay())
                .isEqualTo(pick(idle, facts(10), 0, 512).cost() + 0.1, org.assertj.core.api.Assertions.within(1e-9));
    }

    @Test
    void shouldLeaveALongPromptToPrefillWhateverItCosts() {
        // Given
        FleetView idle = fleet(prefill("p"), decode("d").slot(0));

        // Then: 512 tokens are not long, and what is cached does not count
        assertThat(pick(idle, facts(512), 1000, 512).local()).isTrue();
        assertThat(pick(idle, facts(513), 1000, 512).local()).isFalse();
        assertThat(pick(idle, facts(4000, 1, 2, 3, 4), 1000, 512).local()).isTrue();
    }

    @Test
    void shouldComputeALongPromptOnDecodeIfPrefillWouldMissTheTarget() {
        FleetView overloaded = fleet(prefill("p").queued(100_000), decode("d"));
        assertThat(pick(overloaded, facts(4000), 0, 512).local()).isTrue();
        assertThat(pick(fleet(prefill("p").ill(), decode("d")), facts(4000), 0, 512)
                        .local())
                .isTrue();
    }

    @Test
    void shouldKnowFromDecodeWorkersHowLongPromptsTakeWhereThereIsNoPrefill() {
        // Given two that are alike; one has measured that a prompt takes very long
        Rates slow = new Rates(1, 0.1, 0.02, 0.001, 1e9);
        Rates unknown = new Rates(0, 0, 0.02, 0.001, 1e9);
        FleetView fleet = fleet(decode("d").rates(slow), decode("e").rates(unknown));

        // Then the other one is not taken for a fast one
        assertThat(pick(fleet, facts(100), 0, 512).prefillSeconds())
                .isEqualTo(11, org.assertj.core.api.Assertions.within(1e-9));
        assertThat(pick(fleet(decode("e").rates(unknown)), facts(100), 0, 512).prefillSeconds())
                .isLessThan(1);
    }

    @Test
    void shouldNeverHaveAPromptComputedByDecodeBesideVllm() {
        KvKind nixl = new KvKind(
                "m",
                4,
                Samples.LAYOUT.toBuilder()
                        .setKind(DescriptorKind.DESCRIPTOR_KIND_NIXL)
                        .build());
        assertThat(scheduler(Disaggregation.AUTO, PrefixOverlap.NONE)
                        .start(fleet(decode("d").kind(nixl)), facts(10)))
                .isEmpty();
    }
}
