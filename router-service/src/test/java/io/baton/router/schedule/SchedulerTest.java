package io.baton.router.schedule;

import static org.assertj.core.api.Assertions.assertThat;

import io.baton.kv.v1.DescriptorKind;
import io.baton.kv.v1.KvLayout;
import io.baton.router.fake.Samples;
import io.baton.router.fleet.KvKind;
import io.baton.router.fleet.WorkerView;
import io.baton.worker.v1.WorkerRole;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

class SchedulerTest {
    private static final KvKind KIND = new KvKind("m", 4, Samples.LAYOUT);
    private static final KvKind OTHER_LAYOUT =
            new KvKind("m", 4, KvLayout.newBuilder().setKType(8).build());
    private static final KvKind OTHER_BLOCKS = new KvKind("m", 8, Samples.LAYOUT);

    private final Scheduler scheduler = Scheduler.roundRobin();

    private static WorkerView prefill(String address, KvKind kind) {
        return new WorkerView(address, WorkerRole.WORKER_ROLE_PREFILL, true, kind, null, "");
    }

    private static WorkerView decode(String address, KvKind kind) {
        return new WorkerView(address, WorkerRole.WORKER_ROLE_DECODE, true, kind, null, "");
    }

    private static WorkerView ill(WorkerView view) {
        return new WorkerView(view.address(), view.role(), true, view.kind(), null, "is draining");
    }

    private List<String> picks(int count, List<WorkerView> fleet) {
        List<String> picks = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            picks.add(scheduler
                    .prefill(fleet, "m", Set.of())
                    .map(WorkerView::address)
                    .orElse("none"));
        }
        return picks;
    }

    @Test
    void shouldTakeTheWorkersInTurn() {
        List<WorkerView> fleet = List.of(prefill("a", KIND), prefill("b", KIND), decode("d", KIND));
        assertThat(picks(4, fleet)).containsExactly("a", "b", "a", "b");
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
        List<WorkerView> fleet = List.of(prefill("llama", KIND), prefill("vllm", nixl), decode("d", nixl));

        // When / Then
        assertThat(picks(3, fleet)).containsExactly("vllm", "vllm", "vllm");
        assertThat(scheduler.decode(fleet, KIND, Set.of())).isEmpty();
    }

    @Test
    void shouldTakeTurnsForEachRoleOnItsOwn() {
        List<WorkerView> fleet = List.of(prefill("a", KIND), prefill("b", KIND), decode("d", KIND), decode("e", KIND));
        List<String> decodes = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            assertThat(scheduler.prefill(fleet, "m", Set.of())).isPresent();
            decodes.add(scheduler.decode(fleet, KIND, Set.of()).orElseThrow().address());
        }
        assertThat(decodes).containsExactly("d", "e", "d", "e");
    }

    @Test
    void shouldLeaveOutWorkersThatTakeNoWork() {
        List<WorkerView> fleet = List.of(ill(prefill("a", KIND)), prefill("b", KIND), decode("d", KIND));
        assertThat(picks(2, fleet)).containsExactly("b", "b");
    }

    @Test
    void shouldLeaveOutWorkersOfAnotherModel() {
        List<WorkerView> fleet =
                List.of(prefill("a", new KvKind("other", 4, Samples.LAYOUT)), prefill("b", KIND), decode("d", KIND));
        assertThat(picks(2, fleet)).containsExactly("b", "b");
    }

    @Test
    void shouldPairOnlyWorkersThatCanExchangeBlocks() {
        assertThat(picks(1, List.of(prefill("a", OTHER_LAYOUT), decode("d", KIND))))
                .containsExactly("none");
        assertThat(picks(1, List.of(prefill("a", OTHER_BLOCKS), decode("d", KIND))))
                .containsExactly("none");
        assertThat(picks(1, List.of(prefill("a", KIND), ill(decode("d", KIND)))))
                .containsExactly("none");
        List<WorkerView> mixed = List.of(decode("d", OTHER_LAYOUT), decode("e", KIND));
        assertThat(scheduler.decode(mixed, KIND, Set.of()).orElseThrow().address())
                .isEqualTo("e");
    }

    @Test
    void shouldNotAskAWorkerThatFailedTheRequest() {
        List<WorkerView> fleet = List.of(prefill("a", KIND), prefill("b", KIND), decode("d", KIND));
        assertThat(scheduler.prefill(fleet, "m", Set.of("a")).orElseThrow().address())
                .isEqualTo("b");
        assertThat(scheduler.prefill(fleet, "m", Set.of("a", "b"))).isEmpty();
        assertThat(scheduler.prefill(fleet, "m", Set.of("d")))
                .as("no decode is left for it")
                .isEmpty();
    }

    @Test
    void shouldPreferTheBestScore() {
        // Given
        Scheduler scored = new Scheduler(
                List.of(WorkerFilter.AVAILABLE, WorkerFilter.SUITABLE, WorkerFilter.COMPATIBLE),
                List.of((worker, _) -> worker.address().equals("b") ? 1 : 0, (_, _) -> 0.5),
                new RoundRobinPicker(),
                new RoundRobinPicker());
        List<WorkerView> fleet = List.of(prefill("a", KIND), prefill("b", KIND), decode("d", KIND));
        // Then
        for (int i = 0; i < 3; i++) {
            assertThat(scored.prefill(fleet, "m", Set.of()).orElseThrow().address())
                    .isEqualTo("b");
        }
    }
}
