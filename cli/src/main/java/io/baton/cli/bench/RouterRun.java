package io.baton.cli.bench;

import io.baton.cli.launch.LaunchException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import java.util.function.ToLongFunction;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * What one run measured of the router.
 *
 * @param setup what was run
 * @param fleets by number of workers, in the order of the setup
 * @param added latency beside direct connections, at the first number of workers
 * @param relays tokens through the router, at the first number of workers
 */
record RouterRun(Setup setup, List<OfFleet> fleets, Added added, List<Relay> relays) {
    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final Duration IDLE = Duration.ofSeconds(5);
    private static final int SHORT_PROMPT = 128;
    private static final int LATENCY_PROMPT = 1000;
    private static final int TWO_TOKENS = 2;

    /**
     * What to run.
     *
     * @param root the project's root
     * @param executable whether the router is the native executable
     * @param core the router's core; negative for all
     * @param settings further settings of the router, by name
     * @param workers numbers of workers; half of them prefill
     * @param cells prompts that come as a Poisson process
     * @param traces arrivals of traces; may be empty
     * @param seconds how long a cell is measured
     * @param warmUp how long it runs before
     * @param pairs requests beside and past the router, to compare their latency
     * @param streams streams whose tokens are relayed
     * @param step time between two tokens of a stream
     * @param blockSize tokens per KV block
     */
    record Setup(
            Path root,
            boolean executable,
            int core,
            Map<String, String> settings,
            List<Integer> workers,
            List<Shape> cells,
            List<Recorded> traces,
            Duration seconds,
            Duration warmUp,
            int pairs,
            int streams,
            Duration step,
            int blockSize) {
        Setup {
            settings = Map.copyOf(settings);
            workers = List.copyOf(workers);
            cells = List.copyOf(cells);
            traces = List.copyOf(traces);
        }
    }

    /** Requests of one kind: tokens of prompt and output, and how many come per second. */
    record Shape(int promptTokens, int outputTokens, double perSecond) {}

    /** The first requests of a trace, under its name. */
    record Recorded(String name, List<OpenLoop.Arrival> arrivals) {
        Recorded {
            arrivals = List.copyOf(arrivals);
        }
    }

    /** How a client speaks, and how the router does with the workers. */
    enum Protocol {
        /** Text over gRPC. */
        GRPC("gRPC text", false),
        /** JSON over HTTP, answered with server-sent events. */
        HTTP("HTTP JSON, SSE", false),
        /** Text over gRPC; between router and workers there is mutual TLS. */
        MTLS("gRPC text, mTLS", true);

        private final String label;
        private final boolean mtls;

        Protocol(String label, boolean mtls) {
            this.label = label;
            this.mtls = mtls;
        }

        String label() {
            return label;
        }

        static List<Protocol> of(boolean mtls) {
            return Arrays.stream(values()).filter(p -> p.mtls == mtls).toList();
        }
    }

    /**
     * One measurement under load.
     *
     * @param prompt tokens of each prompt; 0 for those of a trace
     * @param prompts what came, in words
     * @param cpuSeconds CPU time of the router's process
     * @param firstToken from the scheduled arrival to the first token
     */
    record Cell(
            Protocol protocol,
            int prompt,
            String prompts,
            int requests,
            long tokens,
            int failures,
            @Nullable String failure,
            double cpuSeconds,
            @Nullable Percentiles firstToken) {
        double cpuMillisPerRequest() {
            return requests == 0 ? Double.NaN : 1e3 * cpuSeconds / requests;
        }
    }

    /**
     * One number of workers.
     *
     * @param mtls whether router and workers have mutual TLS
     * @param idleCpu share of a core that the router takes while it only watches the fleet
     * @param idleBytes its memory then
     * @param loadedBytes most of its memory after a measurement
     */
    record OfFleet(int workers, boolean mtls, List<Cell> cells, double idleCpu, long idleBytes, long loadedBytes) {
        OfFleet {
            cells = List.copyOf(cells);
        }
    }

    /** Time to the first token at the same workers, alternating. */
    record Added(Percentiles direct, Percentiles routed) {
        double p50() {
            return routed.p50() - direct.p50();
        }

        double p99() {
            return routed.p99() - direct.p99();
        }
    }

    /** Tokens that passed the router in a time. */
    record Relay(Protocol protocol, int streams, long tokens, double seconds, double cpuSeconds, int failures) {
        double perSecond() {
            return tokens / seconds;
        }

        double perCpuSecond() {
            return tokens / cpuSeconds;
        }
    }

    /** Measures everything. */
    static RouterRun measure(Setup setup, Consumer<String> progress) throws InterruptedException {
        List<OfFleet> fleets = new ArrayList<>();
        List<Added> added = new ArrayList<>();
        List<Relay> relays = new ArrayList<>();
        for (int workers : setup.workers()) {
            boolean first = fleets.isEmpty();
            for (boolean mtls : List.of(false, true)) {
                String what = workers + " workers" + (mtls ? ", mTLS: " : ": ");
                Consumer<String> tell = line -> progress.accept(what + line);
                tell.accept("starting");
                try (Certificates certificates = Certificates.of(mtls);
                        FleetProcess fleet =
                                FleetProcess.start(workers, setup.blockSize(), setup.step(), certificates.directory());
                        RouterProcess router = RouterProcess.start(
                                setup.root(),
                                setup.executable(),
                                setup.core(),
                                setup.settings(),
                                fleet.prefill(),
                                fleet.decode(),
                                certificates.directory())) {
                    fleets.add(ofFleet(setup, workers, mtls, router, tell));
                    if (first) {
                        if (!mtls) {
                            added.add(added(setup, fleet, router, tell));
                        }
                        for (Protocol protocol : Protocol.of(mtls)) {
                            relays.add(relay(setup, router, protocol, tell));
                        }
                    }
                }
            }
        }
        if (added.isEmpty()) {
            throw new LaunchException("no number of workers was given");
        }
        return new RouterRun(setup, fleets, added.getFirst(), relays);
    }

    /** Those of one fleet, in a directory that goes with it; none for plaintext. */
    private record Certificates(@Nullable Path directory) implements AutoCloseable {
        static Certificates of(boolean mtls) {
            if (!mtls) {
                return new Certificates(null);
            }
            try {
                Path directory = Files.createTempDirectory("baton-bench-tls");
                BenchCertificates.write(directory);
                return new Certificates(directory);
            } catch (IOException e) {
                throw new LaunchException("no certificates can be written: " + e.getMessage(), e);
            }
        }

        @Override
        public void close() {
            if (directory == null) {
                return;
            }
            try (Stream<Path> files = Files.list(directory)) {
                for (Path file : files.toList()) {
                    Files.delete(file);
                }
                Files.delete(directory);
            } catch (IOException e) {
                throw new LaunchException(directory + " cannot be removed: " + e.getMessage(), e);
            }
        }
    }

    private static RouterClient client(RouterProcess router, Protocol protocol) {
        TextPrompts prompts = new TextPrompts();
        return switch (protocol) {
            case GRPC, MTLS -> new GrpcRouterClient(router.grpcAddress(), prompts);
            case HTTP -> new HttpRouterClient(router.httpAddress(), prompts);
        };
    }

    private static OfFleet ofFleet(
            Setup setup, int workers, boolean mtls, RouterProcess router, Consumer<String> progress)
            throws InterruptedException {
        pause(IDLE); // What the start left to do is over by then.
        long idleBytes = router.residentBytes();
        double before = router.cpuSeconds();
        pause(IDLE);
        double idle = (router.cpuSeconds() - before) / IDLE.toSeconds();
        List<Cell> cells = new ArrayList<>();
        long loaded = 0;
        for (Protocol protocol : Protocol.of(mtls)) {
            try (RouterClient client = client(router, protocol)) {
                for (Shape shape : setup.cells()) {
                    progress.accept(protocol.label() + ", prompts of " + shape.promptTokens() + " tokens");
                    OpenLoop.run(client, arrivals(shape, setup.warmUp(), 1), PATIENCE);
                    double cpu = router.cpuSeconds();
                    OpenLoop.Result result = OpenLoop.run(client, arrivals(shape, setup.seconds(), 2), PATIENCE);
                    int prompt = shape.promptTokens();
                    cells.add(cell(protocol, prompt, Integer.toString(prompt), result, router.cpuSeconds() - cpu));
                    loaded = Math.max(loaded, router.residentBytes());
                }
                for (Recorded trace : setup.traces()) {
                    progress.accept(protocol.label() + ", " + trace.name());
                    double cpu = router.cpuSeconds();
                    OpenLoop.Result result = OpenLoop.run(client, trace.arrivals(), PATIENCE);
                    cells.add(cell(protocol, 0, trace.name(), result, router.cpuSeconds() - cpu));
                    loaded = Math.max(loaded, router.residentBytes());
                }
            }
        }
        return new OfFleet(workers, mtls, cells, idle, idleBytes, loaded);
    }

    private static List<OpenLoop.Arrival> arrivals(Shape shape, Duration time, long seed) {
        return OpenLoop.poisson(shape.perSecond(), time, shape.promptTokens(), shape.outputTokens(), seed);
    }

    private static Cell cell(Protocol protocol, int prompt, String prompts, OpenLoop.Result result, double cpu) {
        return new Cell(
                protocol,
                prompt,
                prompts,
                result.requests(),
                result.tokens(),
                result.failures(),
                result.failure(),
                cpu,
                result.firstTokens().isEmpty() ? null : Percentiles.ofNanos(result.firstTokens()));
    }

    private static Added added(Setup setup, FleetProcess fleet, RouterProcess router, Consumer<String> progress)
            throws InterruptedException {
        progress.accept("latency beside direct connections");
        List<Long> direct = new ArrayList<>();
        List<Long> routed = new ArrayList<>();
        try (RouterClient past = new DirectClient(fleet.prefill(), new TextPrompts());
                RouterClient through = client(router, Protocol.GRPC)) {
            int warmUp = setup.pairs() / 2;
            for (int i = -warmUp; i < setup.pairs(); i++) {
                long d = firstToken(past);
                long r = firstToken(through);
                if (i >= 0) {
                    direct.add(d);
                    routed.add(r);
                }
            }
        }
        return new Added(Percentiles.ofNanos(direct), Percentiles.ofNanos(routed));
    }

    private static long firstToken(RouterClient client) throws InterruptedException {
        long start = System.nanoTime();
        return finish(client.ask(LATENCY_PROMPT, TWO_TOKENS), RouterClient.Answer::firstTokenNanos) - start;
    }

    private static <T> long finish(CompletableFuture<T> future, ToLongFunction<T> figure) throws InterruptedException {
        try {
            return figure.applyAsLong(
                    future.orTimeout(PATIENCE.toSeconds(), TimeUnit.SECONDS).get());
        } catch (ExecutionException e) {
            throw new LaunchException("a request failed: " + e.getCause(), e);
        }
    }

    private static Relay relay(Setup setup, RouterProcess router, Protocol protocol, Consumer<String> progress)
            throws InterruptedException {
        progress.accept(setup.streams() + " streams over " + protocol.label());
        Duration begin = setup.warmUp();
        // Streams last longer than what is measured of them.
        long time = begin.plus(setup.seconds()).plus(setup.seconds()).toNanos();
        int tokens = (int) Math.max(TWO_TOKENS, time / setup.step().toNanos());
        try (RouterClient client = client(router, protocol)) {
            CompletableFuture<OpenLoop.Result> all = CompletableFuture.supplyAsync(() -> {
                try {
                    return OpenLoop.run(
                            client,
                            OpenLoop.burst(setup.streams(), SHORT_PROMPT, tokens),
                            PATIENCE.plusNanos(3 * time));
                } catch (InterruptedException e) {
                    throw new LaunchException("interrupted while measuring", e);
                }
            });
            pause(begin);
            long start = System.nanoTime();
            double cpu = router.cpuSeconds();
            long first = client.tokens();
            pause(setup.seconds());
            double seconds = (System.nanoTime() - start) / 1e9;
            Relay measured = new Relay(
                    protocol, setup.streams(), client.tokens() - first, seconds, router.cpuSeconds() - cpu, 0);
            OpenLoop.Result result = all.join();
            return new Relay(
                    protocol,
                    measured.streams(),
                    measured.tokens(),
                    measured.seconds(),
                    measured.cpuSeconds(),
                    result.failures());
        }
    }

    private static void pause(Duration time) {
        long end = System.nanoTime() + time.toNanos();
        for (long left = time.toNanos(); left > 0; left = end - System.nanoTime()) {
            LockSupport.parkNanos(left);
        }
    }
}
