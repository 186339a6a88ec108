package io.baton.kv.store;

import static org.assertj.core.api.Assertions.assertThat;

import io.baton.error.BatonException;
import io.baton.kv.block.BlockName;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.RepetitionInfo;

class BlockStoreStressTest {
    private static final int THREADS = 4;
    private static final int OPERATIONS = 20_000;
    private static final int NAMES = 24;
    private static final int BLOCK = 512;

    /** Half as much room as there are names, so that blocks are evicted all the time. */
    private final BlockStore store = new BlockStore(NAMES / 2 * BLOCK, 4 * BLOCK, Arena.ofAuto());

    private final java.util.concurrent.atomic.LongAdder refused = new java.util.concurrent.atomic.LongAdder();
    private final AtomicLong tails = new AtomicLong(1_000_000);

    @RepeatedTest(3)
    void shouldNeverReuseMemoryThatAnyThreadHolds(RepetitionInfo repetition) throws Exception {
        // Given
        List<Callable<Integer>> tasks = new ArrayList<>();
        for (int t = 0; t < THREADS; t++) {
            var random = new SplittableRandom(31L * repetition.getCurrentRepetition() + t);
            tasks.add(() -> work(random));
        }

        // When
        int used = 0;
        try (ExecutorService threads = Executors.newFixedThreadPool(THREADS)) {
            for (Future<Integer> f : threads.invokeAll(tasks)) {
                used += f.get();
            }
        }

        // Then
        BlockStoreStats stats = store.stats();
        assertThat(stats.pinnedBytes()).isZero();
        assertThat(stats.pinnedBlocks()).isZero();
        assertThat(stats.usedBytes()).isEqualTo((long) stats.blocks() * BLOCK);
        assertThat(used + refused.intValue()).isEqualTo(THREADS * OPERATIONS);
        assertThat(used).as("blocks that were held").isGreaterThan(OPERATIONS);
        assertThat(stats.evictions()).isPositive();
        assertThat(stats.hits()).isPositive();
    }

    private int work(SplittableRandom random) {
        int used = 0;
        for (int i = 0; i < OPERATIONS; i++) {
            int n = random.nextInt(NAMES + 4);
            try {
                used += n < NAMES ? named(n, random) : tail(random);
            } catch (BatonException e) {
                // All room is pinned by the others: a legal answer.
                refused.increment();
            }
        }
        return used;
    }

    private int named(int n, SplittableRandom random) {
        var name = new BlockName(n, 0, 0, 0);
        Optional<BlockRef> found = store.find(name);
        if (found.isPresent()) {
            try (BlockRef ref = found.get()) {
                read(ref, n, random);
            }
            return 1;
        }
        try (BlockRef ref = store.allocate(name, BLOCK)) {
            Patterns.fill(ref.rows(), n);
            ref.publish(n);
            read(ref, n, random);
        }
        return 1;
    }

    private int tail(SplittableRandom random) {
        long owner = tails.incrementAndGet();
        try (BlockRef ref = store.allocate(null, BLOCK / 2)) {
            Patterns.fill(ref.rows(), owner);
            ref.publish(0);
            read(ref, owner, random);
        }
        return 1;
    }

    /** Reads twice through a second pin, the first given up between. */
    private static void read(BlockRef ref, long owner, SplittableRandom random) {
        Patterns.check(ref.rows(), owner);
        try (BlockRef mine = ref.retain()) {
            ref.close();
            for (int again = random.nextInt(4); again >= 0; again--) {
                Patterns.check(mine.rows(), owner);
            }
        }
    }
}
