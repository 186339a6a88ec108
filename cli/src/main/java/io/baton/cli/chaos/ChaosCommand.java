package io.baton.cli.chaos;

import io.baton.cli.launch.EngineSpec;
import io.baton.cli.launch.FleetSpec;
import io.baton.cli.launch.LaunchException;
import io.baton.cli.launch.Role;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Breaks a fleet on purpose and looks at what its clients get. */
@Command(
        name = "chaos",
        mixinStandardHelpOptions = true,
        sortOptions = false,
        header = "Break a fleet on purpose, and see what its clients get.",
        description = {
            "Starts two prefill workers, two decode workers and a router, asks requests, and asks them again while",
            "processes are killed, stopped and drained and connections are cut, reset, delayed and corrupted. The",
            "demo model runs in exact arithmetic, so every answer must be the undisturbed one. At the end all workers",
            "of a role are killed at once. Ends with status 1 if an answer is another one, if an admitted request",
            "fails while there are workers, if something is still held at the end, or if a kind of fault never happened."
        })
public final class ChaosCommand implements Callable<Integer> {
    private static final int DIFFERENT = 60;
    private static final Duration DEADLINE = Duration.ofMinutes(2);

    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it before the command runs
    private CommandSpec spec;

    @Option(names = "--minutes", paramLabel = "N", description = "How long, at least. Default: ${DEFAULT-VALUE}")
    private double minutes = 3;

    @Option(
            names = "--seed",
            paramLabel = "S",
            description = "Of requests, arrivals and faults. Default: ${DEFAULT-VALUE}")
    private long seed = 1;

    @Option(
            names = "--trace",
            paramLabel = "FILE",
            description = {
                "Arrivals and lengths from a trace: JSON lines with timestamp, input_length, output_length and hash_ids,",
                "scaled to --rate and to prompts that the demo model can have. Default: made up, in bursts"
            })
    private @Nullable Path trace;

    @Option(
            names = "--rate",
            paramLabel = "R",
            description = "Requests per second; fewer where the machine is too slow. Default: ${DEFAULT-VALUE}")
    private double rate = 5;

    @Option(
            names = "--fault-every",
            paramLabel = "SECONDS",
            description = "Time between two faults. Default: ${DEFAULT-VALUE}")
    private double faultEvery = 2;

    @Option(names = "--native", description = "Native executables instead of JVMs.")
    private boolean executables;

    @Option(names = "--json", paramLabel = "FILE", description = "Also write the report as JSON.")
    private @Nullable Path json;

    /** Made by picocli. */
    public ChaosCommand() {}

    @Override
    public Integer call() {
        if (!(minutes > 0 && minutes <= 24 * 60) || !(rate > 0 && rate <= 1000) || !(faultEvery >= 0.1)) {
            throw new CommandLine.ParameterException(
                    spec.commandLine(), "--minutes, --rate and --fault-every must be positive numbers");
        }
        PrintWriter out = spec.commandLine().getOut();
        PrintWriter err = spec.commandLine().getErr();
        Path root = Path.of(System.getProperty("baton.root", "."));
        ChaosReport report = ChaosRun.run(
                fleet(root, EngineSpec.llamacpp(root.resolve("demo-model/baton-demo-3m-f32.gguf")))
                        .runs(root.resolve(".run"))
                        .executables(executables),
                new ChaosRun.Plan(
                        0,
                        Duration.ofMillis((long) (minutes * 60_000)),
                        DIFFERENT,
                        rate,
                        Duration.ofMillis((long) (faultEvery * 1000)),
                        DEADLINE,
                        seed,
                        trace == null ? null : Trace.read(trace)),
                line -> {
                    err.println(line);
                    err.flush();
                });
        report.print(out);
        if (json != null) {
            try {
                Files.writeString(json, report.json().toPrettyString() + "\n");
            } catch (IOException e) {
                throw new LaunchException(json + " cannot be written: " + e.getMessage(), e);
            }
        }
        return report.wrong().isEmpty() ? 0 : 1;
    }

    /**
     * Two workers of each role in exact arithmetic, with small blocks, so that short prompts have several. A request here lives
     * through far more faults than one is meant to, and the more the slower the machine is; so it has more retries and waits.
     * And a worker that has no processor time for a while must not count as lost, because then two may be.
     */
    static FleetSpec.Builder fleet(Path root, EngineSpec engine) {
        return FleetSpec.builder(root, engine.withKvType("f32").withFlashAttention(false))
                .workers(2, 2)
                .blockSize(32)
                .readyTimeout(Duration.ofMinutes(3))
                .setting("baton.kv.store-size", "32M")
                // Every request is to have a hand-over that can fail.
                .setting(Role.ROUTER, "baton.router.schedule.disaggregation", "always")
                .setting(Role.ROUTER, "baton.router.retry-budget", "16")
                .setting(Role.ROUTER, "baton.router.recovery-waits", "90")
                .setting(Role.ROUTER, "baton.router.workers.watch-timeout", "5s")
                .setting(Role.ROUTER, "baton.router.workers.lost-timeout", "5s");
    }
}
