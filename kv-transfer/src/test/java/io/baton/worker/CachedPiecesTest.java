package io.baton.worker;

import static org.assertj.core.api.Assertions.assertThat;

import io.baton.engine.KvLayout;
import io.baton.kv.block.BlockName;
import io.baton.kv.block.BlockNames;
import io.baton.kv.store.BlockRef;
import io.baton.kv.store.BlockStore;
import io.baton.worker.v1.CacheReport;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class CachedPiecesTest {
    private static final int BLOCK = 16;
    private static final long BYTES = 1024;
    private static final KvLayout LAYOUT = new KvLayout("ab".repeat(32), 0, 0, new int[] {8}, new int[] {8}, false);

    private final Arena arena = Arena.ofShared();
    private final BlockStore store = new BlockStore(4 * BYTES, BYTES, arena);
    private final CachedPieces pieces = new CachedPieces(store, 8, 6);

    @AfterEach
    void close() {
        arena.close();
    }

    private static List<BlockName> names(int prompt, int tokens) {
        return BlockNames.of(
                LAYOUT, "", IntStream.range(0, tokens).map(i -> prompt + i).toArray(), BLOCK);
    }

    private void keep(BlockName name) {
        try (BlockRef ref = store.allocate(name, BYTES)) {
            ref.publish(0);
        }
    }

    private CacheReport report(long after) {
        CacheReport report = pieces.report(after);
        assertThat(report).isNotNull();
        return report;
    }

    @Test
    void shouldTellEverythingFirstAndThenOnlyWhatChanged() {
        // Given
        List<BlockName> names = names(0, 32);
        names.forEach(this::keep);
        CacheReport empty = report(-1);
        // When
        pieces.hold(new long[] {1, 2}, names, 32, BLOCK);
        // Then
        assertThat(empty.getSnapshot()).isTrue();
        assertThat(empty.getAddedList()).isEmpty();
        CacheReport next = report(empty.getSequence());
        assertThat(next.getSnapshot()).isFalse();
        assertThat(next.getFollows()).isEqualTo(empty.getSequence());
        assertThat(next.getAddedList()).containsExactly(1L, 2L);
        assertThat(pieces.report(next.getSequence())).as("nothing has changed").isNull();
        assertThat(report(-1).getAddedList()).containsExactly(1L, 2L);
    }

    @Test
    void shouldTellOfAPieceOnlyWhileItsBlockIsInTheStore() {
        // Given: the second block is not there
        List<BlockName> names = names(0, 32);
        keep(names.getFirst());
        pieces.hold(new long[] {1, 2}, names, 32, BLOCK);
        CacheReport first = report(-1);
        assertThat(first.getAddedList()).containsExactly(1L);
        // When: four other blocks push the first one out
        names(1000, 64).forEach(this::keep);
        // Then
        CacheReport then = report(first.getSequence());
        assertThat(then.getRemovedList()).containsExactly(1L);
        assertThat(report(-1).getAddedList()).isEmpty();
    }

    @Test
    void shouldTellEverythingToWhoIsTooFarBehind() {
        List<BlockName> names = names(0, 64);
        names.forEach(this::keep);
        long before = report(-1).getSequence();
        pieces.hold(new long[] {1, 2, 3, 4}, names, 64, BLOCK);
        pieces.hold(new long[] {5, 6, 7, 8}, names, 64, BLOCK);
        CacheReport report = report(before);
        assertThat(report.getSnapshot()).isTrue();
        assertThat(report.getAddedList()).containsExactly(1L, 2L, 3L, 4L, 5L, 6L, 7L, 8L);
    }

    @Test
    void shouldForgetTheOldestBeyondTheMost() {
        List<BlockName> names = names(0, 64);
        names.forEach(this::keep);
        pieces.hold(new long[] {1, 2, 3, 4}, names, 64, BLOCK);
        pieces.hold(new long[] {5, 6, 7, 8}, names, 64, BLOCK);
        pieces.hold(new long[] {9, 10}, names, 64, BLOCK);
        assertThat(report(-1).getAddedList()).containsExactly(3L, 4L, 5L, 6L, 7L, 8L, 9L, 10L);
    }

    @Test
    void shouldPutAPieceToTheBlockInWhichItEnds() {
        // Pieces of 256 tokens and blocks of 256: one each, with or without a tail.
        assertThat(CachedPieces.lastBlock(0, 4, 1024, 256)).isZero();
        assertThat(CachedPieces.lastBlock(3, 4, 1024, 256)).isEqualTo(3);
        assertThat(CachedPieces.lastBlock(3, 4, 1100, 256)).isEqualTo(3);
        // Two blocks per piece.
        assertThat(CachedPieces.lastBlock(0, 4, 1024, 128)).isEqualTo(1);
    }
}
