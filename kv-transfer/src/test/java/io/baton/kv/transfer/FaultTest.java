package io.baton.kv.transfer;

import static io.baton.kv.transfer.PullTest.assertRefused;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.UnknownFieldSet;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.kv.Layouts;
import io.baton.kv.v1.KvDescriptor;
import io.baton.kv.v1.PullResponse;
import io.grpc.Status;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.ServerSocket;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What goes wrong on the way: nothing that is not exactly the described block ever counts as pulled. */
class FaultTest {
    private static void assertFails(ErrorCode code, FakeHolder.Behaviour behaviour) throws Exception {
        try (var holder = new FakeHolder(Layouts.of(256), behaviour);
                var puller = new KvPuller(Holder.config(), Holder.RECEIVER, holder.layout)) {
            KvDescriptor d = holder.describe(0);
            MemorySegment memory = Arena.ofAuto().allocate(d.getSizeBytes() + 64);
            memory.fill((byte) 0x5a);

            assertRefused(code, puller.pull(d, memory.asSlice(0, d.getSizeBytes())));

            assertThat(memory.asSlice(d.getSizeBytes()).toArray(ValueLayout.JAVA_BYTE))
                    .as("beyond the target")
                    .containsOnly(0x5a);
            PullerStats stats = puller.stats();
            assertThat(stats.pulledBlocks()).isZero();
            assertThat(stats.openPulls()).isZero();
            assertThat(stats.failed()).containsOnlyKeys(code).containsEntry(code, 1L);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 32_767, 65_535})
    void shouldRefuseABlockWithAFlippedBit(int at) throws Exception {
        assertFails(ErrorCode.BLOCK_CORRUPT, (rows, out) -> {
            rows[at] ^= 0x10;
            out.onNext(FakeHolder.frame(rows, 0, rows.length));
            out.onCompleted();
        });
    }

    @Test
    void shouldRefuseABlockWhoseHalvesAreSwapped() throws Exception {
        assertFails(ErrorCode.BLOCK_CORRUPT, (rows, out) -> {
            out.onNext(FakeHolder.frame(rows, rows.length / 2, rows.length));
            out.onNext(FakeHolder.frame(rows, 0, rows.length / 2));
            out.onCompleted();
        });
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 65_535})
    void shouldRefuseATruncatedStream(int length) throws Exception {
        assertFails(ErrorCode.BLOCK_CORRUPT, (rows, out) -> {
            if (length > 0) {
                out.onNext(FakeHolder.frame(rows, 0, length));
            }
            out.onCompleted();
        });
    }

    @Test
    void shouldRefuseAStreamThatIsTooLong() throws Exception {
        assertFails(ErrorCode.BLOCK_CORRUPT, (rows, out) -> {
            out.onNext(FakeHolder.frame(rows, 0, rows.length));
            out.onNext(FakeHolder.frame(rows, 0, 1));
            out.onCompleted();
        });
    }

    @Test
    void shouldRefuseALastFrameThatIsTooLong() throws Exception {
        assertFails(ErrorCode.BLOCK_CORRUPT, (rows, out) -> {
            out.onNext(FakeHolder.frame(rows, 0, rows.length - 1));
            out.onNext(FakeHolder.frame(rows, 0, 2));
            out.onCompleted();
        });
    }

    @Test
    void shouldRefuseAnEmptyFrame() throws Exception {
        assertFails(ErrorCode.PROTOCOL_VIOLATION, (_, out) -> {
            out.onNext(PullResponse.getDefaultInstance());
            out.onCompleted();
        });
    }

    @Test
    void shouldRefuseAFrameWithOtherFields() throws Exception {
        assertFails(ErrorCode.PROTOCOL_VIOLATION, (rows, out) -> {
            out.onNext(FakeHolder.frame(rows, 0, rows.length).toBuilder()
                    .setUnknownFields(UnknownFieldSet.newBuilder()
                            .addField(
                                    2,
                                    UnknownFieldSet.Field.newBuilder()
                                            .addVarint(1)
                                            .build())
                            .build())
                    .build());
            out.onCompleted();
        });
    }

    @Test
    void shouldReportWhatTheHolderSays() throws Exception {
        assertFails(
                ErrorCode.DRAINING,
                (_, out) -> out.onError(new BatonException(ErrorCode.DRAINING, "going away").toStatus()));
    }

    @ParameterizedTest
    @ValueSource(strings = {"UNAVAILABLE", "INTERNAL", "CANCELLED", "RESOURCE_EXHAUSTED", "UNIMPLEMENTED"})
    void shouldCallAnyOtherEndAFailedPull(String status) throws Exception {
        assertFails(
                ErrorCode.PULL_FAILED,
                (_, out) -> out.onError(
                        Status.fromCodeValue(Status.Code.valueOf(status).value())
                                .asException()));
    }

    @Test
    void shouldFailWhenTheHolderDiesInTheMiddle() throws Exception {
        // Given a holder that sends half and then nothing
        var half = new CountDownLatch(1);
        try (var holder = new FakeHolder(Layouts.of(256), (rows, out) -> {
                    out.onNext(FakeHolder.frame(rows, 0, rows.length / 2));
                    half.countDown();
                });
                var puller = new KvPuller(Holder.config(), Holder.RECEIVER, holder.layout)) {
            KvDescriptor d = holder.describe(0);
            CompletableFuture<PulledBlock> pull = puller.pull(d, Holder.target(d));
            assertThat(half.await(30, TimeUnit.SECONDS)).isTrue();

            // When
            holder.kill();

            // Then
            assertRefused(ErrorCode.PULL_FAILED, pull);
        }
    }

    @Test
    void shouldFailWhenNobodyListens() throws Exception {
        int free;
        try (var socket = new ServerSocket(0)) {
            free = socket.getLocalPort();
        }
        try (Holder holder = Holder.small();
                KvPuller puller = holder.puller()) {
            KvDescriptor d = holder.offer(0).toBuilder()
                    .setHolderAddress("127.0.0.1:" + free)
                    .build();

            assertRefused(ErrorCode.PULL_FAILED, puller.pull(d, Holder.target(d)));
        }
    }

    @Test
    void shouldFailWhenTheHolderHangs() throws Exception {
        // Given a holder that sends nothing, and one that stops after the first frame
        var impatient = Holder.config().withTimeouts(Duration.ofMillis(50), Duration.ofSeconds(30));
        FakeHolder.Behaviour silent = (_, _) -> {};
        FakeHolder.Behaviour stalled = (rows, out) -> out.onNext(FakeHolder.frame(rows, 0, 100));
        for (FakeHolder.Behaviour behaviour : new FakeHolder.Behaviour[] {silent, stalled}) {
            try (var holder = new FakeHolder(Layouts.of(256), behaviour);
                    var puller = new KvPuller(impatient, Holder.RECEIVER, holder.layout)) {
                KvDescriptor d = holder.describe(0);

                // When / Then
                CompletableFuture<PulledBlock> pull = puller.pull(d, Holder.target(d));
                assertThatThrownBy(() -> Await.value(pull)).hasMessageContaining("no-progress-timeout");
                assertRefused(ErrorCode.PULL_FAILED, pull);
            }
        }
    }

    @Test
    void shouldFailAfterItsDeadline() throws Exception {
        var brief = Holder.config().withTimeouts(Duration.ofSeconds(30), Duration.ofMillis(50));
        try (var holder = new FakeHolder(Layouts.of(256), (_, _) -> {});
                var puller = new KvPuller(brief, Holder.RECEIVER, holder.layout)) {
            KvDescriptor d = holder.describe(0);

            assertRefused(ErrorCode.PULL_FAILED, puller.pull(d, Holder.target(d)));
        }
    }
}
