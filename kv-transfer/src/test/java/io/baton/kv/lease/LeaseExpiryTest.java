package io.baton.kv.lease;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.baton.engine.KvLayout;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.kv.Layouts;
import io.baton.kv.block.BlockName;
import io.baton.kv.key.KvKeys;
import io.baton.kv.store.BlockRef;
import io.baton.kv.store.BlockStore;
import io.baton.kv.v1.KvDescriptor;
import java.lang.foreign.Arena;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class LeaseExpiryTest {
    private static final KvLayout LAYOUT = Layouts.of(64);
    private static final int TOKENS = 16;
    private static final long BYTES = LAYOUT.bytes(TOKENS);
    private static final long EPOCH = 99;
    private static final long LEASE = Duration.ofSeconds(30).toNanos();

    private final AtomicLong clock = new AtomicLong(Long.MAX_VALUE - LEASE / 2);
    private final BlockStore store = new BlockStore(16 * BYTES, 16 * BYTES, Arena.ofAuto());
    private final LeaseTable table =
            new LeaseTable(() -> "holder:9000", EPOCH, LeaseLimits.defaults(), KvKeys::none, clock::get);
    private final Lease lease = table.open("r1", 1, "", "decode-0");

    private KvDescriptor offer(int index) {
        try (BlockRef ref = store.allocate(new BlockName(index, 1, 2, 3), BYTES)) {
            ref.publish(7);
            return lease.offer(index, index * TOKENS, (index + 1) * TOKENS, ref, LAYOUT);
        }
    }

    private void pass(double leases) {
        clock.addAndGet((long) (leases * LEASE));
        table.expire();
    }

    private void assertRefused(ErrorCode code, KvDescriptor d) {
        assertThatThrownBy(() -> table.read(d, "decode-0", _ -> {}).close())
                .isInstanceOfSatisfying(
                        BatonException.class, e -> assertThat(e.code()).isEqualTo(code));
    }

    @Test
    void shouldFreeItsPinsWhenNobodyRenewsIt() {
        // Given
        KvDescriptor d = offer(0);
        offer(1);
        AtomicInteger told = new AtomicInteger();
        lease.onExpired(told::incrementAndGet);

        // When
        pass(0.99);
        assertThat(store.stats().pinnedBytes()).isEqualTo(2 * BYTES);
        pass(0.01);

        // Then
        assertThat(store.stats().pinnedBytes()).isZero();
        assertThat(table.stats()).isEqualTo(new LeaseStats(0, 0, 0, 0, 0, 1));
        assertThat(told).hasValue(1);
        assertThat(lease.drained()).isCompleted();
        assertRefused(ErrorCode.LEASE_EXPIRED, d);
        assertThat(table.renew(EPOCH, lease.id(), "decode-0")).isFalse();
        assertThatThrownBy(() -> offer(2))
                .isInstanceOfSatisfying(
                        BatonException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.LEASE_EXPIRED));
        assertThat(store.stats().pinnedBytes()).isZero();
    }

    @Test
    void shouldTellWhoAsksLateThatItRanOut() {
        pass(2);
        offer(0);
        pass(1);
        AtomicInteger told = new AtomicInteger();
        lease.onExpired(told::incrementAndGet);
        assertThat(told).hasValue(1);
    }

    @Test
    void shouldLiveWhileItsReceiverRenewsIt() {
        KvDescriptor d = offer(0);
        for (int i = 0; i < 10; i++) {
            pass(0.9);
            assertThat(table.renew(EPOCH, lease.id(), "decode-0")).isTrue();
        }
        table.read(d, "decode-0", _ -> {}).close();
        assertThat(table.stats().renewed()).isEqualTo(10);
        assertThat(table.stats().expired()).isZero();
    }

    @Test
    void shouldBeginAnewWithEveryOfferPullAndAcknowledgement() {
        KvDescriptor d = offer(0);
        pass(0.9);
        offer(1);
        pass(0.9);
        table.read(d, "decode-0", _ -> {}).close();
        pass(0.9);
        lease.acknowledge(List.of(1));
        pass(0.9);
        assertThat(store.stats().pinnedBytes()).isEqualTo(BYTES);
        pass(0.1);
        assertThat(store.stats().pinnedBytes()).isZero();
    }

    @Test
    void shouldNotRunWhileItPinsNothing() {
        pass(5);
        KvDescriptor d = offer(0);
        lease.acknowledge(List.of(0));
        pass(5);
        offer(1);
        pass(0.5);
        assertThat(table.stats().pinnedBlocks()).isEqualTo(1);
        assertRefused(ErrorCode.BLOCK_SPENT, d);
    }

    @Test
    void shouldKeepTheBytesOfAReadUntilItEndsAndRevokeIt() {
        // Given
        KvDescriptor d = offer(0);
        List<ErrorCode> revoked = new ArrayList<>();
        BlockRead read = table.read(d, "decode-0", e -> revoked.add(e.code()));

        // When
        pass(1);

        // Then
        assertThat(revoked).containsExactly(ErrorCode.LEASE_EXPIRED);
        assertThat(store.stats().pinnedBytes()).isEqualTo(BYTES);
        assertThat(lease.drained()).isNotCompleted();
        assertThat(read.rows().byteSize()).isEqualTo(BYTES);
        assertRefused(ErrorCode.LEASE_EXPIRED, d);
        read.close();
        assertThat(store.stats().pinnedBytes()).isZero();
        assertThat(lease.drained()).isCompleted();
    }

    @Test
    void shouldRefuseAReadThatComesBetweenTheEndOfTheTimeAndTheSweep() {
        KvDescriptor d = offer(0);
        clock.addAndGet(LEASE);
        assertRefused(ErrorCode.LEASE_EXPIRED, d);
        assertThat(store.stats().pinnedBytes()).isZero();
    }

    @Test
    void shouldLetOnlyItsReceiverRenewIt() {
        offer(0);
        assertThatThrownBy(() -> table.renew(EPOCH, lease.id(), "decode-1"))
                .isInstanceOfSatisfying(
                        BatonException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.RECEIVER_MISMATCH));
        assertThat(table.renew(EPOCH + 1, lease.id(), "decode-0")).isFalse();
        assertThat(table.renew(EPOCH, lease.id() + 1, "decode-0")).isFalse();
    }

    @Test
    void shouldForgetTheEldestOfTheLeasesThatEnded() {
        // Given
        var small = new LeaseTable(
                () -> "h:1", EPOCH, new LeaseLimits(2, 1, Duration.ofSeconds(1)), KvKeys::none, clock::get);
        List<KvDescriptor> given = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            Lease one = small.open("r" + i, 1, "", "decode-0");
            try (BlockRef ref = store.allocate(null, BYTES)) {
                ref.publish(7);
                given.add(one.offer(0, 0, TOKENS, ref, LAYOUT));
            }
            one.acknowledge(List.of(0));
            one.seal();
        }

        // Then
        for (int i = 0; i < 3; i++) {
            KvDescriptor d = given.get(i);
            ErrorCode expected = i == 0 ? ErrorCode.BLOCK_NOT_FOUND : ErrorCode.BLOCK_SPENT;
            assertThatThrownBy(() -> small.read(d, "decode-0", _ -> {}).close())
                    .isInstanceOfSatisfying(
                            BatonException.class, e -> assertThat(e.code()).isEqualTo(expected));
        }
    }
}
