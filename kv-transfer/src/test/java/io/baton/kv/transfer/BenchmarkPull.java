package io.baton.kv.transfer;

import io.baton.kv.v1.KvDescriptor;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.OptionsBuilder;

/**
 * Pulls of 8 MiB blocks through the whole path, sender and receiver in one process over loopback TCP, beside a plain
 * copy of the same bytes. {@code baton bench kv} measures two processes beside a bare socket.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(1)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
public class BenchmarkPull {
    private static final int MIB = 8;
    private static final int BLOCKS = 8;

    private final List<KvDescriptor> descriptors = new ArrayList<>();
    private final List<MemorySegment> rows = new ArrayList<>();
    private final List<MemorySegment> targets = new ArrayList<>();

    @SuppressWarnings("NullAway.Init") // JMH calls setUp first.
    private Holder holder;

    @SuppressWarnings("NullAway.Init")
    private KvPuller puller;

    @Param({"65536", "262144", "1048576"})
    public int frameBytes;

    @Setup
    public void setUp() {
        holder = Holder.large(MIB, BLOCKS, SenderConfig.defaults().withFrameBytes(frameBytes));
        puller = holder.puller();
        for (int i = 0; i < BLOCKS; i++) {
            descriptors.add(holder.offer(i));
            rows.add(Holder.rows(descriptors.get(i)));
            targets.add(Holder.target(descriptors.get(i)));
        }
    }

    @TearDown
    public void tearDown() {
        puller.close();
        holder.close();
    }

    @Benchmark
    @OperationsPerInvocation(BLOCKS)
    public long pull() throws InterruptedException, ExecutionException {
        List<CompletableFuture<PulledBlock>> pulls = new ArrayList<>();
        for (int i = 0; i < BLOCKS; i++) {
            pulls.add(puller.pull(descriptors.get(i), targets.get(i)));
        }
        long bytes = 0;
        for (CompletableFuture<PulledBlock> pull : pulls) {
            bytes += pull.get().bytes();
        }
        return bytes;
    }

    @Benchmark
    @OperationsPerInvocation(BLOCKS)
    public MemorySegment copy() {
        for (int i = 0; i < BLOCKS; i++) {
            targets.get(i).copyFrom(rows.get(i));
        }
        return targets.get(0);
    }

    public static void main(String[] args) throws RunnerException {
        new Runner(new OptionsBuilder()
                        .include(BenchmarkPull.class.getSimpleName())
                        .build())
                .run();
    }
}
