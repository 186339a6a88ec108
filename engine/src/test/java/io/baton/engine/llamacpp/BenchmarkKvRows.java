package io.baton.engine.llamacpp;

import io.baton.engine.KvLayout;
import io.baton.engine.llamacpp.library.LibraryProvider;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
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
 * Export and import of one KV block beside a plain copy of the same bytes. The test model's rows are small (2.7 to 10 KiB
 * per token), so the fixed cost per block weighs more here than with a large model; {@code -Dbaton.bench.model=FILE} takes
 * another one.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(0) // libllama stays open in the process; a fork would only load it again.
public class BenchmarkKvRows {
    /** Tokens of the block. */
    @Param({"64", "256", "512"})
    public int tokens;

    /** Type of the cache; whether flash attention is on, without which V lies transposed. */
    @Param({"F16/true", "F16/false", "Q8_0/true"})
    public String cache = "F16/true";

    @SuppressWarnings("NullAway.Init")
    private LlamaModel model;

    @SuppressWarnings("NullAway.Init")
    private LlamaContext context;

    @SuppressWarnings("NullAway.Init")
    private KvRows rows;

    @SuppressWarnings("NullAway.Init")
    private NativeBuffer memory;

    private MemorySegment source = MemorySegment.NULL;
    private MemorySegment target = MemorySegment.NULL;
    private long bytes;

    /** Loads the model and computes a block. */
    @Setup
    public void load() {
        String file = System.getProperty("baton.bench.model");
        LlamaLibrary library = LlamaLibrary.open(LibraryProvider.provide(null), false);
        String[] kv = cache.split("/", -1);
        model = LlamaModel.load(library, file == null ? TestModels.any() : java.nio.file.Path.of(file), 0, true);
        context = new LlamaContext(
                model, new LlamaContext.Params(4096, 512, 3, 1, KvType.valueOf(kv[0]), Boolean.parseBoolean(kv[1])));
        try (LlamaBatch batch = new LlamaBatch(512)) {
            for (int p = 0; p < tokens; p++) {
                batch.add(3 + p % 200, p, 0, p + 1 == tokens);
            }
            if (context.decode(batch) != 0) {
                throw new IllegalStateException("cannot compute");
            }
        }
        KvLayout layout = KvRows.layoutOf(context, 0, "benchmark");
        rows = new KvRows(context, layout, 2, 1L << 30);
        memory = new NativeBuffer();
        bytes = layout.bytes(tokens);
        MemorySegment all = memory.atLeast(2 * bytes);
        source = all.asSlice(0, bytes);
        target = all.asSlice(bytes, bytes);
        rows.exportBlock(0, new KvRows.Block(0, tokens, source));
    }

    /** Empties the sequence that is imported into. */
    @Setup(Level.Invocation)
    public void empty() {
        context.seqRm(1, -1, -1);
    }

    /** Frees everything. */
    @TearDown
    public void free() {
        rows.close();
        memory.close();
        context.close();
        model.close();
    }

    /** Cache to memory. */
    @Benchmark
    public void exportBlock() {
        rows.exportBlock(0, new KvRows.Block(0, tokens, target));
    }

    /** Memory to cache. */
    @Benchmark
    public void importBlock() {
        rows.importBlock(1, new KvRows.Block(0, tokens, source));
    }

    /** The same bytes from memory to memory. */
    @Benchmark
    public void plainCopy() {
        MemorySegment.copy(source, 0, target, 0, bytes);
    }

    /** Runs this benchmark. */
    public static void main(String[] args) throws RunnerException {
        new Runner(new OptionsBuilder()
                        .include(BenchmarkKvRows.class.getSimpleName())
                        .build())
                .run();
    }
}
