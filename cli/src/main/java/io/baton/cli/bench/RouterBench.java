package io.baton.cli.bench;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import io.baton.cli.Project;
import io.baton.cli.chaos.Trace;
import io.baton.cli.launch.LaunchException;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code baton bench router}: what a request and a token cost the router. */
@Command(
        name = "router",
        mixinStandardHelpOptions = true,
        sortOptions = false,
        header = "Measure what requests and tokens cost the router.",
        description = {
            "A router on one core of its own before simulated workers, which compute nothing and live in another process:"
                    + " CPU time per request (the process's, kernel included) by prompt length and number of workers, latency"
                    + " beside a direct connection to the same workers, tokens relayed per second and core, memory; over"
                    + " gRPC, over HTTP, and over gRPC with mutual TLS between router and workers. Requests"
                    + " come whether or not others were answered. A run takes some minutes."
        })
public final class RouterBench implements Callable<Integer> {
    private static final int OUTPUT_TOKENS = 16;
    /** Letters of a file's name that name its trace in the table. */
    private static final int LABEL = 13;

    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it before the command runs
    private CommandSpec spec;

    @Option(names = "--quick", description = "Few of everything: shows that everything works, measures nothing.")
    private boolean quick;

    @Option(names = "--native", description = "The router's native executable instead of the JVM.")
    private boolean executable;

    @Option(
            names = "--workers",
            paramLabel = "N",
            split = ",",
            description = "Numbers of workers, at least 2 each. Default: 10,100,1000; quick: 4")
    private @Nullable List<Integer> workers;

    @Option(
            names = "--prompts",
            paramLabel = "TOKENS",
            split = ",",
            description = "Lengths of prompts. Default: 1000,10000,100000; quick: 1000")
    private @Nullable List<Integer> prompts;

    @Option(
            names = "--rate",
            paramLabel = "TOKENS",
            description =
                    "Prompt tokens that come per second, in requests of one length; at most 200 requests. Default:"
                            + " ${DEFAULT-VALUE}")
    private int rate = 2_000_000;

    @Option(
            names = "--trace",
            paramLabel = "FILE",
            description = "Also the first requests of a trace: JSON lines as Mooncake publishes them, or CSV as Azure"
                    + " does; may be repeated.")
    private List<Path> traces = List.of();

    @Option(
            names = "--trace-rate",
            paramLabel = "N",
            description = "Requests per second to which a trace is scaled. Default: ${DEFAULT-VALUE}")
    private double traceRate = 20;

    @Option(names = "--seconds", paramLabel = "N", description = "Time of a measurement. Default: 5; quick: 1")
    private @Nullable Integer seconds;

    @Option(names = "--warm-up", paramLabel = "N", description = "Seconds of the same before it. Default: 10; quick: 1")
    private @Nullable Integer warmUp;

    @Option(
            names = "--pairs",
            paramLabel = "N",
            description = "Requests through and past the router whose latency is compared. Default: 2000; quick: 20")
    private @Nullable Integer pairs;

    @Option(names = "--streams", paramLabel = "N", description = "Streams that are relayed. Default: 500; quick: 8")
    private @Nullable Integer streams;

    @Option(
            names = "--step",
            paramLabel = "MICROSECONDS",
            description = "Time between two tokens of a stream. Default: ${DEFAULT-VALUE}")
    private int step = 20_000;

    @Option(
            names = "--block-size",
            paramLabel = "TOKENS",
            description = "Tokens per KV block. Default: ${DEFAULT-VALUE}")
    private int blockSize = 256;

    @Option(
            names = "--core",
            paramLabel = "N",
            description = "The router's core; -1 for all. Default: the last one; everything else may use all")
    private @Nullable Integer core;

    @Option(
            names = "--set",
            paramLabel = "NAME=VALUE",
            description = "A setting of the router, to see what it changes; may be repeated.")
    private Map<String, String> settings = Map.of();

    @Option(names = "--json", paramLabel = "FILE", description = "Also write everything that was measured as JSON.")
    private @Nullable Path json;

    /** Made by picocli. */
    public RouterBench() {}

    @Override
    public Integer call() throws InterruptedException {
        PrintWriter out = spec.commandLine().getOut();
        PrintWriter err = spec.commandLine().getErr();
        List<Integer> sizes = workers == null ? quick ? List.of(4) : List.of(10, 100, 1000) : workers;
        List<Integer> lengths = prompts == null ? quick ? List.of(1000) : List.of(1000, 10_000, 100_000) : prompts;
        sizes.forEach(n -> check("--workers", n, 2));
        lengths.forEach(n -> check("--prompts", n, TextPrompts.SHORTEST));
        check("--rate", rate, 1);
        check("--step", step, 100);
        check("--block-size", blockSize, 16);
        int time = given("--seconds", seconds, quick ? 1 : 5);
        double most = quick ? 20 : 200;
        RouterRun.Setup setup = new RouterRun.Setup(
                Project.root(),
                executable,
                core == null ? Runtime.getRuntime().availableProcessors() - 1 : core,
                settings,
                sizes,
                lengths.stream()
                        .map(n -> new RouterRun.Shape(n, OUTPUT_TOKENS, Math.min(most, (double) rate / n)))
                        .toList(),
                traces.stream()
                        .map(file -> recorded(file, traceRate, Duration.ofSeconds(time)))
                        .toList(),
                Duration.ofSeconds(time),
                Duration.ofSeconds(given("--warm-up", warmUp, quick ? 1 : 10)),
                given("--pairs", pairs, quick ? 20 : 2000),
                given("--streams", streams, quick ? 8 : 500),
                Duration.ofNanos(step * 1000L),
                blockSize);
        RouterReport report = new RouterReport(RouterRun.measure(setup, line -> {
            err.println(line);
            err.flush();
        }));
        report.print(out);
        if (json != null) {
            try {
                new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT).writeValue(json.toFile(), report.json());
            } catch (IOException e) {
                throw new LaunchException(json + " cannot be written: " + e.getMessage(), e);
            }
        }
        return report.failures() == 0 ? 0 : 1;
    }

    private static RouterRun.Recorded recorded(Path file, double perSecond, Duration time) {
        String name = String.valueOf(file.getFileName()).replaceAll("\\..*", "");
        return new RouterRun.Recorded(
                name.substring(0, Math.min(LABEL, name.length())), scaled(Trace.read(file), perSecond, time));
    }

    /** The first arrivals of a trace, as far as they come within a time when so many come per second in the mean of all. */
    static List<OpenLoop.Arrival> scaled(Trace trace, double perSecond, Duration time) {
        long first = trace.lines().getFirst().millis();
        double span = Math.max(1, trace.lines().getLast().millis() - first) / 1e3;
        double factor = trace.lines().size() / perSecond / span;
        return trace.lines().stream()
                .map(line -> new OpenLoop.Arrival(
                        (long) ((line.millis() - first) * factor * 1e6), line.input(), line.output()))
                .takeWhile(arrival -> arrival.nanos() < time.toNanos())
                .toList();
    }

    private static int given(String option, @Nullable Integer value, int otherwise) {
        int number = value == null ? otherwise : value;
        check(option, number, 1);
        return number;
    }

    private static void check(String option, int value, int least) {
        if (value < least) {
            throw new LaunchException(option + " is " + value + "; it must be at least " + least);
        }
    }
}
