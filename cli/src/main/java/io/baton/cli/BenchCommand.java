package io.baton.cli;

import io.baton.cli.bench.DivergenceBench;
import io.baton.cli.bench.InterferenceBench;
import io.baton.cli.bench.KvBench;
import io.baton.cli.bench.NativeBench;
import io.baton.cli.bench.RouterBench;
import io.baton.cli.bench.goodput.GoodputBench;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** The benchmarks. */
@Command(
        name = "bench",
        mixinStandardHelpOptions = true,
        synopsisSubcommandLabel = "BENCHMARK",
        subcommands = {
            DivergenceBench.class,
            GoodputBench.class,
            InterferenceBench.class,
            KvBench.class,
            NativeBench.class,
            RouterBench.class
        },
        header = "Measure this machine.",
        description =
                "Measures with the real services, but for goodput, which simulates. Stop other work first; docs/performance.md says what the figures mean.")
final class BenchCommand implements Runnable {
    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it before the command runs
    private CommandSpec spec;

    @Override
    public void run() {
        throw new CommandLine.ParameterException(spec.commandLine(), "Missing required subcommand");
    }
}
