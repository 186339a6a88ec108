package io.baton.cli.bench;

import io.baton.cli.launch.LaunchException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import java.util.function.ToLongFunction;
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
     * @param workers numbers of workers; half of them prefill
     * @param cells prompts that come as a Poisson process
     * @param trace arrivals of a trace instead of none; may be empty
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
            List<Integer> workers,
            List<Shape> cells,
            List<OpenLoop.Arrival> trace,
            Duration seconds,
            Duration warmUp,
            int pairs,
            int streams,
            Duration step,
            int blockSize) {
        Setup {
            workers = List.copyOf(workers);
            cells = List.copyOf(cells);
            trace = List.copyOf(trace);
        }
    }

    /** Requests of one kind: tokens of prompt and output, and how many come per second. */
    record Shape(int promptTokens, int outputTokens, double perSecond) {}

    /** How a client speaks. */
    enum Protocol {
        /** Text over gRPC. */
        GRPC("gRPC text"),
        /** JSON over HTTP, answered with server-sent events. */
        HTTP("HTTP JSON, SSE");

        private final String label;

        Protocol(String label) {
            this.label = label;
        }

        String label() {
            return label;
        }
    }

    /**
     * One measurement under load.
     *
     * @param prompt tokens of each prompt; 0 for those of a trace
     * @param cpuSeconds CPU time of the router's process
     * @param firstToken from the scheduled arrival to the first token
     */
    record Cell(
            Protocol protocol,
            int prompt,
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
     * @param idleCpu share of a core that the router takes while it only watches the fleet
     * @param idleBytes its memory then
     * @param loadedBytes most of its memory after a measurement
     */
    record OfFleet(int workers, List<Cell> cells, double idleCpu, long idleBytes, long loadedBytes) {
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
        Added added = null;
        List<Relay> relays = new ArrayList<>();
        for (int workers : setup.workers()) {
            progress.accept(workers + " workers: starting");
            try (FleetProcess fleet = FleetProcess.start(workers, setup.blockSize(), setup.step());
                    RouterProcess router = RouterProcess.start(
                            setup.root(), setup.executable(), setup.core(), fleet.prefill(), fleet.decode())) {
                Consumer<String> tell = line -> progress.accept(workers + " workers: " + line);
                fleets.add(ofFleet(setup, workers, router, tell));
                if (added == null) {
                    added = added(setup, fleet, router, tell);
                    for (Protocol protocol : Protocol.values()) {
                        relays.add(relay(setup, router, protocol, tell));
                    }
                }
            }
        }
        if (added == null) {
            throw new LaunchException("no number of workers was given");
        }
        return new RouterRun(setup, fleets, added, relays);
    }

    private static RouterClient client(RouterProcess router, Protocol protocol) {
        TextPrompts prompts = new TextPrompts();
        return switch (protocol) {
            case GRPC -> new GrpcRouterClient(router.grpcAddress(), prompts);
            case HTTP -> new HttpRouterClient(router.httpAddress(), prompts);
        };
    }

    private static OfFleet ofFleet(Setup setup, int workers, RouterProcess router, Consumer<String> progress)
            throws InterruptedException {
        pause(IDLE); // What the start left to do is over by then.
        long idleBytes = router.residentBytes();
        double before = router.cpuSeconds();
        pause(IDLE);
        double idle = (router.cpuSeconds() - before) / IDLE.toSeconds();
        List<Cell> cells = new ArrayList<>();
        long loaded = 0;
        for (Protocol protocol : Protocol.values()) {
            try (RouterClient client = client(router, protocol)) {
                for (Shape shape : setup.cells()) {
                    progress.accept(protocol.label() + ", prompts of " + shape.promptTokens() + " tokens");
                    OpenLoop.run(client, arrivals(shape, setup.warmUp(), 1), PATIENCE);
                    cells.add(cell(
                            router,
                            protocol,
                            shape.promptTokens(),
                            () -> OpenLoop.run(client, arrivals(shape, setup.seconds(), 2), PATIENCE)));
                    loaded = Math.max(loaded, router.residentBytes());
                }
                if (!setup.trace().isEmpty()) {
                    progress.accept(protocol.label() + ", the trace");
                    cells.add(cell(router, protocol, 0, () -> OpenLoop.run(client, setup.trace(), PATIENCE)));
                    loaded = Math.max(loaded, router.residentBytes());
                }
            }
        }
        return new OfFleet(workers, cells, idle, idleBytes, loaded);
    }

    private static List<OpenLoop.Arrival> arrivals(Shape shape, Duration time, long seed) {
        return OpenLoop.poisson(shape.perSecond(), time, shape.promptTokens(), shape.outputTokens(), seed);
    }

    /** A load that may be interrupted. */
    private interface Load {
        OpenLoop.Result run() throws InterruptedException;
    }

    private static Cell cell(RouterProcess router, Protocol protocol, int prompt, Load load)
            throws InterruptedException {
        double before = router.cpuSeconds();
        OpenLoop.Result result = load.run();
        double cpu = router.cpuSeconds() - before;
        return new Cell(
                protocol,
                prompt,
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
