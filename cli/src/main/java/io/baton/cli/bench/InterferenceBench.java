package io.baton.cli.bench;

import io.baton.cli.Project;
import io.baton.cli.launch.LaunchException;
import io.baton.error.BatonException;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletionException;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** What prompts do to streams that generate: beside each other in two processes, and mixed in one. */
@Command(
        name = "interference",
        mixinStandardHelpOptions = true,
        sortOptions = false,
        header = "How much prompts disturb streams, with prefill apart and without.",
        description = {
            "Four streams generate, first while 2000-token prompts arrive one after the other without a pause, then",
            "alone for as many tokens: at a prefill and a decode worker on one core each behind a router, and at one",
            "engine on both cores that mixes chunks of the prompts into its steps. The model has random weights and",
            "the shape of a 1B Llama; it is written once, 0.6 GB. A run takes some minutes."
        })
public final class InterferenceBench implements Callable<Integer> {
    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it before the command runs
    private CommandSpec spec;

    @Option(
            names = "--quick",
            description = "A small model, short prompts and one run: shows that everything works, measures nothing.")
    private boolean quick;

    @Option(names = "--runs", paramLabel = "N", description = "Runs, of which the medians count. Default: 3; quick: 1")
    private @Nullable Integer runs;

    @Option(
            names = "--gaps",
            paramLabel = "N",
            description = "Gaps between tokens per phase, at least. Default: 600; quick: 80")
    private @Nullable Integer gaps;

    @Option(names = "--streams", paramLabel = "N", description = "Streams. Default: ${DEFAULT-VALUE}")
    private int streams = 4;

    @Option(names = "--prompt-tokens", paramLabel = "N", description = "Tokens of a prompt. Default: 2000; quick: 400")
    private @Nullable Integer promptTokens;

    @Option(
            names = "--prompts",
            paramLabel = "N",
            description = "Prompts per loaded phase, at least. Default: ${DEFAULT-VALUE}")
    private int prompts = 3;

    @Option(
            names = "--chunk",
            paramLabel = "N",
            description = "Most prompt tokens of a step, in all workers. Default: ${DEFAULT-VALUE}")
    private int chunk = 256;

    @Option(
            names = "--weights",
            paramLabel = "TYPE",
            description = "How the model is quantised: ${COMPLETION-CANDIDATES}. Default: ${DEFAULT-VALUE}")
    private BenchModel.Weights weights = BenchModel.Weights.Q4_0;

    @Option(
            names = "--cache",
            paramLabel = "DIRECTORY",
            description = "Where the model is kept. Default: ~/.cache/baton")
    private @Nullable Path cache;

    @Option(
            names = "--timeout",
            paramLabel = "MINUTES",
            description = "A phase that takes longer is given up. Default: ${DEFAULT-VALUE}")
    private int timeout = 15;

    @Option(names = "--json", paramLabel = "FILE", description = "Also write everything that was measured as JSON.")
    private @Nullable Path json;

    /** Made by picocli. */
    public InterferenceBench() {}

    @Override
    public Integer call() {
        PrintWriter out = spec.commandLine().getOut();
        PrintWriter err = spec.commandLine().getErr();
        BenchModel shape = quick ? BenchModel.small(weights) : BenchModel.large(weights);
        int count = given("--runs", runs, quick ? 1 : 3);
        int promptLength = given("--prompt-tokens", promptTokens, quick ? 400 : 2000);
        int gapCount = given("--gaps", gaps, quick ? 80 : 600);
        checkPositive("--streams", streams);
        checkPositive("--prompts", prompts);
        checkPositive("--chunk", chunk);
        checkPositive("--timeout", timeout);
        Path directory = cache == null ? Path.of(System.getProperty("user.home"), ".cache", "baton") : cache;
        Path model = shape.ensure(directory, line -> progress(err, line));
        InterferenceRun.Setup setup = new InterferenceRun.Setup(
                Project.root(),
                Project.runs(),
                model,
                shape,
                Workload.of(streams, promptLength),
                new Phase.Plan(streams, 8, gapCount, prompts, Duration.ofMinutes(timeout)),
                chunk);
        List<InterferenceRun> measured = new ArrayList<>();
        for (int i = 1; i <= count; i++) {
            String label = "run " + i + " of " + count + ": ";
            try {
                measured.add(InterferenceRun.measure(setup, 1000L * i, line -> progress(err, label + line)));
            } catch (CompletionException e) {
                throw BatonException.from(e);
            }
        }
        InterferenceReport report = new InterferenceReport(setup, measured);
        report.print(out);
        if (json != null) {
            try {
                Files.writeString(json, report.json().toPrettyString() + "\n");
            } catch (IOException e) {
                throw new LaunchException(json + " cannot be written: " + e.getMessage(), e);
            }
        }
        return 0;
    }

    private static void progress(PrintWriter err, String line) {
        err.println(line);
        err.flush();
    }

    private static int given(String option, @Nullable Integer value, int otherwise) {
        int number = value == null ? otherwise : value;
        checkPositive(option, number);
        return number;
    }

    private static void checkPositive(String option, int value) {
        if (value < 1) {
            throw new LaunchException(option + " is " + value + "; it must be at least 1");
        }
    }
}
