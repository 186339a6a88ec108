package io.baton.cli.bench;

import com.fasterxml.jackson.databind.JsonNode;
import io.baton.cli.launch.EngineSpec;
import io.baton.cli.launch.Fleet;
import io.baton.cli.launch.FleetSpec;
import io.baton.cli.launch.LaunchException;
import io.baton.cli.launch.Role;
import io.baton.cli.launch.RunState;
import io.baton.engine.llamacpp.library.LibraryProvider;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.stream.Stream;

/**
 * One run: the engine alone on one core, then prefill and decode on a core each, then one engine on all of these cores, one
 * after the other on the same machine.
 *
 * @param engine gaps of the engine in this measurement's own process, on decode's core, idle
 * @param pairIdle gaps of the pair, idle
 * @param pairLoaded gaps of the pair while prompts arrive
 * @param aggregatedIdle gaps of one engine on both cores, idle
 * @param aggregatedLoaded gaps of one engine on both cores while prompts arrive
 * @param prefillAlone prompt tokens per second of the pair without streams, median over prompts
 * @param prefillLoaded the same beside the streams
 * @param aggregatedPrefillAlone the same of the one engine without streams
 * @param aggregatedPrefillLoaded the same beside the streams
 * @param secondTokenAlone ms from first to second token of a prompt without streams, median
 * @param secondTokenLoaded the same beside the streams
 * @param routerCpu share of one core that the router took while loaded
 * @param clientCpu share of one core that the client took while loaded
 * @param prompts prompts that the pair computed while loaded
 */
record InterferenceRun(
        Percentiles engine,
        Percentiles pairIdle,
        Percentiles pairLoaded,
        Percentiles aggregatedIdle,
        Percentiles aggregatedLoaded,
        double prefillAlone,
        double prefillLoaded,
        double aggregatedPrefillAlone,
        double aggregatedPrefillLoaded,
        double secondTokenAlone,
        double secondTokenLoaded,
        double routerCpu,
        double clientCpu,
        int prompts) {

    /**
     * How to measure.
     *
     * @param root the project's root
     * @param runs where fleets keep their state
     * @param model the model
     * @param shape its shape
     * @param load the workload
     * @param plan length of a phase, with the prompts of the loaded ones
     * @param chunk most prompt tokens of a step, everywhere
     */
    record Setup(Path root, Path runs, Path model, BenchModel shape, Workload load, Phase.Plan plan, int chunk) {}

    /** Measures once. */
    static InterferenceRun measure(Setup setup, long seed, Consumer<String> progress) {
        Path library = LibraryProvider.provide(null);
        FleetSpec spec = FleetSpec.builder(
                        setup.root(),
                        EngineSpec.llamacpp(setup.model())
                                .withContextCells(setup.load().contextCells()))
                .runs(setup.runs())
                .setting("baton.engine.library-dir", library.toString())
                .setting("baton.engine.batch-tokens", Integer.toString(setup.chunk()))
                .setting(Role.ROUTER, "baton.router.schedule.disaggregation", "always")
                .readyTimeout(Duration.ofMinutes(5))
                .build();
        List<Integer> decodeCores;
        List<Integer> allCores;
        Phase idle;
        Phase loaded;
        List<Phase.Prompt> alone;
        progress.accept("starting prefill, decode and router");
        try (Fleet fleet = Fleet.start(spec, line -> {});
                FleetTarget target = new FleetTarget(
                        fleet.grpcAddress(),
                        new RandomPrompts(seed, setup.shape().vocabulary()),
                        setup.load())) {
            decodeCores = cores(fleet, Role.DECODE);
            allCores = Stream.concat(cores(fleet, Role.PREFILL).stream(), decodeCores.stream())
                    .sorted()
                    .toList();
            if (decodeCores.isEmpty()) {
                progress.accept("fewer cores than workers: nothing is pinned, and the bars do not apply");
            }
            // The first prompt of a process pays for page faults and class loading.
            Phase.alone(target, 1);
            progress.accept("pair, prompts alone");
            alone = Phase.alone(target, Math.max(2, setup.plan().prompts()));
            progress.accept("pair, under prompts");
            loaded = Phase.run(
                    target,
                    setup.plan(),
                    List.of(cpu(ProcessHandle.of(fleet.router().pid()).orElseThrow()), cpu(ProcessHandle.current())));
            progress.accept("pair, under prompts: " + Percentiles.ofNanos(loaded.gaps()));
            progress.accept("pair, idle");
            idle = Phase.run(target, setup.plan().withPrompts(0).asLongAs(loaded), List.of());
            progress.accept("pair, idle: " + Percentiles.ofNanos(idle.gaps()));
        }
        progress.accept("engine on one core");
        JsonNode engine = EngineProcess.run(
                job(setup, library, 1, seed + 1, 0, idle.gaps().size()), decodeCores);
        progress.accept("aggregated on both cores, idle and under prompts");
        JsonNode aggregated = EngineProcess.run(
                job(
                        setup,
                        library,
                        Math.max(2, allCores.size()),
                        seed + 2,
                        setup.plan().prompts(),
                        setup.plan().gaps()),
                allCores);
        return new InterferenceRun(
                gaps(engine, "idle"),
                Percentiles.ofNanos(idle.gaps()),
                Percentiles.ofNanos(loaded.gaps()),
                gaps(aggregated, "idle"),
                gaps(aggregated, "loaded"),
                median(alone.stream().map(Phase.Prompt::tokensPerSecond).toList()),
                median(loaded.prompts().stream()
                        .map(Phase.Prompt::tokensPerSecond)
                        .toList()),
                median(doubles(aggregated, "alone")),
                median(doubles(aggregated, "prefill")),
                median(alone.stream().map(p -> p.secondTokenNanos() / 1e6).toList()),
                median(loaded.prompts().stream()
                        .map(p -> p.secondTokenNanos() / 1e6)
                        .toList()),
                (double) loaded.cpu().get(0) / loaded.wall(),
                (double) loaded.cpu().get(1) / loaded.wall(),
                loaded.prompts().size());
    }

    private static EngineRunner.Job job(Setup setup, Path library, int threads, long seed, int prompts, int gaps) {
        return new EngineRunner.Job(
                setup.model().toString(),
                library.toString(),
                threads,
                setup.chunk(),
                seed,
                setup.shape().vocabulary(),
                setup.load(),
                setup.plan().warmUp(),
                gaps,
                prompts,
                setup.plan().timeout().toSeconds());
    }

    private static List<Integer> cores(Fleet fleet, Role role) {
        return fleet.services(role).stream()
                .map(RunState.Service::cores)
                .flatMap(List::stream)
                .toList();
    }

    private static Supplier<Duration> cpu(ProcessHandle process) {
        return () -> process.info()
                .totalCpuDuration()
                .orElseThrow(() -> new LaunchException("process " + process.pid() + " ended while it was measured"));
    }

    private static Percentiles gaps(JsonNode result, String field) {
        List<Long> nanos = new ArrayList<>();
        result.get(field).forEach(n -> nanos.add(n.asLong()));
        return Percentiles.ofNanos(nanos);
    }

    private static List<Double> doubles(JsonNode result, String field) {
        List<Double> values = new ArrayList<>();
        result.get(field).forEach(n -> values.add(n.asDouble()));
        return values;
    }

    private static double median(List<Double> values) {
        return Percentiles.median(
                values.stream().mapToDouble(Double::doubleValue).toArray());
    }
}
