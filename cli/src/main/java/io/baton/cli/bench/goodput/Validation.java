package io.baton.cli.bench.goodput;

import io.baton.cli.Project;
import io.baton.cli.bench.BenchModel;
import io.baton.cli.bench.RandomPrompts;
import io.baton.cli.bench.goodput.RealFleet.Seen;
import io.baton.cli.launch.EngineSpec;
import io.baton.cli.launch.Fleet;
import io.baton.cli.launch.FleetSpec;
import io.baton.cli.launch.Role;
import io.baton.router.config.Disaggregation;
import io.baton.router.config.SchedulingPolicy;
import io.baton.router.schedule.Slo;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;

/**
 * The simulation beside a real fleet of one prefill and one decode worker, with the same arrivals. What things cost is measured
 * before, on other requests.
 *
 * @param costs as measured
 * @param rows what is compared, in seconds
 * @param requests counted requests
 */
record Validation(Costs costs, List<Row> rows, int requests) {
    /** How far a prediction may be off. */
    static final double TOLERANCE = 0.2;
    /** Of prefill's time; its queue is what makes TTFT. */
    private static final double BUSY = 0.6;

    private static final int LONGEST_PROMPT = 1500;
    private static final int LONGEST_OUTPUT = 120;
    private static final double SIMULATED_SLO = 1e6;

    Validation {
        rows = List.copyOf(rows);
    }

    /** One figure, in seconds. */
    record Row(String name, double real, double simulated) {
        double ratio() {
            return simulated / real;
        }

        boolean isPredicted() {
            return Math.abs(ratio() - 1) <= TOLERANCE;
        }
    }

    /**
     * What to run.
     *
     * @param model a model with random weights
     * @param directory where it is kept
     * @param calibration how costs are measured
     * @param promptTokens median prompt, to which those of the trace are scaled
     * @param outputTokens median output, likewise
     * @param requests requests of the run
     */
    record Setup(
            BenchModel model,
            Path directory,
            Calibration calibration,
            int promptTokens,
            int outputTokens,
            int requests) {

        /** A run of some minutes on two cores. */
        static Setup usual(Path directory, int requests) {
            return new Setup(
                    BenchModel.medium(BenchModel.Weights.Q4_0),
                    directory,
                    new Calibration(List.of(64, 256, 512, 1024), List.of(1, 2, 4, 8), 256, 800, 3),
                    250,
                    40,
                    requests);
        }

        /** Shows that it works. */
        static Setup quick(Path directory, int requests) {
            return new Setup(
                    BenchModel.small(BenchModel.Weights.Q4_0),
                    directory,
                    new Calibration(List.of(64, 512), List.of(1, 2), 64, 150, 1),
                    200,
                    10,
                    requests);
        }
    }

    static Validation run(Setup setup, List<TraceRequest> trace, long seed, Consumer<String> progress)
            throws InterruptedException {
        Path model = setup.model().ensure(setup.directory(), progress);
        FleetSpec spec = FleetSpec.builder(
                        Project.root(), EngineSpec.llamacpp(model).withContextCells(32_768))
                .runs(Project.runs())
                .setting(Role.ROUTER, "baton.router.schedule.disaggregation", "always")
                .readyTimeout(Duration.ofMinutes(5))
                .build();
        progress.accept("starting a router, a prefill and a decode worker");
        try (Fleet fleet = Fleet.start(spec, line -> {});
                RealFleet real = new RealFleet(
                        fleet.grpcAddress(),
                        new RandomPrompts(seed, setup.model().vocabulary()))) {
            progress.accept("warming up");
            for (int i = 0; i < 20; i++) {
                RealFleet.await(real.ask(setup.promptTokens(), 20, System.nanoTime()));
            }
            progress.accept("measuring what things cost");
            Costs example = Costs.example();
            Costs costs = setup.calibration()
                    .measure(
                            real,
                            new Costs(0, 0, 0, 0, 0, 1, 1, 256, example.cells(), 0, example.reportSeconds()),
                            progress);
            List<Job> jobs = jobs(setup, trace, costs, seed);
            progress.accept(String.format(
                    Locale.ROOT,
                    "%d requests in %.0f s",
                    jobs.size(),
                    jobs.getLast().arrival()));
            List<Seen> seen = real.replay(jobs);
            return of(costs, jobs, seen);
        }
    }

    private static Validation of(Costs costs, List<Job> jobs, List<Seen> seen) {
        Outcome simulated = Simulation.run(
                new Variant(SchedulingPolicy.AUTO, Disaggregation.ALWAYS, 1, 1),
                costs,
                new Slo(SIMULATED_SLO, SIMULATED_SLO),
                jobs);
        Histogram ttft = new Histogram();
        Histogram itl = new Histogram();
        int counted = 0;
        for (int i = 0; i < jobs.size(); i++) {
            if (jobs.get(i).counted()) {
                ttft.add(seen.get(i).ttft());
                seen.get(i).gaps().forEach(itl::add);
                counted++;
            }
        }
        List<Row> rows = new ArrayList<>();
        for (int percent : new int[] {50, 99}) {
            rows.add(new Row(
                    "TTFT p" + percent,
                    ttft.percentile(percent),
                    simulated.ttft().percentile(percent)));
        }
        for (int percent : new int[] {50, 99}) {
            rows.add(new Row(
                    "ITL p" + percent, itl.percentile(percent), simulated.gaps().percentile(percent)));
        }
        return new Validation(costs, rows, counted);
    }

    /** A piece of the trace: its pattern of arrivals, and its lengths scaled to the machine; no two prompts begin alike. */
    private static List<Job> jobs(Setup setup, List<TraceRequest> trace, Costs costs, long seed) {
        double prompts =
                median(trace.stream().mapToInt(TraceRequest::promptTokens).toArray());
        double outputs =
                median(trace.stream().mapToInt(TraceRequest::outputTokens).toArray());
        List<Job> piece = Replay.jobs(trace, setup.requests(), 1, seed);
        List<Job> scaled = new ArrayList<>();
        long block = 0;
        double busy = 0;
        for (Job job : piece) {
            int prompt =
                    (int) Math.clamp(job.request().promptTokens() * setup.promptTokens() / prompts, 8, LONGEST_PROMPT);
            int output =
                    (int) Math.clamp(job.request().outputTokens() * setup.outputTokens() / outputs, 2, LONGEST_OUTPUT);
            long[] blocks = new long[Math.ceilDiv(prompt, TraceRequest.BLOCK_TOKENS)];
            for (int i = 0; i < blocks.length; i++) {
                blocks[i] = block++;
            }
            busy += costs.prefillBase() + costs.prefillToken() * prompt;
            scaled.add(new Job(
                    job.arrival(), new TraceRequest(job.request().seconds(), prompt, output, blocks), job.counted()));
        }
        double stretch = busy / BUSY / scaled.getLast().arrival();
        return scaled.stream()
                .map(j -> new Job(j.arrival() * stretch, j.request(), j.counted()))
                .toList();
    }

    private static double median(int[] values) {
        int[] sorted = values.clone();
        java.util.Arrays.sort(sorted);
        return sorted[sorted.length / 2];
    }

    boolean isPredicted() {
        return rows.stream().allMatch(Row::isPredicted);
    }

    void print(PrintWriter out) {
        out.println("| | real, ms | simulated, ms | simulated ÷ real |");
        out.println("|---|---|---|---|");
        for (Row row : rows) {
            out.printf(
                    Locale.ROOT,
                    "| %s | %.1f | %.1f | %.2f |%n",
                    row.name(),
                    1e3 * row.real(),
                    1e3 * row.simulated(),
                    row.ratio());
        }
        out.printf(
                Locale.ROOT,
                "%n%d requests counted; all within %.0f %%: %s%n",
                requests,
                100 * TOLERANCE,
                isPredicted() ? "yes" : "no");
        out.flush();
    }
}
