package io.baton.cli.bench.goodput;

import io.baton.cli.launch.LaunchException;
import io.baton.router.schedule.Slo;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** What the router's decisions are worth, on a fleet that is simulated in virtual time. */
@Command(
        name = "goodput",
        mixinStandardHelpOptions = true,
        sortOptions = false,
        header = "What the router's decisions are worth, on a simulated fleet.",
        description = {
            "Replays arrivals on simulated workers, in virtual time, with the router's own scheduler: all its policies, with",
            "prefill workers, without and mixed, at equal numbers of GPUs. Prints how many requests per second keep both",
            "targets. Workers cost what the options say; docs/performance.md says what the model leaves out."
        })
public final class GoodputBench implements Callable<Integer> {
    private static final int SYNTHETIC_REQUESTS = 6000;

    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it before the command runs
    private CommandSpec spec;

    @Option(
            names = "--trace",
            paramLabel = "FILE",
            description =
                    "Arrivals, as JSON lines in Mooncake's format. Default: a made-up shape with bursts and turns")
    private @Nullable Path trace;

    @Option(
            names = "--rates",
            paramLabel = "N",
            split = ",",
            description = "Requests per second, rising. Default: ${DEFAULT-VALUE}")
    private List<Double> rates = List.of(2.0, 4.0, 6.0, 7.0, 8.0, 9.0, 10.0, 12.0);

    @Option(names = "--seeds", paramLabel = "N", description = "Runs of each. Default: ${DEFAULT-VALUE}")
    private int seeds = 5;

    @Option(names = "--requests", paramLabel = "N", description = "Requests of a run. Default: ${DEFAULT-VALUE}")
    private int requests = 1500;

    @Option(names = "--gpus", paramLabel = "N", description = "Workers. Default: ${DEFAULT-VALUE}")
    private int gpus = 8;

    @Option(
            names = "--prefill",
            paramLabel = "N",
            description = "Prefill workers among them, where there are any. Default: ${DEFAULT-VALUE}")
    private int prefills = 4;

    @Option(names = "--ttft", paramLabel = "SECONDS", description = "Target. Default: ${DEFAULT-VALUE}")
    private double ttft = 4;

    @Option(
            names = "--itl",
            paramLabel = "MS",
            description = "Target of a request's mean time between tokens. Default: ${DEFAULT-VALUE}")
    private double itl = 50;

    @Option(
            names = "--prefill-tokens",
            paramLabel = "N",
            description = "Prompt tokens that a GPU computes per second. Default: ${DEFAULT-VALUE}")
    private double prefillTokens = 20_000;

    @Option(names = "--step", paramLabel = "MS", description = "Time of a step. Default: ${DEFAULT-VALUE}")
    private double step = 8;

    @Option(
            names = "--step-sequence",
            paramLabel = "MS",
            description = "What each sequence adds to a step. Default: ${DEFAULT-VALUE}")
    private double stepSequence = 0.5;

    @Option(
            names = "--local-tokens",
            paramLabel = "N",
            description = "As baton.router.schedule.local-tokens. Default: ${DEFAULT-VALUE}")
    private int localTokens = Simulation.LOCAL_TOKENS;

    @Option(
            names = "--admission",
            description =
                    "With the router's admission, and the target for TTFT as every request's deadline: what would miss"
                            + " it is refused, under every policy.")
    private boolean admission;

    @Option(
            names = "--cells",
            paramLabel = "N",
            description = "KV cells of a worker that generates. Default: ${DEFAULT-VALUE}")
    private int cells = 400_000;

    @Option(
            names = "--cache-tokens",
            paramLabel = "N",
            description = "Prompt tokens that each worker keeps. Default: ${DEFAULT-VALUE}")
    private int cacheTokens = 1_000_000;

    @Option(
            names = "--chunk",
            paramLabel = "N",
            description = "Most prompt tokens in a step of any worker. Default: ${DEFAULT-VALUE}")
    private int chunk = 512;

    @Option(
            names = "--validate",
            description =
                    "Only compare the simulation with a real fleet of one prefill and one decode worker, which takes"
                            + " some minutes. Status 1 if a figure is off by more than 20 %.")
    private boolean validate;

    @Option(
            names = "--validate-requests",
            paramLabel = "N",
            description = "Requests to that fleet. Default: ${DEFAULT-VALUE}")
    private int validateRequests = 300;

    @Option(names = "--validate-quick", description = "With a small model: shows that it works, and validates nothing.")
    private boolean validateQuick;

    @Option(
            names = "--cache",
            paramLabel = "DIRECTORY",
            description = "Where that fleet's model is kept. Default: ~/.cache/baton")
    private @Nullable Path cache;

    @Option(names = "--json", paramLabel = "FILE", description = "Also write all figures as JSON.")
    private @Nullable Path json;

    @Option(names = "--svg", paramLabel = "FILE", description = "Also write plots of goodput by rate.")
    private @Nullable Path svg;

    /** Made by picocli. */
    public GoodputBench() {}

    @Override
    public Integer call() throws InterruptedException {
        check();
        PrintWriter out = spec.commandLine().getOut();
        PrintWriter err = spec.commandLine().getErr();
        Path file = trace;
        List<TraceRequest> arrivals = file == null ? SyntheticTrace.make(SYNTHETIC_REQUESTS, 1) : TraceFile.read(file);
        String source = file == null ? "synthetic conversations" : String.valueOf(file.getFileName());
        if (validate || validateQuick) {
            atLeast("requests of the trace", arrivals.size(), 10);
            return validated(arrivals, out, err);
        }
        Sweep sweep = new Sweep(
                gpus,
                prefills,
                rates,
                LongStream.rangeClosed(1, seeds).boxed().toList(),
                requests,
                costs(),
                new Slo(ttft, itl / 1000),
                localTokens,
                admission);
        GoodputReport report = new GoodputReport(sweep, source, run(sweep, arrivals, err));
        report.print(out);
        write(json, report.json().toPrettyString() + "\n");
        write(svg, report.svg());
        return 0;
    }

    private int validated(List<TraceRequest> arrivals, PrintWriter out, PrintWriter err) throws InterruptedException {
        Path directory = cache == null ? Path.of(System.getProperty("user.home"), ".cache", "baton") : cache;
        Validation.Setup setup = validateQuick
                ? Validation.Setup.quick(directory, validateRequests)
                : Validation.Setup.usual(directory, validateRequests);
        Validation validation = Validation.run(setup, arrivals, 1, line -> {
            err.println(line);
            err.flush();
        });
        validation.print(out);
        write(json, validation.json().toPrettyString() + "\n");
        return validateQuick || validation.isPredicted() ? 0 : 1;
    }

    private static Map<Variant, List<Figures>> run(Sweep sweep, List<TraceRequest> arrivals, PrintWriter err) {
        try {
            return sweep.run(arrivals, line -> {
                err.println(line);
                err.flush();
            });
        } catch (IllegalArgumentException e) {
            throw new LaunchException("The fleet cannot serve these arrivals: " + e.getMessage(), e);
        }
    }

    private Costs costs() {
        Costs c = Costs.example();
        return new Costs(
                c.prefillBase(),
                1 / prefillTokens,
                step / 1000,
                stepSequence / 1000,
                c.handOver(),
                c.pullBytes(),
                c.kvTokenBytes(),
                chunk,
                cells,
                cacheTokens,
                c.reportSeconds());
    }

    private void check() {
        atLeast("--seeds", seeds, 1);
        atLeast("--requests", requests, 10);
        atLeast("--validate-requests", validateRequests, 10);
        atLeast("--gpus", gpus, 2);
        atLeast("--prefill", prefills, 1);
        atLeast("--gpus less --prefill", gpus - prefills, 1);
        atLeast("--local-tokens", localTokens, 0);
        atLeast("--cells", cells, 1);
        atLeast("--cache-tokens", cacheTokens, 0);
        atLeast("--chunk", chunk, Chunks.AT_ONCE);
        positive("--ttft", ttft);
        positive("--itl", itl);
        positive("--prefill-tokens", prefillTokens);
        positive("--step", step);
        positive("--step-sequence", stepSequence);
        double last = 0;
        for (double rate : rates) {
            if (!(rate > last) || rate == Double.POSITIVE_INFINITY) {
                throw new LaunchException("--rates is " + rates + "; rates must be over 0, finite and rising");
            }
            last = rate;
        }
    }

    private static void atLeast(String option, int value, int least) {
        if (value < least) {
            throw new LaunchException(option + " is " + value + "; it must be at least " + least);
        }
    }

    private static void positive(String option, double value) {
        if (!(value > 0) || value == Double.POSITIVE_INFINITY) {
            throw new LaunchException(option + " is " + value + "; it must be over 0 and finite");
        }
    }

    private static void write(@Nullable Path file, String text) {
        if (file != null) {
            try {
                Files.writeString(file, text);
            } catch (IOException e) {
                throw new LaunchException(file + " cannot be written: " + e.getMessage(), e);
            }
        }
    }
}
