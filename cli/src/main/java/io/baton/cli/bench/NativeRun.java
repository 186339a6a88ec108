package io.baton.cli.bench;

import io.baton.cli.launch.EngineSpec;
import io.baton.cli.launch.Fleet;
import io.baton.cli.launch.FleetSpec;
import io.baton.cli.launch.LaunchException;
import io.baton.cli.launch.Role;
import io.baton.cli.launch.RunState;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.Stream;

/**
 * What a comparison of JVM and native executables measured.
 *
 * @param setup what was run
 * @param jvm on a JVM
 * @param executables as native executables
 */
record NativeRun(Setup setup, Side jvm, Side executables) {
    /** Most time from its start to its readiness that the native router may take, in ms. */
    static final double ROUTER_READY_BAR = 100;
    /** Most memory that the idle native router may take, in MB. */
    static final double ROUTER_MEMORY_BAR = 60;
    /** Least share of the JVM's decode speed that the executables must reach. */
    static final double DECODE_BAR = 0.97;

    private static final double MEGA = 1e6;
    private static final Duration READY = Duration.ofMinutes(5);
    private static final Duration TIMEOUT = Duration.ofMinutes(5);
    /** What a start left to do, such as closing connections, is over by then. */
    private static final long SETTLE_SECONDS = 3;

    private static final int AT_ONCE = 8;
    private static final int PROMPT_TOKENS = 64;
    private static final int OUTPUT_TOKENS = 32;
    /** Token ids that every model here has. */
    private static final int SMALLEST_VOCABULARY = 512;

    /**
     * What to run.
     *
     * @param root the project's root
     * @param runs the directory of runs
     * @param demo the demo model
     * @param large the model for decode speed
     * @param shape its shape
     * @param requests requests to the demo model
     * @param starts starts of each service
     * @param rounds rounds of decode speed
     * @param tokens gaps between tokens per round
     */
    record Setup(
            Path root,
            Path runs,
            Path demo,
            Path large,
            BenchModel shape,
            int requests,
            int starts,
            int rounds,
            int tokens) {}

    /** Figures of one service: bytes, ms, bytes, bytes. */
    record Service(long size, double readyMillis, long idle, long afterLoad) {}

    /** Figures of one way to run. */
    record Side(Map<Role, Service> services, double tokensPerSecond, Percentiles gaps, List<Double> decode) {
        Side {
            services = new EnumMap<>(services);
            decode = List.copyOf(decode);
        }

        double decodeSpeed() {
            return Percentiles.median(
                    decode.stream().mapToDouble(Double::doubleValue).toArray());
        }
    }

    /** Measures both. */
    static NativeRun measure(Setup setup, Consumer<String> progress) {
        Side jvm = services(setup, false, line -> progress.accept("JVM: " + line));
        Side executables = services(setup, true, line -> progress.accept("native: " + line));
        List<Double> decodeJvm = new ArrayList<>();
        List<Double> decodeExecutables = new ArrayList<>();
        for (int round = 0; round < setup.rounds(); round++) {
            progress.accept("decode speed, round " + (round + 1) + " of " + setup.rounds());
            // Who goes first alternates, so that a machine that changes speed favours neither.
            for (boolean executable : round % 2 == 0 ? List.of(false, true) : List.of(true, false)) {
                (executable ? decodeExecutables : decodeJvm).add(decodeSpeed(setup, executable, round));
            }
        }
        return new NativeRun(setup, withDecode(jvm, decodeJvm), withDecode(executables, decodeExecutables));
    }

    private static Side withDecode(Side side, List<Double> decode) {
        return new Side(side.services(), side.tokensPerSecond(), side.gaps(), decode);
    }

    private static FleetSpec fleet(Setup setup, EngineSpec engine, boolean executables) {
        return FleetSpec.builder(setup.root(), engine)
                .runs(setup.runs())
                .executables(executables)
                .setting(Role.ROUTER, "baton.router.schedule.disaggregation", "always")
                .readyTimeout(READY)
                .build();
    }

    private static Side services(Setup setup, boolean executables, Consumer<String> progress) {
        progress.accept("starting the fleet with the demo model");
        try (Fleet fleet = Fleet.start(fleet(setup, EngineSpec.llamacpp(setup.demo()), executables), line -> {})) {
            settle();
            Map<Role, Long> idle = memory(fleet);
            progress.accept(setup.requests() + " requests");
            ClosedLoop load = ClosedLoop.run(
                    fleet.grpcAddress(),
                    new RandomPrompts(1, SMALLEST_VOCABULARY),
                    new ClosedLoop.Load(setup.requests(), AT_ONCE, PROMPT_TOKENS, OUTPUT_TOKENS));
            settle();
            Map<Role, Long> after = memory(fleet);
            Map<Role, Service> services = new EnumMap<>(Role.class);
            for (Role role : Role.values()) {
                progress.accept("starts of " + role.label());
                services.put(
                        role,
                        new Service(
                                size(role.program(setup.root(), executables), executables),
                                readyMillis(fleet, role, setup.starts()),
                                idle.getOrDefault(role, 0L),
                                after.getOrDefault(role, 0L)));
            }
            return new Side(services, load.tokensPerSecond(), Percentiles.ofNanos(load.gaps()), List.of());
        }
    }

    private static double readyMillis(Fleet fleet, Role role, int starts) {
        double[] millis = new double[starts];
        for (int i = 0; i < starts; i++) {
            millis[i] = fleet.restart(fleet.services(role).getFirst()).toNanos() / 1e6;
            // The router looks for a worker that came back; its own start must find both.
            awaitReady(fleet, fleet.router());
        }
        return Percentiles.median(millis);
    }

    private static void awaitReady(Fleet fleet, RunState.Service service) {
        long deadline = System.nanoTime() + READY.toNanos();
        while (!fleet.ready(service)) {
            if (System.nanoTime() - deadline > 0) {
                throw new LaunchException(service.name() + " is not ready again; its log is " + service.log());
            }
            sleep(20);
        }
    }

    private static Map<Role, Long> memory(Fleet fleet) {
        Map<Role, Long> bytes = new EnumMap<>(Role.class);
        for (Role role : Role.values()) {
            bytes.put(role, fleet.residentBytes(fleet.services(role).getFirst()));
        }
        return bytes;
    }

    private static double decodeSpeed(Setup setup, boolean executables, int round) {
        Workload load = Workload.of(1, 1);
        EngineSpec engine = EngineSpec.llamacpp(setup.large()).withContextCells(load.contextCells());
        try (Fleet fleet = Fleet.start(fleet(setup, engine, executables), line -> {});
                FleetTarget target = new FleetTarget(
                        fleet.grpcAddress(),
                        new RandomPrompts(round, setup.shape().vocabulary()),
                        load)) {
            Phase phase = Phase.run(target, new Phase.Plan(1, 8, setup.tokens(), 0, TIMEOUT), List.of());
            return phase.gaps().size()
                    / (phase.gaps().stream().mapToLong(Long::longValue).sum() / 1e9);
        }
    }

    /** Bytes of an executable, or of the directory of an application with its libraries. */
    private static long size(Path program, boolean executable) {
        Path all = executable ? program : program.toAbsolutePath().getParent();
        try (Stream<Path> files = Files.walk(all)) {
            return files.filter(Files::isRegularFile)
                    .mapToLong(NativeRun::bytes)
                    .sum();
        } catch (IOException e) {
            throw new LaunchException(all + " cannot be read: " + e.getMessage(), e);
        }
    }

    private static long bytes(Path file) {
        try {
            return Files.size(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void settle() {
        sleep(TimeUnit.SECONDS.toMillis(SETTLE_SECONDS));
    }

    private static void sleep(long millis) {
        try {
            TimeUnit.MILLISECONDS.sleep(millis);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new LaunchException("interrupted while measuring", e);
        }
    }

    double decodeRatio() {
        return executables.decodeSpeed() / jvm.decodeSpeed();
    }

    /** The table of docs/performance.md. */
    void print(PrintWriter out) {
        out.println("| | JVM | native |");
        out.println("|---|---|---|");
        for (Role role : Role.values()) {
            row(out, role, "size, MB", s -> s.size() / MEGA);
        }
        for (Role role : Role.values()) {
            row(out, role, "start to ready, ms", Service::readyMillis);
        }
        for (Role role : Role.values()) {
            row(out, role, "memory idle, MB", s -> s.idle() / MEGA);
        }
        for (Role role : Role.values()) {
            row(out, role, "memory after " + setup.requests() + " requests, MB", s -> s.afterLoad() / MEGA);
        }
        row(out, "demo model, " + AT_ONCE + " requests at once, tokens/s", "%.0f", Side::tokensPerSecond);
        row(
                out,
                "demo model, inter-token latency p50, ms",
                "%.2f",
                s -> s.gaps().p50());
        row(
                out,
                "demo model, inter-token latency p99, ms",
                "%.2f",
                s -> s.gaps().p99());
        row(out, setup.shape().name() + ", decode of one stream, tokens/s", "%.2f", Side::decodeSpeed);
        out.println();
        Service router = executables.services().getOrDefault(Role.ROUTER, new Service(0, 0, 0, 0));
        bar(out, "native router, start to ready, ms", router.readyMillis(), "under", ROUTER_READY_BAR);
        bar(out, "native router, memory idle, MB", router.idle() / MEGA, "under", ROUTER_MEMORY_BAR);
        bar(out, "decode speed, native / JVM", decodeRatio(), "at least", DECODE_BAR);
        out.printf(
                Locale.ROOT,
                "%nmedians: %d starts, %d rounds of %d tokens (JVM %s; native %s); %d processors, Java %s%n",
                setup.starts(),
                setup.rounds(),
                setup.tokens(),
                list(jvm.decode()),
                list(executables.decode()),
                Runtime.getRuntime().availableProcessors(),
                Runtime.version());
        out.flush();
    }

    private void row(PrintWriter out, Role role, String what, Function<Service, Double> figure) {
        row(out, role.label() + ", " + what, "%.1f", side -> {
            Service service = side.services().get(role);
            return service == null ? 0.0 : figure.apply(service);
        });
    }

    private void row(PrintWriter out, String what, String format, Function<Side, Double> figure) {
        out.printf(
                Locale.ROOT,
                "| %s | " + format + " | " + format + " |%n",
                what,
                figure.apply(jvm),
                figure.apply(executables));
    }

    private static void bar(PrintWriter out, String what, double seen, String relation, double wanted) {
        boolean reached = relation.equals("under") ? seen < wanted : seen >= wanted;
        out.printf(
                Locale.ROOT,
                "%s: %.2f, %s %.2f wanted: %s%n",
                what,
                seen,
                relation,
                wanted,
                reached ? "reached" : "missed");
    }

    private static String list(List<Double> values) {
        return String.join(
                ", ",
                values.stream().map(v -> String.format(Locale.ROOT, "%.2f", v)).toList());
    }
}
