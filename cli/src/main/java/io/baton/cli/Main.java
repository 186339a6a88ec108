package io.baton.cli;

import io.baton.cli.chaos.ChaosCommand;
import io.baton.cli.keys.KeysException;
import io.baton.cli.launch.LaunchException;
import io.baton.error.BatonException;
import io.grpc.StatusRuntimeException;
import java.util.logging.Level;
import java.util.logging.Logger;
import picocli.CommandLine;
import picocli.CommandLine.Command;

/** The program behind {@code ./baton}. */
@Command(
        name = "baton",
        description = "Serves a language model with prefill and decode in separate processes.",
        synopsisSubcommandLabel = "COMMAND",
        subcommands = {
            UpCommand.class,
            DownCommand.class,
            StatusCommand.class,
            GenerateCommand.class,
            BenchCommand.class,
            ChaosCommand.class,
            KeysCommand.class,
            CommandLine.HelpCommand.class
        },
        mixinStandardHelpOptions = true,
        version = "baton 0.1.0-SNAPSHOT",
        footer = {
            "",
            "The script ./baton has three commands more:",
            "  build     Build what is missing or older than its sources; with --native, the native executables.",
            "  test      Build everything and run all tests and checks; with --native, the tests of whole processes",
            "            against the native executables.",
            "  k8s       Write k8s/base anew from what the build generates.",
            "",
            "Every command has --help."
        })
public final class Main {
    private static final int FAILED = 1;
    /** The commands say themselves what they do; held here because the log manager forgets loggers that nobody holds. */
    private static final Logger LOG = Logger.getLogger("io.baton");

    private Main() {}

    /** Runs a command and ends the process: 0 done, 1 failed, 2 wrong usage. */
    public static void main(String[] args) {
        LOG.setLevel(Level.WARNING);
        System.exit(commandLine().execute(args));
    }

    /** The command line with everything that it prints and returns. */
    public static CommandLine commandLine() {
        CommandLine line = new CommandLine(new Main());
        line.setExecutionExceptionHandler((e, command, parsed) -> {
            switch (e) {
                case LaunchException l -> command.getErr().println("baton: " + l.getMessage());
                case KeysException k -> command.getErr().println("baton: " + k.getMessage());
                case BatonException b -> command.getErr().println("baton: " + b.getMessage());
                case StatusRuntimeException s ->
                    command.getErr().println("baton: " + BatonException.from(s).getMessage());
                default -> throw e;
            }
            return FAILED;
        });
        return line;
    }
}
