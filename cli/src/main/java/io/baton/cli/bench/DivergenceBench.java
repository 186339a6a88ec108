package io.baton.cli.bench;

import io.baton.cli.Project;
import io.baton.cli.launch.EngineSpec;
import io.baton.cli.launch.Fleet;
import io.baton.cli.launch.FleetSpec;
import io.baton.cli.launch.LaunchException;
import io.baton.cli.launch.Role;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code baton bench divergence}: how often a stream that is computed again goes on otherwise than it would have. */
@Command(
        name = "divergence",
        mixinStandardHelpOptions = true,
        sortOptions = false,
        header = "Measure how often recomputed streams go on differently.",
        description = {
            "When a worker is lost, the prompt and the tokens so far are computed again, as one prompt. Greedy streams are asked",
            "undisturbed and continued so, with several kinds of cache: which share of them differs, and where. Status 1 if any",
            "does with an F32 cache and without flash attention, if the model's weights are F32."
        })
public final class DivergenceBench implements Callable<Integer> {
    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it before the command runs
    private CommandSpec spec;

    @Option(names = "--model", paramLabel = "FILE", description = "A GGUF file. Default: the demo model")
    private @Nullable Path model;

    @Option(names = "--streams", paramLabel = "N", description = "Streams. Default: ${DEFAULT-VALUE}")
    private int streams = 100;

    @Option(
            names = "--tokens",
            paramLabel = "N",
            description = "Tokens of a stream; it is continued after a third of them. Default: ${DEFAULT-VALUE}")
    private int tokens = 150;

    /** Made by picocli. */
    public DivergenceBench() {}

    /** What a worker's cache is like. */
    private record Cache(String name, String type, boolean flashAttention, boolean exact) {}

    private static final List<Cache> CACHES = List.of(
            new Cache("F32, no flash attention", "f32", false, true),
            new Cache("F16, no flash attention", "f16", false, false),
            new Cache("F16, flash attention (the default)", "f16", true, false),
            new Cache("Q8_0, flash attention", "q8_0", true, false));

    @Override
    public Integer call() throws InterruptedException {
        if (streams < 1 || tokens < 6) {
            throw new LaunchException("--streams is " + streams + " and --tokens " + tokens
                    + "; there must be at least 1 stream of at least 6 tokens");
        }
        PrintWriter out = spec.commandLine().getOut();
        PrintWriter err = spec.commandLine().getErr();
        Path file = model == null ? Project.demoModel() : model;
        boolean wrong = false;
        out.println("| cache | streams that differ | % | first token that differs, median |");
        out.println("|---|---|---|---|");
        for (Cache cache : CACHES) {
            err.println(cache.name());
            err.flush();
            List<Integer> differing = measure(file, cache);
            out.printf(
                    Locale.ROOT,
                    "| %s | %d of %d | %.1f | %s |%n",
                    cache.name(),
                    differing.size(),
                    streams,
                    100.0 * differing.size() / streams,
                    differing.isEmpty()
                            ? "–"
                            : differing.stream().sorted().toList().get(differing.size() / 2));
            out.flush();
            wrong |= cache.exact() && model == null && !differing.isEmpty();
        }
        return wrong ? 1 : 0;
    }

    /** Where streams went on otherwise, counted from where they were continued; those that did not are left out. */
    private List<Integer> measure(Path file, Cache cache) throws InterruptedException {
        FleetSpec fleetSpec = FleetSpec.builder(
                        Project.root(),
                        EngineSpec.llamacpp(file).withKvType(cache.type()).withFlashAttention(cache.flashAttention()))
                .runs(Project.runs())
                // Both ways as recovery has them: the prompt is prefill's, what follows is decode's.
                .setting(Role.ROUTER, "baton.router.schedule.disaggregation", "always")
                // Rows from a prefix cache would be those of the first time.
                .setting("baton.decode.keep-generated", "false")
                .readyTimeout(Duration.ofMinutes(5))
                .build();
        List<Integer> differing = new ArrayList<>();
        try (Fleet fleet = Fleet.start(fleetSpec, line -> {});
                GreedyClient client = new GreedyClient(fleet.grpcAddress())) {
            for (int i = 0; i < streams; i++) {
                int[] prompt = client.text(GreedyClient.story(i), tokens / 3);
                int[] undisturbed = client.ids(prompt, tokens);
                int[] begun = new int[prompt.length + tokens / 3];
                System.arraycopy(prompt, 0, begun, 0, prompt.length);
                System.arraycopy(undisturbed, 0, begun, prompt.length, tokens / 3);
                int[] continued = client.ids(begun, tokens - tokens / 3);
                for (int t = 0; t < continued.length; t++) {
                    if (continued[t] != undisturbed[tokens / 3 + t]) {
                        differing.add(t);
                        break;
                    }
                }
            }
        }
        return differing;
    }
}
