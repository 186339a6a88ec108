package io.baton.kv.store;

import io.baton.kv.block.BlockName;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Threads;
import org.openjdk.jmh.annotations.Warmup;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.OptionsBuilder;

/** The store's bookkeeping, without the rows: what a block costs beside its bytes. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class BenchmarkBlockStore {
    private static final int BLOCKS = 4096;
    private static final long BYTES = 4096;

    private final BlockStore store = new BlockStore(BLOCKS * BYTES, BLOCKS * BYTES / 4, Arena.ofAuto());
    private final List<BlockName> names = new ArrayList<>();
    private long fresh;

    @Setup
    public void fill() {
        for (int i = 0; i < BLOCKS; i++) {
            names.add(new BlockName(i, 1, 2, 3));
            try (BlockRef ref = store.allocate(names.get(i), BYTES)) {
                ref.publish(0);
            }
        }
    }

    @Benchmark
    public long findAndUnpin() {
        try (BlockRef ref = store.find(names.get(7)).orElseThrow()) {
            return ref.byteSize();
        }
    }

    @Benchmark
    @Threads(4)
    public long findAndUnpinByFourThreads() {
        try (BlockRef ref = store.find(names.get(7)).orElseThrow()) {
            return ref.byteSize();
        }
    }

    @Benchmark
    public int countLeadingOfHundred() {
        return store.countLeading(names.subList(0, 100));
    }

    @Benchmark
    public boolean evictAllocateAndPublish() {
        try (BlockRef ref = store.allocate(new BlockName(++fresh, 9, 9, 9), BYTES)) {
            return ref.publish(0);
        }
    }

    public static void main(String[] args) throws RunnerException {
        new Runner(new OptionsBuilder()
                        .include(BenchmarkBlockStore.class.getSimpleName())
                        .build())
                .run();
    }
}
