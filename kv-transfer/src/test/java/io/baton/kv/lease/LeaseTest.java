package io.baton.kv.lease;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.ByteString;
import io.baton.engine.KvLayout;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.kv.Layouts;
import io.baton.kv.block.BlockName;
import io.baton.kv.block.Checksums;
import io.baton.kv.block.Descriptors;
import io.baton.kv.key.KvKeys;
import io.baton.kv.store.BlockRef;
import io.baton.kv.store.BlockStore;
import io.baton.kv.v1.AcknowledgeRequest;
import io.baton.kv.v1.KvDescriptor;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class LeaseTest {
    private static final KvLayout LAYOUT = Layouts.of(64);
    private static final int TOKENS = 16;
    private static final long BYTES = LAYOUT.bytes(TOKENS);
    private static final long EPOCH = 99;

    private final BlockStore store = new BlockStore(16 * BYTES, 16 * BYTES, Arena.ofAuto());
    private final LeaseTable table = new LeaseTable("holder:9000", EPOCH);
    private final Lease lease = table.open("r1", 2, "tenant", "decode-0");

    private KvDescriptor offer(Lease to, int index) {
        try (BlockRef ref = store.allocate(new BlockName(index, 1, 2, 3), BYTES)) {
            ref.rows().fill((byte) index);
            ref.publish(Checksums.crc32c(ref.rows()));
            return to.offer(index, index * TOKENS, (index + 1) * TOKENS, ref, LAYOUT);
        }
    }

    private BlockRead read(KvDescriptor d) {
        return table.read(d, d.getReceiver(), _ -> {});
    }

    private static void assertRefused(ErrorCode code, Runnable action) {
        assertThatThrownBy(action::run)
                .isInstanceOfSatisfying(
                        BatonException.class, e -> assertThat(e.code()).isEqualTo(code));
    }

    @Test
    void shouldDescribeABlockSoThatItsReceiverAcceptsIt() {
        KvDescriptor d = offer(lease, 3);

        Descriptors.check(d, KvKeys.none(), LAYOUT, "decode-0", new BlockName(3, 1, 2, 3), 48, 64, "tenant", "r1");
        assertThat(d.getHolderAddress()).isEqualTo("holder:9000");
        assertThat(d.getHolderEpoch()).isEqualTo(EPOCH);
        assertThat(d.getLeaseId()).isEqualTo(lease.id());
        assertThat(d.getTenant()).isEqualTo("tenant");
        assertThat(d.getAttempt()).isEqualTo(2);
        assertThat(d.getSignature()).isEqualTo(ByteString.EMPTY);
    }

    @Test
    void shouldKeepABlockPinnedUntilItIsAcknowledged() {
        // Given
        offer(lease, 0);
        offer(lease, 1);
        assertThat(store.stats().pinnedBytes()).isEqualTo(2 * BYTES);
        assertThat(lease.unacknowledgedBytes()).isEqualTo(2 * BYTES);

        // When
        int released = lease.acknowledge(List.of(0, 7));

        // Then
        assertThat(released).isEqualTo(1);
        assertThat(lease.acknowledge(List.of(0))).isZero();
        assertThat(lease.unacknowledgedBlocks()).isEqualTo(1);
        assertThat(store.stats().pinnedBytes()).isEqualTo(BYTES);
        lease.close();
        assertThat(store.stats().pinnedBytes()).isZero();
    }

    @Test
    void shouldGiveTheLastBlocksUpFirst() {
        // Given three blocks of a prompt, and a store that has room for nothing else
        BlockStore small = new BlockStore(3 * BYTES, 3 * BYTES, Arena.ofAuto());
        for (int i = 0; i < 3; i++) {
            try (BlockRef ref = small.allocate(new BlockName(i, 0, 0, 0), BYTES)) {
                ref.publish(0);
                lease.offer(i, i, i + TOKENS, ref, LAYOUT);
            }
        }

        // When the lease ends and one block must make room
        lease.close();
        small.allocate(null, BYTES).close();

        // Then the beginning of the prompt is still there
        assertThat(small.countLeading(List.of(new BlockName(0, 0, 0, 0), new BlockName(1, 0, 0, 0))))
                .isEqualTo(2);
    }

    @Test
    void shouldBeDrainedWhenSealedAndNothingIsPinnedOrReadAnyMore() {
        // Given
        KvDescriptor d = offer(lease, 0);
        CompletableFuture<Void> drained = lease.drained();
        BlockRead read = read(d);

        // When
        lease.acknowledge(List.of(0));
        assertThat(drained).isNotDone();
        lease.seal();
        assertThat(drained).isNotDone();
        assertThat(store.stats().pinnedBytes()).isEqualTo(BYTES);
        read.close();

        // Then
        assertThat(drained).isCompleted();
        assertThat(store.stats().pinnedBytes()).isZero();
        assertThat(table.stats()).isEqualTo(new LeaseStats(0, 0, 0, 0, 0, 0));
    }

    @Test
    void shouldBeDrainedAtOnceWhenAnEmptyLeaseIsSealedOrClosed() {
        lease.seal();
        assertThat(lease.drained()).isCompleted();

        Lease other = table.open("r2", 1, "", "decode-0");
        other.close();
        other.close();
        assertThat(other.drained()).isCompleted();
    }

    @Test
    void shouldWakeWhoWaitsForRoom() {
        // Given
        var woken = new AtomicInteger();
        offer(lease, 0);
        offer(lease, 1);
        lease.onRelease(() -> {
            // Then the bytes are already given back when the listener asks
            if (lease.unacknowledgedBytes() < 2 * BYTES) {
                woken.incrementAndGet();
            }
        });

        // When
        lease.acknowledge(List.of(0));
        lease.acknowledge(List.of(0));
        lease.close();

        // Then
        assertThat(woken).hasValue(2);
    }

    @Test
    void shouldRevokeReadsOfABlockThatIsGivenUpAndKeepItsRowsUntilTheyEnd() {
        // Given a read of each of two blocks
        var revoked = new AtomicInteger();
        BlockRead zero = table.read(offer(lease, 0), "decode-0", _ -> revoked.incrementAndGet());
        BlockRead one = table.read(offer(lease, 1), "decode-0", _ -> revoked.addAndGet(100));

        // When
        lease.acknowledge(List.of(1));
        assertThat(revoked).hasValue(100);
        lease.close();

        // Then
        assertThat(revoked).hasValue(101);
        assertThat(zero.rows().get(java.lang.foreign.ValueLayout.JAVA_BYTE, 0)).isZero();
        assertThat(one.rows().get(java.lang.foreign.ValueLayout.JAVA_BYTE, 0)).isEqualTo((byte) 1);
        assertThat(store.stats().pinnedBytes()).isEqualTo(2 * BYTES);
        zero.close();
        one.close();
        one.close();
        assertThat(store.stats().pinnedBytes()).isZero();
        assertThat(lease.drained()).isCompleted();
    }

    static List<Arguments> wrong() {
        return List.of(
                wrong("another epoch", ErrorCode.EPOCH_MISMATCH, b -> b.setHolderEpoch(EPOCH + 1)),
                wrong("another lease", ErrorCode.BLOCK_NOT_FOUND, b -> b.setLeaseId(b.getLeaseId() + 1)),
                wrong("another block", ErrorCode.BLOCK_NOT_FOUND, b -> b.setBlockIndex(5)),
                wrong("another kind", ErrorCode.DESCRIPTOR_REFUSED, KvDescriptor.Builder::clearKind),
                wrong("another receiver", ErrorCode.RECEIVER_MISMATCH, b -> b.setReceiver("decode-1")),
                wrong("another request", ErrorCode.DESCRIPTOR_REFUSED, b -> b.setRequestId("r2")),
                wrong("another tenant", ErrorCode.TENANT_MISMATCH, b -> b.setTenant("")),
                wrong("an older attempt", ErrorCode.DESCRIPTOR_REFUSED, b -> b.setAttempt(1)),
                wrong("a newer attempt", ErrorCode.DESCRIPTOR_REFUSED, b -> b.setAttempt(3)),
                wrong(
                        "another layout",
                        ErrorCode.LAYOUT_MISMATCH,
                        b -> b.setLayout(Descriptors.toProto(Layouts.transposed(LAYOUT)))),
                wrong("another range", ErrorCode.DESCRIPTOR_REFUSED, b -> b.setTokenEnd(b.getTokenEnd() + 1)),
                wrong("another size", ErrorCode.DESCRIPTOR_REFUSED, b -> b.setSizeBytes(b.getSizeBytes() + 1)),
                wrong("another name", ErrorCode.DESCRIPTOR_REFUSED, KvDescriptor.Builder::clearBlockName),
                wrong("another checksum", ErrorCode.DESCRIPTOR_REFUSED, b -> b.setCrc32C(b.getCrc32C() + 1)),
                wrong("another address", ErrorCode.DESCRIPTOR_REFUSED, b -> b.setHolderAddress("other:1")),
                wrong("a key", ErrorCode.SIGNATURE_INVALID, b -> b.setKeyId("k")),
                wrong("a signature", ErrorCode.SIGNATURE_INVALID, b -> b.setSignature(ByteString.copyFromUtf8("s"))));
    }

    private static Arguments wrong(String what, ErrorCode code, Consumer<KvDescriptor.Builder> change) {
        return Arguments.of(what, code, change);
    }

    @ParameterizedTest(name = "{0}: {1}")
    @MethodSource("wrong")
    void shouldRefuseADescriptorWith(String what, ErrorCode code, Consumer<KvDescriptor.Builder> change) {
        // Given
        KvDescriptor.Builder b = offer(lease, 0).toBuilder();
        change.accept(b);

        // When / Then
        assertRefused(code, () -> read(b.build()).close());
        assertThat(table.stats().openReads()).isZero();
    }

    @Test
    void shouldRefuseAReceiverThatIsNotTheOneNamed() {
        KvDescriptor d = offer(lease, 0);

        assertRefused(
                ErrorCode.RECEIVER_MISMATCH,
                () -> table.read(d, "decode-1", _ -> {}).close());
    }

    @Test
    void shouldNotFindABlockAfterItWasGivenBack() {
        KvDescriptor d = offer(lease, 0);
        read(d).close();
        read(d).close();
        lease.acknowledge(List.of(0));
        assertRefused(ErrorCode.BLOCK_SPENT, () -> read(d).close());
        lease.close();
        assertRefused(ErrorCode.BLOCK_SPENT, () -> read(d).close());
    }

    @Test
    void shouldLetOnlyItsReceiverGiveBlocksBack() {
        // Given
        offer(lease, 0);
        AcknowledgeRequest good = AcknowledgeRequest.newBuilder()
                .setLeaseId(lease.id())
                .setHolderEpoch(EPOCH)
                .setRequestId("r1")
                .setReceiver("decode-0")
                .addBlockIndexes(0)
                .build();

        // When / Then
        assertRefused(
                ErrorCode.RECEIVER_MISMATCH,
                () -> table.acknowledge(good.toBuilder().setReceiver("decode-1").build()));
        assertRefused(
                ErrorCode.DESCRIPTOR_REFUSED,
                () -> table.acknowledge(good.toBuilder().setRequestId("r2").build()));
        assertThat(table.acknowledge(good.toBuilder().setHolderEpoch(1).build()))
                .isZero();
        assertThat(table.acknowledge(good.toBuilder().setLeaseId(1).build())).isZero();
        assertThat(lease.unacknowledgedBlocks()).isEqualTo(1);
        assertThat(table.acknowledge(good)).isEqualTo(1);
        assertThat(table.acknowledge(good)).isZero();
    }

    @Test
    void shouldRefuseBlocksAfterItsEnd() {
        lease.close();

        assertRefused(ErrorCode.CANCELLED, () -> offer(lease, 0));
        assertThat(store.stats().pinnedBytes()).isZero();
    }

    @Test
    void shouldRefuseABlockTwiceAndOfAnotherSize() {
        offer(lease, 0);

        assertThatThrownBy(() -> offer(lease, 0)).hasMessageContaining("twice");
        try (BlockRef ref = store.allocate(null, BYTES)) {
            ref.publish(0);
            assertThatThrownBy(() -> lease.offer(1, 0, TOKENS + 1, ref, LAYOUT)).hasMessageContaining("cannot have");
        }
    }

    @Test
    void shouldHoldItsLimits() {
        // Given
        var small = new LeaseTable(() -> "h:1", EPOCH, new LeaseLimits(1, 1, LeaseLimits.DEFAULT_LEASE_TIME));
        Lease only = small.open("r", 1, "", "d");

        // When / Then
        assertRefused(ErrorCode.QUEUE_FULL, () -> small.open("r2", 1, "", "d").close());
        offer(only, 0);
        assertRefused(ErrorCode.KV_FULL, () -> offer(only, 1));
        only.close();
        small.open("r2", 1, "", "d").close();
        assertThat(store.stats().pinnedBytes()).isZero();
    }
}
