package io.baton.kv.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.kv.block.BlockName;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class BlockStoreTest {
    private static final long BLOCK = 1024;

    private final BlockStore store = new BlockStore(4 * BLOCK, 2 * BLOCK, Arena.ofAuto());

    private static BlockName name(int n) {
        return new BlockName(n, 0, 0, 0);
    }

    private BlockRef put(int n) {
        BlockRef ref = store.allocate(name(n), BLOCK);
        Patterns.fill(ref.rows(), n);
        ref.publish(n);
        return ref;
    }

    @Test
    void shouldFindABlockOnceItIsPublished() {
        // Given
        BlockRef ref = store.allocate(name(1), BLOCK);
        assertThat(store.find(name(1))).isEmpty();

        // When
        Patterns.fill(ref.rows(), 1);
        assertThat(ref.publish(77)).isTrue();
        ref.close();

        // Then
        try (BlockRef found = store.find(name(1)).orElseThrow()) {
            Patterns.check(found.rows(), 1);
            assertThat(found.crc32c()).isEqualTo(77);
            assertThat(found.name()).contains(name(1));
            assertThat(found.byteSize()).isEqualTo(BLOCK);
        }
        assertThat(store.stats()).isEqualTo(new BlockStoreStats(4 * BLOCK, BLOCK, 0, 1, 0, 1, 1, 1, 0));
    }

    @Test
    void shouldKeepWhatIsHeldAndEvictWhatWasNotUsedForTheLongestTime() {
        // Given blocks 1…4, of which 1 is held and 2 was used after 3 and 4
        BlockRef held = put(1);
        for (int n = 2; n <= 4; n++) {
            put(n).close();
        }
        store.find(name(2)).orElseThrow().close();

        // When room for two more is needed
        put(5).close();
        put(6).close();

        // Then
        assertThat(store.countLeading(List.of(name(1), name(2), name(5), name(6))))
                .isEqualTo(4);
        assertThat(store.countLeading(List.of(name(3)))).isZero();
        assertThat(store.countLeading(List.of(name(4)))).isZero();
        assertThat(store.stats().evictions()).isEqualTo(2);
        Patterns.check(held.rows(), 1);
        held.close();
    }

    @Test
    void shouldCountOnlyLeadingBlocksAndPinNothing() {
        put(1).close();
        put(3).close();

        assertThat(store.countLeading(List.of(name(1), name(2), name(3)))).isEqualTo(1);
        assertThat(store.countLeading(List.of())).isZero();
        assertThat(store.stats().pinnedBytes()).isZero();
    }

    @Test
    void shouldRefuseWithKvFullWhenEverythingIsHeldAndEvictNothing() {
        // Given one block in the cache and three held
        put(1).close();
        List<BlockRef> held = List.of(put(2), put(3), put(4));

        // When / Then
        assertThatThrownBy(() -> store.allocate(name(5), 2 * BLOCK))
                .isInstanceOfSatisfying(
                        BatonException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.KV_FULL))
                .hasMessageContaining("3072 of 4096 bytes are pinned");
        assertThat(store.countLeading(List.of(name(1)))).isEqualTo(1);

        // When one is given back, then there is room
        held.get(0).close();
        held.get(1).close();
        store.allocate(name(5), 2 * BLOCK).close();
        held.get(2).close();
        assertThat(store.stats().pinnedBytes()).isZero();
    }

    @Test
    void shouldSayThatABlockNeverFits() {
        assertThatThrownBy(() -> store.allocate(null, 5 * BLOCK))
                .isInstanceOf(BatonException.class)
                .hasMessageContaining("never fits the block store of 4096 bytes");
    }

    @Test
    void shouldKeepTheFirstOfTwoBlocksOfOneName() {
        // Given two who computed the same block at the same time
        BlockRef first = store.allocate(name(1), BLOCK);
        BlockRef second = store.allocate(name(1), BLOCK);
        Patterns.fill(first.rows(), 1);
        Patterns.fill(second.rows(), 2);

        // When
        assertThat(first.publish(1)).isTrue();
        assertThat(second.publish(2)).isFalse();

        // Then each still has its own rows, and others find the first
        Patterns.check(second.rows(), 2);
        assertThat(second.crc32c()).isEqualTo(2);
        try (BlockRef found = store.find(name(1)).orElseThrow()) {
            Patterns.check(found.rows(), 1);
        }
        second.close();
        first.close();
        assertThat(store.stats().usedBytes()).isEqualTo(BLOCK);
    }

    @Test
    void shouldFreeATailWithItsLastPin() {
        BlockRef tail = store.allocate(null, 100);
        tail.publish(1);
        BlockRef other = tail.retain();

        tail.close();
        assertThat(store.stats().usedBytes()).isEqualTo(100);
        other.close();
        assertThat(store.stats().usedBytes()).isZero();
        assertThat(tail.name()).isEqualTo(Optional.empty());
    }

    @Test
    void shouldFreeABlockThatIsGivenUpUnpublished() {
        store.allocate(name(1), BLOCK).close();

        assertThat(store.stats().usedBytes()).isZero();
        assertThat(store.find(name(1))).isEmpty();
    }

    @Test
    void shouldCountAPinOnceHoweverOftenItIsClosed() {
        // Given
        BlockRef a = put(1);
        BlockRef b = a.retain();

        // When
        a.close();
        a.close();

        // Then the other still holds
        assertThat(store.stats().pinnedBytes()).isEqualTo(BLOCK);
        b.close();
        assertThat(store.stats().pinnedBytes()).isZero();
    }

    @Test
    void shouldRefuseToUseAClosedPin() {
        BlockRef ref = put(1);
        ref.close();

        assertThatThrownBy(ref::rows).hasMessageContaining("was closed");
        assertThatThrownBy(ref::retain).hasMessageContaining("was closed");
    }

    @Test
    void shouldLetNobodyWriteToAPublishedBlock() {
        BlockRef ref = put(1);

        assertThat(ref.rows().isReadOnly()).isTrue();
        assertThatThrownBy(() -> ref.publish(1)).hasMessageContaining("published already");
        ref.close();
    }

    @Test
    void shouldHaveNoChecksumBeforeItIsPublished() {
        try (BlockRef ref = store.allocate(name(1), BLOCK)) {
            assertThatThrownBy(ref::crc32c).hasMessageContaining("not published");
        }
    }

    @Test
    void shouldUseItsWholeCapacityForBlocksOfOneSizeBesideTails() {
        // Given a store for eight blocks of an odd size, and a tail that comes and goes
        long odd = 1000;
        long stored = 1024;
        var s = new BlockStore(8 * stored, 2 * stored, Arena.ofAuto());
        BlockRef tail = s.allocate(null, 500);
        List<BlockRef> held = new ArrayList<>();
        for (int i = 0; i < 7; i++) {
            held.add(s.allocate(name(i), odd));
        }

        // When
        tail.close();

        // Then
        held.add(s.allocate(name(8), odd));
        assertThatThrownBy(() -> s.allocate(name(9), odd)).isInstanceOf(BatonException.class);
        held.forEach(BlockRef::close);
    }

    @Test
    void shouldReuseTheMemoryOfWhatItEvicts() {
        // Given
        BlockRef first = put(0);
        MemorySegment rows = first.rows();
        first.close();

        // When a hundred more blocks pass through
        for (int n = 1; n <= 100; n++) {
            put(n).close();
        }

        // Then the arena was asked for no more than the capacity
        BlockStoreStats stats = store.stats();
        assertThat(stats.usedBytes()).isEqualTo(4 * BLOCK);
        assertThat(stats.evictions()).isEqualTo(97);
        assertThat(store.find(name(0))).isEmpty();
        assertThat(rows.byteSize()).isEqualTo(BLOCK);
    }
}
