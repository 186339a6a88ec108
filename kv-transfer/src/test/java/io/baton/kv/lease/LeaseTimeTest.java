package io.baton.kv.lease;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.baton.engine.KvLayout;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.kv.Layouts;
import io.baton.kv.block.BlockName;
import io.baton.kv.key.DescriptorSigner;
import io.baton.kv.key.Keys;
import io.baton.kv.store.BlockRef;
import io.baton.kv.store.BlockStore;
import io.baton.kv.v1.KvDescriptor;
import java.lang.foreign.Arena;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class LeaseTimeTest {
    private static final KvLayout LAYOUT = Layouts.of(64);
    private static final int TOKENS = 16;
    private static final long BYTES = LAYOUT.bytes(TOKENS);
    private static final long EPOCH = 99;
    private static final Duration TIME = Duration.ofSeconds(30);
    private static final long NANOS = TIME.toNanos();

    private long now = 1000;
    private final BlockStore store = new BlockStore(16 * BYTES, 16 * BYTES, Arena.ofAuto());
    private final LeaseTable table = new LeaseTable(
            () -> "holder:9000",
            EPOCH,
            LeaseLimits.defaults().withLeaseTime(TIME),
            new DescriptorSigner(() -> Keys.of("k")),
            () -> now);
    private final Lease lease = table.open("r1", 2, "tenant", "decode-0");

    private KvDescriptor offer(Lease to, int index) {
        try (BlockRef ref = store.allocate(new BlockName(index, 1, 2, 3), BYTES)) {
            ref.publish(0);
            return to.offer(index, index * TOKENS, (index + 1) * TOKENS, ref, LAYOUT);
        }
    }

    private void assertRefused(ErrorCode code, KvDescriptor d) {
        assertThatThrownBy(() -> table.read(d, d.getReceiver(), () -> {}))
                .isInstanceOfSatisfying(
                        BatonException.class, e -> assertThat(e.code()).isEqualTo(code));
    }

    @Test
    void shouldGiveBlocksUpThatNobodyAskedForInTime() {
        // Given
        KvDescriptor d = offer(lease, 0);
        AtomicInteger told = new AtomicInteger();
        lease.onExpired(told::incrementAndGet);
        assertThat(d.getLeaseUs()).isEqualTo(30_000_000);

        // When
        now += NANOS - 1;
        assertThat(table.expire()).isZero();
        now += 1;
        assertThat(table.expire()).isEqualTo(1);

        // Then
        assertThat(store.stats().pinnedBytes()).isZero();
        assertThat(told).hasValue(1);
        assertThat(lease.drained()).isDone();
        assertThat(table.expired()).isEqualTo(1);
        assertThat(table.expire()).isZero();
        assertRefused(ErrorCode.LEASE_EXPIRED, d);
        assertThatThrownBy(() -> offer(lease, 1))
                .isInstanceOfSatisfying(
                        BatonException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.LEASE_EXPIRED));
    }

    @Test
    void shouldStayOpenForAReceiverThatRenews() {
        // Given
        KvDescriptor d = offer(lease, 0);
        for (int i = 0; i < 10; i++) {
            // When
            now += NANOS - 1;
            assertThat(table.renew(EPOCH, "decode-0", List.of(lease.id(), 5L))).containsExactly(5L);
            // Then
            assertThat(table.expire()).isZero();
        }
        assertThat(table.renewed()).isEqualTo(10);
        table.read(d, "decode-0", () -> {}).close();
    }

    @Test
    void shouldNotBeRenewedByAnotherReceiverNorOfAnotherEpoch() {
        // Given
        offer(lease, 0);
        now += NANOS;
        // When
        assertThat(table.renew(EPOCH, "decode-1", List.of(lease.id()))).containsExactly(lease.id());
        assertThatThrownBy(() -> table.renew(EPOCH + 1, "decode-0", List.of(lease.id())))
                .isInstanceOfSatisfying(
                        BatonException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.EPOCH_MISMATCH));
        // Then
        assertThat(table.expire()).isEqualTo(1);
    }

    @Test
    void shouldNotRunOutWhileSomebodyReadsNorWhereNothingIsPinned() {
        // Given
        KvDescriptor d = offer(lease, 0);
        BlockRead read = table.read(d, "decode-0", () -> {});
        now += 10 * NANOS;
        // When / Then
        assertThat(table.expire()).isZero();
        read.close();
        assertThat(table.expire()).as("the read renewed it").isZero();
        now += NANOS;
        assertThat(table.expire()).isEqualTo(1);

        // Given: a lease whose prompt is still being computed
        table.open("r2", 1, "tenant", "decode-0");
        now += 10 * NANOS;
        assertThat(table.expire()).isZero();
    }

    @Test
    void shouldSayWhyADescriptorIsGoodNoMore() {
        // Given
        KvDescriptor spent = offer(lease, 0);
        KvDescriptor other = offer(lease, 1);
        lease.acknowledge(List.of(0));
        // Then: spent while the lease is open, and after its end
        assertRefused(ErrorCode.BLOCK_SPENT, spent);
        lease.seal();
        lease.acknowledge(List.of(1));
        assertThat(lease.drained()).isDone();
        assertRefused(ErrorCode.BLOCK_SPENT, other);

        // Given: one that was given up
        Lease closed = table.open("r3", 1, "tenant", "decode-0");
        KvDescriptor gone = offer(closed, 3);
        closed.close();
        assertRefused(ErrorCode.BLOCK_NOT_FOUND, gone);
    }

    @Test
    void shouldRememberOnlySoManyThatEnded() {
        // Given
        LeaseTable small = new LeaseTable(
                () -> "h:1", EPOCH, new LeaseLimits(10, 10, TIME, 1), DescriptorSigner.unsigned(), () -> now);
        Lease first = small.open("a", 1, "", "d");
        KvDescriptor old = offer(first, 0);
        Lease second = small.open("b", 1, "", "d");
        KvDescriptor young = offer(second, 1);
        now += NANOS;
        // When
        assertThat(small.expire()).isEqualTo(2);
        // Then: one is told why, the other only that there is nothing
        List<ErrorCode> codes = List.of(old, young).stream()
                .map(d -> {
                    try {
                        small.read(d, "d", () -> {});
                        throw new AssertionError("a read under a lease that has run out");
                    } catch (BatonException e) {
                        return e.code();
                    }
                })
                .toList();
        assertThat(codes).containsExactlyInAnyOrder(ErrorCode.LEASE_EXPIRED, ErrorCode.BLOCK_NOT_FOUND);
    }
}
