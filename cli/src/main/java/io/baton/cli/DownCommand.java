package io.baton.cli;

import io.baton.cli.launch.RunState;
import io.baton.cli.launch.Terminator;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Stops fleets. */
@Command(
        name = "down",
        mixinStandardHelpOptions = true,
        header = "Stop what `up` started.",
        description =
                "Stops the fleets that `up` started from this project, also those of which only processes are left.")
final class DownCommand implements Callable<Integer> {
    static final int DEFAULT_PORT = 8080;

    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it before the command runs
    private CommandSpec spec;

    @Option(names = "--port", paramLabel = "P", description = "Only the fleet whose router has this HTTP port.")
    private @Nullable Integer port;

    @Override
    public Integer call() {
        PrintWriter out = spec.commandLine().getOut();
        Path runs = Project.runs();
        List<RunState> states = RunState.loadAll(runs).stream()
                .filter(s -> port == null || port == s.port())
                .toList();
        int ended = 0;
        for (RunState state : states) {
            int n = Terminator.stop(runs, state);
            ended += n;
            out.println(
                    n == 0
                            ? "the run at port " + state.port() + " had ended already; its state is removed"
                            : "stopped the run at port " + state.port() + " (" + n + " processes)");
        }
        int leftovers = Terminator.stopLeftovers(runs, port);
        if (leftovers > 0) {
            out.println("stopped " + leftovers + " processes that no state file knew");
        }
        if (ended + leftovers == 0 && states.isEmpty()) {
            out.println("nothing runs" + (port == null ? "" : " at port " + port));
        }
        return 0;
    }
}
