package io.baton.cli;

import io.baton.cli.launch.EngineSpec;
import io.baton.cli.launch.Fleet;
import io.baton.cli.launch.FleetSpec;
import io.baton.cli.launch.GgufFile;
import io.baton.cli.launch.LaunchException;
import io.baton.cli.launch.Role;
import io.baton.cli.launch.RunState;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Starts a fleet. */
@Command(
        name = "up",
        mixinStandardHelpOptions = true,
        sortOptions = false,
        header = "Start a router, prefill workers and decode workers on this machine.",
        description = {
            "",
            "Starts the services as processes, waits until they are ready and prints what runs where. Ctrl-C stops",
            "them all; so does the end of this process, however it comes.",
            "",
            "Ports: the router's HTTP port is P, its gRPC port P+1; each worker has two, from P+10 on.",
            "Cores: each worker is pinned to cores of its own. With fewer cores than workers nothing is pinned, every",
            "worker computes with one thread, and speed means nothing.",
            "Logs: .run/P/NAME.log.",
            ""
        })
final class UpCommand implements Callable<Integer> {
    private static final String STORY = "Tell me a story about a fox called Ruby who finds a lantern";

    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it before the command runs
    private CommandSpec spec;

    @Option(
            names = "--prefill",
            paramLabel = "N",
            description =
                    "Prefill workers; with 0, decode workers compute prompts themselves. Default: ${DEFAULT-VALUE}")
    private int prefill = 1;

    @Option(names = "--decode", paramLabel = "N", description = "Decode workers. Default: ${DEFAULT-VALUE}")
    private int decode = 1;

    @Mixin
    private final EngineOptions engine = new EngineOptions();

    @Option(names = "--block-size", paramLabel = "N", description = "Tokens per KV block. Default: ${DEFAULT-VALUE}")
    private int blockSize = 256;

    @Option(names = "--port", paramLabel = "P", description = "The router's HTTP port. Default: ${DEFAULT-VALUE}")
    private int port = DownCommand.DEFAULT_PORT;

    @Option(
            names = "--host",
            paramLabel = "ADDRESS",
            description = "The address to bind to. Without --api-keys any other than the default opens the API to"
                    + " whoever reaches it. Default: ${DEFAULT-VALUE}")
    private String host = "127.0.0.1";

    @Option(
            names = "--api-keys",
            paramLabel = "FILE",
            description =
                    "The clients' API keys, lines 'tenant: key'; changes are seen. Default: the API asks for none")
    private @Nullable Path apiKeys;

    @Option(
            names = "--plaintext",
            description =
                    "Let the services talk to each other without TLS. Default: each gets a certificate of its own")
    private boolean plaintext;

    @Option(
            names = "--native",
            description = "Start the native executables, which ./baton build --native makes, instead of JVMs.")
    private boolean executables;

    @Option(names = "--detach", description = "Return when the services are ready; ./baton down stops them.")
    private boolean detach;

    @Option(
            names = "--ready-timeout",
            paramLabel = "SECONDS",
            description = "How long the services may take to become ready; large models load slowly. Default:"
                    + " ${DEFAULT-VALUE}")
    private int readySeconds = 120;

    @Option(
            names = "--java-opts",
            paramLabel = "OPTIONS",
            split = " ",
            description = "Further options of every JVM, separated by spaces, such as --java-opts='-Xmx1g -Xlog:gc'."
                    + " With --native, those that an executable has too, such as -Xmx1g")
    private List<String> javaOptions = List.of();

    @Option(
            names = "-D",
            paramLabel = "KEY=VALUE",
            description = "A setting of every service, such as -D baton.engine.threads=4; repeatable")
    private Map<String, String> settings = new LinkedHashMap<>();

    @Override
    public Integer call() {
        EngineSpec engineSpec = engine.spec();
        FleetSpec.Builder builder = FleetSpec.builder(Project.root(), engineSpec)
                .runs(Project.runs())
                .host(host)
                .port(port)
                .workers(prefill, decode)
                .blockSize(blockSize)
                .outlives(detach)
                .executables(executables)
                .mtls(!plaintext)
                .javaOptions(javaOptions)
                .readyTimeout(Duration.ofSeconds(readySeconds));
        passKeys(builder);
        settings.forEach(builder::setting);

        PrintWriter out = spec.commandLine().getOut();
        Fleet fleet = Fleet.start(builder.build(), line -> {
            out.println("  " + line);
            out.flush();
        });
        print(out, fleet, engineSpec);
        out.flush();
        if (detach) {
            return 0;
        }
        String failure = fleet.awaitFailure();
        if (failure == null) {
            return 0;
        }
        spec.commandLine().getErr().println("baton: " + failure + "\nStopping the others.");
        fleet.close();
        return 1;
    }

    private void passKeys(FleetSpec.Builder builder) {
        Path file = apiKeys;
        if (file != null) {
            if (!Files.isReadable(file)) {
                throw new LaunchException("the file of API keys " + file
                        + " cannot be read; --api-keys FILE names a file of lines 'tenant: key'");
            }
            builder.setting(
                    Role.ROUTER,
                    "baton.router.api-keys",
                    file.toAbsolutePath().normalize().toString());
        }
    }

    private void print(PrintWriter out, Fleet fleet, EngineSpec engineSpec) {
        out.println();
        out.printf("%-12s %8s %7s %7s  %-9s %s%n", "NAME", "PID", "HTTP", "GRPC", "CORES", "LOG");
        for (RunState.Service s : fleet.state().services()) {
            out.printf(
                    "%-12s %8d %7d %7d  %-9s %s%n",
                    s.name(),
                    s.pid(),
                    s.httpPort(),
                    s.grpcPort(),
                    s.cores().isEmpty()
                            ? "any"
                            : s.cores().stream().map(String::valueOf).collect(Collectors.joining(",")),
                    s.log());
        }
        if (fleet.cores().crowded()) {
            out.println();
            out.println("There are fewer cores than workers: each computes with one unpinned thread, so what it says is"
                    + " right, but its speed means nothing.");
        }
        boolean chat =
                engineSpec.model() == null || GgufFile.open(engineSpec.model()).chatTemplate();
        out.println();
        out.println("Model " + engineSpec.servedName() + " is ready. Try, in another terminal:");
        out.println();
        for (String line : new Examples(fleet, engineSpec.servedName(), chat, apiKeys != null).lines(STORY)) {
            out.println("  " + line);
        }
        out.println();
        out.println(detach ? "./baton down stops everything." : "Ctrl-C stops everything.");
    }
}
