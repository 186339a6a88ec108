package io.baton.router.fleet;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.baton.router.fake.Samples;
import io.baton.worker.v1.WatchResponse;
import io.baton.worker.v1.WorkerRole;
import io.baton.worker.v1.WorkerState;
import java.time.Duration;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class FleetPartsTest {
    private static final KvKind KIND = new KvKind("m", 4, Samples.LAYOUT);

    private static WatchResponse message(WorkerRole role, WorkerState state) {
        WatchResponse.Builder message = WatchResponse.newBuilder().setState(state);
        message.getIdentityBuilder().setRole(role).setModel("m");
        return message.build();
    }

    @Test
    void shouldDoubleTheWaitsWithinTheirBounds() {
        // Given
        Backoff backoff = new Backoff(Duration.ofNanos(1000), Duration.ofNanos(5000), new Random(1));
        // When / Then
        for (int i = 0; i < 3; i++) {
            long full = 1000;
            for (int attempt = 0; attempt < 6; attempt++) {
                assertThat(backoff.nextNanos()).isBetween(full / 2, full);
                full = Math.min(5000, full * 2);
            }
            backoff.reset();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "host", ":80", "host:", "host:0", "host:65536", "host:x"})
    void shouldRefuseAnAddressThatIsNone(String address) {
        assertThatThrownBy(() -> HostPort.parse(address))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("baton.router.prefill-workers");
    }

    @Test
    void shouldReadAddresses() {
        assertThat(HostPort.parse("a.b:80")).isEqualTo(new HostPort("a.b", 80));
        assertThat(HostPort.parse("[::1]:65535")).isEqualTo(new HostPort("[::1]", 65535));
    }

    @Test
    void shouldTakeAWorkerThatIsReady() {
        // When
        WorkerView view = WorkerView.unheard("a:1", WorkerRole.WORKER_ROLE_PREFILL);
        WorkerView ready = WorkerView.heard(
                "a:1",
                WorkerRole.WORKER_ROLE_PREFILL,
                KIND,
                message(WorkerRole.WORKER_ROLE_PREFILL, WorkerState.WORKER_STATE_READY));
        // Then
        assertThat(view.healthy()).isFalse();
        assertThat(ready.healthy()).isTrue();
        assertThat(ready.lost("is gone").healthy()).isFalse();
        assertThat(ready.lost("is gone").model()).as("it is still known").isEqualTo("m");
    }

    @ParameterizedTest
    @EnumSource(
            value = WorkerState.class,
            mode = EnumSource.Mode.EXCLUDE,
            names = {"WORKER_STATE_READY", "UNRECOGNIZED"})
    void shouldLeaveOutAWorkerThatIsNotReady(WorkerState state) {
        assertThat(WorkerView.heard(
                                "a:1",
                                WorkerRole.WORKER_ROLE_DECODE,
                                KIND,
                                message(WorkerRole.WORKER_ROLE_DECODE, state))
                        .problem())
                .isNotEmpty();
    }

    @Test
    void shouldLeaveOutAWorkerListedUnderTheWrongRole() {
        assertThat(WorkerView.heard(
                                "a:1",
                                WorkerRole.WORKER_ROLE_PREFILL,
                                KIND,
                                message(WorkerRole.WORKER_ROLE_DECODE, WorkerState.WORKER_STATE_READY))
                        .problem())
                .isEqualTo("is listed as prefill worker but says that it is decode");
    }

    @Test
    void shouldKeepWhoAWorkerIsWhenItTellsOnlyItsLoad() {
        // Given
        WatchResponse.Builder first =
                message(WorkerRole.WORKER_ROLE_DECODE, WorkerState.WORKER_STATE_READY).toBuilder();
        first.getCapacityBuilder().setCells(7);
        WorkerView view = WorkerView.heard("a:1", WorkerRole.WORKER_ROLE_DECODE, KIND, first.build());
        WatchResponse.Builder later = WatchResponse.newBuilder().setState(WorkerState.WORKER_STATE_DRAINING);
        later.getLoadBuilder().setRunning(3);
        // When
        WorkerView again = view.lost("was silent").heardAgain(later.build());
        // Then
        assertThat(again.connected()).isTrue();
        assertThat(again.kind()).isSameAs(KIND);
        assertThat(again.problem()).isEqualTo("is draining");
        assertThat(again.last())
                .isEqualTo(later.setIdentity(first.getIdentity())
                        .setCapacity(first.getCapacity())
                        .build());
    }
}
