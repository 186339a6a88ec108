package io.baton.cli.bench.goodput;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.baton.cli.Project;
import io.baton.cli.bench.BenchModel;
import io.baton.cli.bench.RandomPrompts;
import io.baton.cli.bench.goodput.RealFleet.Seen;
import io.baton.cli.launch.EngineSpec;
import io.baton.cli.launch.Fleet;
import io.baton.cli.launch.FleetSpec;
import io.baton.cli.launch.LaunchException;
import io.baton.cli.launch.Role;
import io.baton.router.config.Disaggregation;
import io.baton.router.config.SchedulingPolicy;
import io.baton.router.schedule.Slo;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;
import java.util.stream.Collectors;

/**
 * The simulation beside a real fleet of one prefill and one decode worker, with the same arrivals. What things cost is measured
 * before, on other requests.
 *
 * @param costs as measured
 * @param rows what is compared, in seconds
 * @param conditions under what conditions
 * @param requests all of them, those that are not counted too
 * @param realGaps times between tokens of the counted ones, in seconds
 */
record Validation(Costs costs, List<Row> rows, Conditions conditions, List<Request> requests, List<Double> realGaps) {
    /** How far a prediction may be off. */
    static final double TOLERANCE = 0.2;
    /** Of prefill's time, by the costs of prompts alone; its queue is what makes TTFT. */
    private static final double BUSY = 0.55;

    private static final ObjectMapper JSON = new ObjectMapper();
    private static final int LONGEST_PROMPT = 750;
    private static final int LONGEST_OUTPUT = 200;
    private static final double SIMULATED_SLO = 1e6;
    private static final int WARM_UP = 20;
    /** Longer than any request of the warm-up takes. */
    private static final double IDLE_SECONDS = 60;

    /** The default of baton.engine.batch-tokens. */
    private static final int BATCH_TOKENS = 256;

    Validation {
        rows = List.copyOf(rows);
        requests = List.copyOf(requests);
        realGaps = List.copyOf(realGaps);
    }

    /**
     * What the real run was like.
     *
     * @param requests counted requests
     * @param gaps times between tokens of them
     * @param offered of prefill's time, by the costs of prompts alone
     * @param lateMost seconds by which the latest request was sent too late
     * @param clientCpu CPU time of this process, as a fraction of a core
     * @param drift what prompts alone took after the run ÷ before it, minus 1: how much the machine itself has changed
     */
    record Conditions(int requests, long gaps, double offered, double lateMost, double clientCpu, double drift) {}

    /**
     * One request.
     *
     * @param job when it came and how long it was
     * @param real its time to first token, in seconds
     * @param simulated likewise
     * @param realSecond seconds from its first token to its second
     * @param simulatedSecond likewise
     */
    record Request(Job job, double real, double simulated, double realSecond, double simulatedSecond) {}

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
                    new Calibration(
                            List.of(8, 32, 64, 128, 256, 512, LONGEST_PROMPT),
                            6,
                            32,
                            500,
                            60,
                            List.of(1, 2, 4),
                            300,
                            List.of(64, 128, 256),
                            2),
                    64,
                    // Two sequences are the rule then. With half the tokens the median time between tokens would fall
                    // between that of steps of one sequence and that of two, where there are few, and say little.
                    60,
                    requests);
        }

        /** Shows that it works. */
        static Setup quick(Path directory, int requests) {
            return new Setup(
                    BenchModel.small(BenchModel.Weights.Q4_0),
                    directory,
                    new Calibration(List.of(16, 128, 512), 2, 32, 256, 150, List.of(1, 2), 400, List.of(64, 128), 1),
                    128,
                    10,
                    requests);
        }
    }

    /**
     * Measures, replays and predicts.
     *
     * @throws io.baton.cli.launch.LaunchException if the fleet does not start, a request fails or too little could be measured
     */
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
            for (int i = 0; i < WARM_UP; i++) {
                RealFleet.await(real.ask(setup.promptTokens(), WARM_UP, System.nanoTime()));
            }
            Samples samples = setup.calibration().measure(real, progress);
            Costs example = Costs.example();
            Costs costs = samples.costs(
                    new Costs(0, 0, 0, 0, 0, 1, 1, BATCH_TOKENS, example.cells(), 0, example.reportSeconds()));
            progress.accept(costs.toString());
            List<Job> jobs = jobs(setup, trace, costs, seed);
            progress.accept(String.format(
                    Locale.ROOT,
                    "%d requests in %.0f s",
                    jobs.size(),
                    jobs.getLast().arrival()));
            Duration cpu = cpu();
            List<Seen> seen = real.replay(jobs);
            double seconds =
                    (seen.getLast().tokens().getLast() - seen.getFirst().due()) / 1e9;
            double clientCpu = cpu().minus(cpu).toNanos() / 1e9 / seconds;
            Samples after = new Samples();
            setup.calibration().prompts(real, after);
            return of(costs, setup.calibration().promptLengths(), jobs, seen, clientCpu, samples.drift(after));
        }
    }

    private static Duration cpu() {
        return ProcessHandle.current()
                .info()
                .totalCpuDuration()
                .orElseThrow(() -> new LaunchException("the CPU time of this process cannot be read"));
    }

    private static Validation of(
            Costs costs, List<Integer> lengths, List<Job> jobs, List<Seen> seen, double clientCpu, double drift) {
        List<Job> before = warmUp(lengths);
        double begin = before.getLast().arrival() + IDLE_SECONDS;
        List<Job> all = new ArrayList<>(before);
        jobs.forEach(j -> all.add(new Job(begin + j.arrival(), j.request(), j.counted())));
        Outcome simulated = Simulation.runAdmitted(
                new Variant(SchedulingPolicy.AUTO, Disaggregation.ALWAYS, 1, 1),
                costs,
                new Slo(SIMULATED_SLO, SIMULATED_SLO),
                all);
        List<Flight> flights = simulated.flights().subList(before.size(), all.size());
        Histogram ttft = new Histogram();
        Histogram itl = new Histogram();
        List<Request> requests = new ArrayList<>();
        List<Double> gaps = new ArrayList<>();
        int counted = 0;
        double late = 0;
        for (int i = 0; i < jobs.size(); i++) {
            late = Math.max(late, seen.get(i).late());
            Flight flight = flights.get(i);
            requests.add(new Request(
                    jobs.get(i),
                    seen.get(i).ttft(),
                    flight.ttft(),
                    seen.get(i).gaps().getFirst(),
                    flight.secondToken - flight.firstToken));
            if (jobs.get(i).counted()) {
                ttft.add(seen.get(i).ttft());
                gaps.addAll(seen.get(i).gaps());
                counted++;
            }
        }
        gaps.forEach(itl::add);
        List<Row> rows = List.of(
                row("TTFT", 50, ttft, simulated.ttft()),
                row("TTFT", 99, ttft, simulated.ttft()),
                row("ITL", 50, itl, simulated.gaps()),
                row("ITL", 99, itl, simulated.gaps()));
        return new Validation(
                costs,
                rows,
                new Conditions(counted, itl.total(), offered(costs, jobs), late, clientCpu, drift),
                requests,
                gaps);
    }

    private static Row row(String name, int percent, Histogram real, Histogram simulated) {
        return new Row(name + " p" + percent, real.percentile(percent), simulated.percentile(percent));
    }

    /** As the real worker, the simulated one has measured itself before, on prompts alone: admission goes by that. */
    static List<Job> warmUp(List<Integer> lengths) {
        List<Job> jobs = new ArrayList<>();
        for (int i = 0; i < WARM_UP; i++) {
            int length = lengths.get(i % lengths.size());
            long[] blocks = new long[Math.ceilDiv(length, TraceRequest.BLOCK_TOKENS)];
            Arrays.setAll(blocks, b -> -1 - b);
            double at = IDLE_SECONDS * i;
            jobs.add(new Job(at, new TraceRequest(at, length, 2, blocks), false));
        }
        return jobs;
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
        for (Job job : piece) {
            int prompt =
                    (int) Math.clamp(job.request().promptTokens() * setup.promptTokens() / prompts, 8, LONGEST_PROMPT);
            int output =
                    (int) Math.clamp(job.request().outputTokens() * setup.outputTokens() / outputs, 2, LONGEST_OUTPUT);
            long[] blocks = new long[Math.ceilDiv(prompt, TraceRequest.BLOCK_TOKENS)];
            for (int i = 0; i < blocks.length; i++) {
                blocks[i] = block++;
            }
            scaled.add(new Job(
                    job.arrival(), new TraceRequest(job.request().seconds(), prompt, output, blocks), job.counted()));
        }
        double stretch = offered(costs, scaled) / BUSY;
        return scaled.stream()
                .map(j -> new Job(j.arrival() * stretch, j.request(), j.counted()))
                .toList();
    }

    /** Of the prefill worker's time. */
    private static double offered(Costs costs, List<Job> jobs) {
        double busy = jobs.stream()
                .mapToDouble(
                        j -> costs.prefillBase() + costs.chunk(0, j.request().promptTokens()))
                .sum();
        return busy / jobs.getLast().arrival();
    }

    private static double median(int[] values) {
        int[] sorted = values.clone();
        java.util.Arrays.sort(sorted);
        return sorted[sorted.length / 2];
    }

    boolean isPredicted() {
        return rows.stream().allMatch(Row::isPredicted);
    }

    /** All of it; times in seconds. */
    ObjectNode json() {
        ObjectNode json = JSON.createObjectNode();
        json.put("predicted", isPredicted());
        ArrayNode figures = json.putArray("figures");
        for (Row row : rows) {
            figures.addObject()
                    .put("name", row.name())
                    .put("real", row.real())
                    .put("simulated", row.simulated())
                    .put("ratio", row.ratio())
                    .put("predicted", row.isPredicted());
        }
        json.set("costs", JSON.valueToTree(costs));
        json.putObject("conditions")
                .put("requests", conditions.requests())
                .put("gaps", conditions.gaps())
                .put("offered", conditions.offered())
                .put("late_most", conditions.lateMost())
                .put("client_cpu", conditions.clientCpu())
                .put("drift", conditions.drift());
        realGaps.forEach(json.putArray("real_gaps")::add);
        ArrayNode all = json.putArray("requests");
        for (Request request : requests) {
            Job job = request.job();
            all.addObject()
                    .put("arrival", job.arrival())
                    .put("prompt_tokens", job.request().promptTokens())
                    .put("output_tokens", job.request().outputTokens())
                    .put("counted", job.counted())
                    .put("real_ttft", request.real())
                    .put("simulated_ttft", request.simulated())
                    .put("real_second_token", request.realSecond())
                    .put("simulated_second_token", request.simulatedSecond());
        }
        return json;
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
        out.printf(Locale.ROOT, "%nAll within %.0f %%: %s%n%n", 100 * TOLERANCE, isPredicted() ? "yes" : "no");
        out.printf(
                Locale.ROOT,
                "%d requests and %d times between tokens counted, %.0f %% of the prefill worker's time offered. Sent at most"
                        + " %.1f ms late; the client took %.1f %% of a core. Prompts alone took %+.0f %% after the run.%n",
                conditions.requests(),
                conditions.gaps(),
                100 * conditions.offered(),
                1e3 * conditions.lateMost(),
                100 * conditions.clientCpu(),
                100 * conditions.drift());
        Costs.Detail d = costs.detail();
        out.printf(
                Locale.ROOT,
                "Measured before: a prompt of n tokens %.1f ms + n · %.3f ms + n² · %.3f µs; beside streams %+.0f %%. A step of 1, 2..."
                        + " sequences %s ms + %.4f ms per cached token; beside prompts %s %% longer. A hand-over %.1f ms, at a busy worker %.1f steps longer.%n",
                1e3 * costs.prefillBase(),
                1e3 * costs.prefillToken(),
                1e6 * d.prefillSquare(),
                100 * d.prefillBeside(),
                d.steps().stream()
                        .map(t -> String.format(Locale.ROOT, "%.1f", 1e3 * t))
                        .collect(Collectors.joining(", ")),
                1e3 * d.stepCell(),
                d.stepBeside().stream()
                        .map(t -> String.format(Locale.ROOT, "%.0f", 1e2 * t))
                        .collect(Collectors.joining(", ")),
                1e3 * costs.handOver(),
                d.importSteps());
        out.flush();
    }
}
