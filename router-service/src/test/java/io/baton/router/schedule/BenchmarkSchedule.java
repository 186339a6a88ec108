package io.baton.router.schedule;

import io.baton.inference.v1.Prompt;
import io.baton.router.config.Disaggregation;
import io.baton.router.config.SchedulingPolicy;
import io.baton.router.prefix.PieceNames;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.Random;
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
import org.openjdk.jmh.profile.GCProfiler;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.OptionsBuilder;

/** What every request pays for its workers: naming the pieces of its prompt, and both picks. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 3, time = 1)
public class BenchmarkSchedule {
    private final PieceNames names = new PieceNames("0123456789abcdef".getBytes(StandardCharsets.US_ASCII), 4096);
    private FleetView fleet = Candidates.fleet();
    private RequestFacts facts = Candidates.facts(1);
    private Prompt prompt = Prompt.getDefaultInstance();
    private Scheduler scheduler = scheduler(PrefixOverlap.NONE);

    @Param({"10", "100", "1000"})
    public int workers;

    @Param({"1000", "100000"})
    public int tokens;

    private static Scheduler scheduler(PrefixOverlap prefixes) {
        return new Scheduler(new ScheduleSettings(SchedulingPolicy.AUTO, Disaggregation.AUTO, 256, 8192), prefixes);
    }

    @Setup
    public void setUp() {
        Random random = new Random(1);
        Candidates.Builder[] all = new Candidates.Builder[workers];
        for (int i = 0; i < workers; i++) {
            Candidates.Builder worker =
                    i % 2 == 0 ? Candidates.prefill("10.0.0." + i) : Candidates.decode("10.0.0." + i);
            all[i] = worker.slot(i).running(random.nextInt(20)).queued(random.nextInt(5000));
        }
        fleet = Candidates.fleet(all);
        prompt = Prompt.newBuilder().setText("four".repeat(tokens)).build();
        facts = Candidates.facts(tokens, names.of("", "m", prompt));
        int some = workers / 3;
        scheduler = scheduler((pieces, bySlot) -> bySlot[some] = pieces.length / 2);
    }

    @Benchmark
    public Optional<Pick> start() {
        return scheduler.start(fleet, facts);
    }

    @Benchmark
    public Optional<Pick> decode() {
        return scheduler.decode(fleet, facts, Candidates.KIND);
    }

    @Benchmark
    public long[] name() {
        return names.of("", "m", prompt);
    }

    public static void main(String[] args) throws RunnerException {
        new Runner(new OptionsBuilder()
                        .include(BenchmarkSchedule.class.getSimpleName())
                        .addProfiler(GCProfiler.class)
                        .build())
                .run();
    }
}
