package io.baton.cli.bench;

import io.baton.cli.Project;
import io.baton.cli.launch.LaunchException;
import io.baton.error.BatonException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletionException;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code baton bench native}: the services on a JVM and as native executables, side by side. */
@Command(
        name = "native",
        mixinStandardHelpOptions = true,
        sortOptions = false,
        header = "Compare the services on a JVM with the native executables.",
        description = {
            "The same fleet (router, one prefill worker, one decode worker) runs on a JVM and as executables in turn:",
            "size, time to ready, memory, throughput and inter-token latency with the demo model, and decode speed",
            "with a model of random weights in the shape of a 1B Llama, which is written once, 0.6 GB."
        })
public final class NativeBench implements Callable<Integer> {
    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it before the command runs
    private CommandSpec spec;

    @Option(
            names = "--quick",
            description = "A small model and few of everything: shows that everything works, measures nothing.")
    private boolean quick;

    @Option(
            names = "--requests",
            paramLabel = "N",
            description = "Requests to the demo model. Default: 1000; quick: 40")
    private @Nullable Integer requests;

    @Option(
            names = "--starts",
            paramLabel = "N",
            description = "Starts of each service, of which the median counts. Default: 7; quick: 1")
    private @Nullable Integer starts;

    @Option(
            names = "--rounds",
            paramLabel = "N",
            description = "Rounds of decode speed, of which the median counts. Default: 5; quick: 1")
    private @Nullable Integer rounds;

    @Option(
            names = "--tokens",
            paramLabel = "N",
            description = "Gaps between tokens per round of decode speed. Default: 120; quick: 20")
    private @Nullable Integer tokens;

    @Option(
            names = "--cache",
            paramLabel = "DIRECTORY",
            description = "Where the model is kept. Default: ~/.cache/baton")
    private @Nullable Path cache;

    /** Made by picocli. */
    public NativeBench() {}

    @Override
    public Integer call() {
        PrintWriter out = spec.commandLine().getOut();
        PrintWriter err = spec.commandLine().getErr();
        BenchModel shape =
                quick ? BenchModel.small(BenchModel.Weights.Q4_0) : BenchModel.large(BenchModel.Weights.Q4_0);
        Path directory = cache == null ? Path.of(System.getProperty("user.home"), ".cache", "baton") : cache;
        Path model = shape.ensure(directory, line -> progress(err, line));
        NativeRun.Setup setup = new NativeRun.Setup(
                Project.root(),
                Project.runs(),
                Project.demoModel(),
                model,
                shape,
                given("--requests", requests, quick ? 40 : 1000),
                given("--starts", starts, quick ? 1 : 7),
                given("--rounds", rounds, quick ? 1 : 5),
                given("--tokens", tokens, quick ? 20 : 120));
        try {
            NativeRun.measure(setup, line -> progress(err, line)).print(out);
        } catch (CompletionException e) {
            throw BatonException.from(e);
        }
        return 0;
    }

    private static void progress(PrintWriter err, String line) {
        err.println(line);
        err.flush();
    }

    private static int given(String option, @Nullable Integer value, int otherwise) {
        int number = value == null ? otherwise : value;
        if (number < 1) {
            throw new LaunchException(option + " is " + number + "; it must be at least 1");
        }
        return number;
    }
}
