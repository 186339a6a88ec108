package io.baton.kv.block;

import io.baton.engine.KvLayout;
import io.baton.kv.Layouts;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.OptionsBuilder;

/** Naming the blocks of a prompt, which every request pays on both workers. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class BenchmarkBlockNames {
    private final KvLayout layout = Layouts.of(32 << 10);
    private int[] prompt = new int[0];

    @Param({"1000", "100000"})
    public int tokens;

    @Setup
    public void setUp() {
        prompt = Layouts.tokens(tokens);
    }

    @Benchmark
    public List<BlockName> name() {
        return BlockNames.of(layout, "tenant", prompt, 256);
    }

    public static void main(String[] args) throws RunnerException {
        new Runner(new OptionsBuilder()
                        .include(BenchmarkBlockNames.class.getSimpleName())
                        .build())
                .run();
    }
}
