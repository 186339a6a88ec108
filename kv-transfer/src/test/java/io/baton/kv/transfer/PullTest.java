package io.baton.kv.transfer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.baton.engine.KvLayout;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.kv.Layouts;
import io.baton.kv.v1.KvDescriptor;
import io.baton.kv.v1.KvTransferServiceGrpc;
import io.baton.kv.v1.PullRequest;
import io.baton.kv.v1.PullResponse;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.netty.NettyChannelBuilder;
import java.io.ByteArrayOutputStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PullTest {
    private static void assertSameRows(MemorySegment target, KvDescriptor d) {
        assertThat(target.mismatch(Holder.rows(d))).isEqualTo(-1);
    }

    @Test
    void shouldLandTheRowsOfABlock() throws Exception {
        try (Holder holder = Holder.small();
                KvPuller puller = holder.puller()) {
            // Given
            KvDescriptor d = holder.offer(0);
            MemorySegment target = Holder.target(d);

            // When
            PulledBlock pulled = Await.value(puller.pull(d, target));

            // Then
            assertSameRows(target, d);
            assertThat(pulled.bytes()).isEqualTo(65536);
            assertThat(pulled.nanos()).isPositive();
            assertThat(puller.stats().pulledBlocks()).isEqualTo(1);
            assertThat(puller.stats().pulledBytes()).isEqualTo(65536);
            assertThat(holder.service.stats().sentBlocks()).isEqualTo(1);
            assertThat(holder.service.stats().sentBytes()).isEqualTo(65536);
        }
    }

    @ParameterizedTest(name = "{0} tokens, frames of {1} bytes")
    @CsvSource({"1, 262144", "255, 262144", "256, 65536", "256, 65535", "256, 1024", "256, 40000", "257, 262144"})
    void shouldLandBlocksOfAnySizeCutIntoAnyFrames(int tokens, int frameBytes) throws Exception {
        var config = SenderConfig.defaults().withFrameBytes(frameBytes);
        try (var holder = new Holder(Layouts.of(256), 1 << 20, config, _ -> {});
                KvPuller puller = holder.puller()) {
            KvDescriptor d = holder.offer(holder.lease, 1, tokens);
            MemorySegment target = Holder.target(d);

            Await.value(puller.pull(d, target));

            assertSameRows(target, d);
            assertThat(holder.service.stats().sentFrames()).isEqualTo((256L * tokens + frameBytes - 1) / frameBytes);
        }
    }

    @Test
    void shouldLandALargeBlock() throws Exception {
        try (Holder holder = Holder.large(64, 1, SenderConfig.defaults());
                KvPuller puller = holder.puller()) {
            KvDescriptor d = holder.offer(0);
            MemorySegment target = Holder.target(d);

            Await.value(puller.pull(d, target));

            assertThat(d.getSizeBytes()).isEqualTo(64 << 20);
            assertSameRows(target, d);
        }
    }

    @Test
    void shouldLeaveMemoryBeyondTheBlockAlone() throws Exception {
        try (Holder holder = Holder.small();
                KvPuller puller = holder.puller()) {
            KvDescriptor d = holder.offer(0);
            MemorySegment target = java.lang.foreign.Arena.ofAuto().allocate(d.getSizeBytes() + 64, 8);
            target.fill((byte) 0x5a);

            Await.value(puller.pull(d, target));

            assertSameRows(target.asSlice(0, d.getSizeBytes()), d);
            assertThat(target.asSlice(d.getSizeBytes()).toArray(ValueLayout.JAVA_BYTE))
                    .containsOnly(0x5a);
        }
    }

    @Test
    void shouldPullManyBlocksAtOnce() throws Exception {
        try (Holder holder = Holder.small();
                KvPuller puller = holder.puller()) {
            // Given
            List<KvDescriptor> blocks = new ArrayList<>();
            for (int i = 0; i < 200; i++) {
                blocks.add(holder.offer(i));
            }

            // When
            List<MemorySegment> targets = new ArrayList<>();
            List<CompletableFuture<PulledBlock>> pulls = new ArrayList<>();
            for (KvDescriptor d : blocks) {
                targets.add(Holder.target(d));
                pulls.add(puller.pull(d, targets.getLast()));
            }
            for (CompletableFuture<PulledBlock> pull : pulls) {
                Await.value(pull);
            }

            // Then
            for (int i = 0; i < 200; i++) {
                assertSameRows(targets.get(i), blocks.get(i));
            }
            assertThat(Await.value(puller.acknowledge(blocks.toArray(KvDescriptor[]::new))))
                    .isEqualTo(200);
            assertThat(holder.store.stats().pinnedBytes()).isZero();
            assertThat(holder.service.stats().acknowledgedBlocks()).isEqualTo(200);
            assertThat(puller.stats().acknowledgedBlocks()).isEqualTo(200);
            assertThat(puller.stats().channels()).isEqualTo(1);
        }
    }

    @Test
    void shouldRepeatAPullUntilTheBlockIsAcknowledged() throws Exception {
        try (Holder holder = Holder.small();
                KvPuller puller = holder.puller()) {
            // Given
            KvDescriptor d = holder.offer(0);
            for (int i = 0; i < 3; i++) {
                MemorySegment target = Holder.target(d);
                Await.value(puller.pull(d, target));
                assertSameRows(target, d);
            }

            // When
            assertThat(Await.value(puller.acknowledge(d))).isEqualTo(1);
            assertThat(Await.value(puller.acknowledge(d))).isZero();

            // Then
            assertRefused(ErrorCode.BLOCK_SPENT, puller.pull(d, Holder.target(d)));
        }
    }

    @Test
    void shouldAcknowledgeBlocksOfSeveralHoldersTogether() throws Exception {
        try (Holder one = Holder.small();
                Holder two = Holder.small();
                KvPuller puller = one.puller()) {
            KvDescriptor[] blocks = {one.offer(0), two.offer(0), one.offer(1)};

            assertThat(Await.value(puller.acknowledge(blocks))).isEqualTo(3);
            assertThat(Await.value(puller.acknowledge())).isZero();
        }
    }

    @Test
    void shouldStayValidProtobufForAReceiverOfPlainMessages() throws Exception {
        try (Holder holder = Holder.small()) {
            KvDescriptor d = holder.offer(0);
            ManagedChannel channel = NettyChannelBuilder.forTarget(d.getHolderAddress())
                    .usePlaintext()
                    .build();
            try {
                // When
                var frames = KvTransferServiceGrpc.newBlockingStub(channel)
                        .pull(PullRequest.newBuilder()
                                .setBlock(d)
                                .setReceiver(Holder.RECEIVER)
                                .build());

                // Then
                var bytes = new ByteArrayOutputStream();
                while (frames.hasNext()) {
                    PullResponse frame = frames.next();
                    assertThat(frame.getUnknownFields().asMap()).isEmpty();
                    frame.getRows().writeTo(bytes);
                }
                assertThat(bytes.toByteArray()).isEqualTo(Holder.rows(d).toArray(ValueLayout.JAVA_BYTE));
            } finally {
                channel.shutdownNow();
            }
        }
    }

    @Test
    void shouldReadFramesOfAHolderOfPlainMessages() throws Exception {
        try (var holder = new FakeHolder(Layouts.of(256), (rows, out) -> {
                    out.onNext(FakeHolder.frame(rows, 0, 1));
                    out.onNext(FakeHolder.frame(rows, 1, 50_000));
                    out.onNext(FakeHolder.frame(rows, 50_000, rows.length));
                    out.onCompleted();
                });
                var puller = new KvPuller(Holder.config(), Holder.RECEIVER, holder.layout)) {
            KvDescriptor d = holder.describe(0);
            MemorySegment target = Holder.target(d);

            Await.value(puller.pull(d, target));

            assertSameRows(target, d);
        }
    }

    @Test
    void shouldRefuseAtTheHolderWhatItDidNotGiveOut() throws Exception {
        try (Holder holder = Holder.small();
                KvPuller puller = holder.puller()) {
            KvDescriptor d = holder.offer(0);
            MemorySegment t = Holder.target(d);

            assertRefused(
                    ErrorCode.EPOCH_MISMATCH,
                    puller.pull(d.toBuilder().setHolderEpoch(1).build(), t));
            assertRefused(
                    ErrorCode.DESCRIPTOR_REFUSED,
                    puller.pull(d.toBuilder().setAttempt(2).build(), t));
            assertRefused(
                    ErrorCode.BLOCK_NOT_FOUND,
                    puller.pull(d.toBuilder().setLeaseId(d.getLeaseId() + 1).build(), t));
            assertRefused(
                    ErrorCode.DESCRIPTOR_REFUSED,
                    puller.pull(d.toBuilder().setCrc32C(d.getCrc32C() ^ 1).build(), t));
            assertThat(holder.service.stats().sentBytes()).isZero();
            assertThat(holder.service.stats().openPulls()).isZero();
            assertThat(holder.service.stats().refused())
                    .containsEntry(ErrorCode.DESCRIPTOR_REFUSED, 2L)
                    .containsEntry(ErrorCode.EPOCH_MISMATCH, 1L)
                    .containsEntry(ErrorCode.BLOCK_NOT_FOUND, 1L);
            assertThat(puller.stats().failed())
                    .containsEntry(ErrorCode.DESCRIPTOR_REFUSED, 2L)
                    .containsEntry(ErrorCode.EPOCH_MISMATCH, 1L)
                    .containsEntry(ErrorCode.BLOCK_NOT_FOUND, 1L);
        }
    }

    @Test
    void shouldRefuseAReceiverThatPullsUnderAnotherName() throws Exception {
        try (Holder holder = Holder.small();
                var pull = new RawPull(holder.offer(0), "decode-1")) {
            assertThat(Await.value(pull.closed).getCode()).isEqualTo(Status.Code.PERMISSION_DENIED);
        }
    }

    @Test
    void shouldRefuseBeforeAskingWhatIsNotForThisReceiver() throws Exception {
        try (Holder holder = Holder.small();
                KvPuller puller = holder.puller()) {
            // Given
            KvDescriptor d = holder.offer(0);
            KvLayout other = Layouts.transposed(holder.layout);
            MemorySegment t = Holder.target(d);
            try (var stranger = new KvPuller(Holder.config(), "decode-1", holder.layout);
                    var transposed = new KvPuller(Holder.config(), Holder.RECEIVER, other)) {
                // When / Then
                assertRefused(ErrorCode.RECEIVER_MISMATCH, stranger.pull(d, t));
                assertRefused(ErrorCode.LAYOUT_MISMATCH, transposed.pull(d, t));
            }
            assertRefused(
                    ErrorCode.DESCRIPTOR_REFUSED,
                    puller.pull(d.toBuilder().setSizeBytes(1).build(), t));
            assertRefused(
                    ErrorCode.DESCRIPTOR_REFUSED,
                    puller.pull(d.toBuilder().setHolderAddress("nowhere").build(), t));
            assertThatThrownBy(() -> puller.pull(d, t.asSlice(8))).hasMessageContaining("65536 bytes, not 65528");
            assertThatThrownBy(() -> puller.pull(d, t.asReadOnly())).hasMessageContaining("must be writable");
            assertThat(holder.service.stats().refused()).isEmpty();
        }
    }

    static void assertRefused(ErrorCode code, CompletableFuture<?> pull) {
        assertThatThrownBy(() -> Await.value(pull))
                .cause()
                .isInstanceOfSatisfying(
                        BatonException.class, e -> assertThat(e.code()).isEqualTo(code));
    }
}
