package io.baton.router.run;

import io.baton.inference.v1.GenerateRequest;
import io.baton.router.admission.AdmissionObserver;
import io.baton.router.admission.AdmissionSettings;
import io.baton.router.admission.TenantRules;
import io.baton.router.admission.Terms;
import io.baton.router.admission.Ticket;
import io.baton.router.config.Disaggregation;
import io.baton.router.config.RouterConfig;
import io.baton.router.config.SchedulingPolicy;
import io.baton.router.fake.Await;
import io.baton.router.fake.FakeDecode;
import io.baton.router.fake.FakePrefill;
import io.baton.router.fake.FakeWorker;
import io.baton.router.fleet.Fleet;
import io.baton.router.fleet.WorkerView;
import io.baton.router.life.Generation;
import io.baton.router.life.Limits;
import io.baton.router.life.RequestState.Phase;
import io.baton.router.request.Names;
import io.baton.router.schedule.Headroom;
import io.baton.router.schedule.PrefixOverlap;
import io.baton.router.schedule.ScheduleSettings;
import io.baton.router.schedule.Scheduler;
import io.baton.router.schedule.Slo;
import io.baton.tls.ServiceTls;
import io.baton.worker.v1.WorkerRole;
import io.netty.channel.nio.NioEventLoopGroup;
import io.quarkus.runtime.configuration.MemorySize;
import java.math.BigInteger;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/** The orchestration with fake workers, without a server in front. */
final class Harness implements AutoCloseable, RunObserver, RunObserver.OfModel {
    static final Duration LONG = Duration.ofMinutes(5);
    /** Requests that run at once; none waits. */
    static final int MAX_RUNNING = 16;

    final List<FakePrefill> prefills = new ArrayList<>();
    final List<FakeDecode> decodes = new ArrayList<>();
    final AtomicInteger openLegs = new AtomicInteger();
    final AtomicInteger retries = new AtomicInteger();
    final AtomicInteger moves = new AtomicInteger();
    final AtomicInteger handOvers = new AtomicInteger();
    final AtomicInteger slowClients = new AtomicInteger();
    final AtomicInteger waiting = new AtomicInteger();
    final AtomicInteger running = new AtomicInteger();
    final List<Summary> summaries = new CopyOnWriteArrayList<>();
    final Generations generations;
    final Fleet fleet;
    private final NioEventLoopGroup group = new NioEventLoopGroup(2);
    private final ExecutorService serial = Executors.newSingleThreadExecutor();

    Harness(int prefillWorkers, int decodeWorkers, Settings settings) {
        this(prefillWorkers, decodeWorkers, settings, Disaggregation.ALWAYS);
    }

    Harness(int prefillWorkers, int decodeWorkers, Settings settings, Disaggregation disaggregation) {
        for (int i = 0; i < prefillWorkers; i++) {
            prefills.add(new FakePrefill());
        }
        for (int i = 0; i < decodeWorkers; i++) {
            decodes.add(new FakeDecode());
        }
        fleet = new Fleet(
                prefills.stream().map(FakeWorker::address).toList(),
                decodes.stream().map(FakeWorker::address).toList(),
                settings,
                disaggregation,
                group,
                ServiceTls.plaintext());
        RunSettings run = new RunSettings(
                new Limits(4096, 8192, 2, 3),
                LONG,
                settings.noProgress(),
                Duration.ofMillis(10),
                Duration.ofMillis(20),
                Duration.ofSeconds(1),
                settings.legClose(),
                settings.client(),
                Duration.ZERO);
        AdmissionSettings admission =
                new AdmissionSettings(MAX_RUNNING, 0, 0, LONG.toNanos(), 0.05, 2048, Map.of(), TenantRules.FREE);
        Gate gate = new Gate(
                admission,
                new FleetRoom(
                        new LiveFleet(fleet, _ -> -1),
                        new Headroom(1, 64, 64, 0, disaggregation != Disaggregation.ALWAYS)),
                AdmissionObserver.NONE,
                group);
        generations =
                new Generations(new RunEnvironment(fleet, roundRobin(fleet, disaggregation), gate, run, group, this));
        fleet.start();
        awaitHealthy(prefillWorkers + decodeWorkers);
    }

    /** In turn. */
    private static Scheduling roundRobin(Fleet fleet, Disaggregation disaggregation) {
        return new Scheduling(
                new Scheduler(
                        new ScheduleSettings(SchedulingPolicy.ROUND_ROBIN, disaggregation, 256, 8192),
                        PrefixOverlap.NONE),
                new LiveFleet(fleet, _ -> -1),
                Scheduling.Pieces.NONE,
                new Slo(2, 0.1));
    }

    Harness() {
        this(1, 1, Settings.usual());
    }

    void awaitHealthy(int workers) {
        Await.until(
                () -> "workers: " + fleet.views(),
                () -> fleet.views().stream().filter(WorkerView::healthy).count() == workers);
    }

    FakePrefill prefill() {
        return prefills.getFirst();
    }

    FakeDecode decode() {
        return decodes.getFirst();
    }

    /** Starts a request; what the client sees is in the sink. */
    RecordingSink start(GenerateRequest request, Duration timeout) {
        return start(request, timeout, new RecordingSink());
    }

    /** Starts a request of a client that does not read. */
    RecordingSink startUnread(GenerateRequest request) {
        RecordingSink sink = new RecordingSink();
        sink.ready = false;
        return start(request, LONG, sink);
    }

    private RecordingSink start(GenerateRequest request, Duration timeout, RecordingSink sink) {
        Ticket ticket = admit(request).getFirst();
        CallInfo call = new CallInfo("request-a", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        Generation generation = new Generation(call.requestId(), Names.unique(call.requestId()), "", request);
        RequestRun run = generations.create(generation, ticket, call, System.nanoTime(), timeout, sink, serial);
        sink.run = run;
        run.start();
        return sink;
    }

    /** Admits so many requests, or one. */
    List<Ticket> admit(GenerateRequest... requests) {
        return generations.admit("", Terms.NONE, List.of(requests), System.nanoTime());
    }

    RecordingSink start(GenerateRequest request) {
        return start(request, LONG);
    }

    /** Waits until nothing is open any more, and returns what the router did wrong. */
    List<String> settle() {
        Await.until(
                () -> "in flight " + generations.inFlight() + ", open legs " + openLegs + ", at prefill "
                        + prefills.stream().map(FakePrefill::open).toList() + ", at decode "
                        + decodes.stream().map(FakeDecode::open).toList(),
                () -> generations.inFlight() == 0
                        && openLegs.get() == 0
                        && prefills.stream().allMatch(p -> p.open() == 0)
                        && decodes.stream().allMatch(d -> d.open() == 0));
        List<String> wrong = new ArrayList<>();
        prefills.forEach(p -> wrong.addAll(p.violations()));
        decodes.forEach(d -> wrong.addAll(d.violations()));
        if (waiting.get() != 0 || running.get() != 0) {
            wrong.add("waiting " + waiting + ", running " + running);
        }
        return wrong;
    }

    @Override
    public void close() {
        fleet.close();
        prefills.forEach(FakeWorker::close);
        decodes.forEach(FakeWorker::close);
        serial.shutdown();
        group.shutdownGracefully(0, 1, TimeUnit.SECONDS).awaitUninterruptibly();
    }

    @Override
    public OfModel of(String model) {
        return this;
    }

    @Override
    public void phase(@Nullable Phase from, Phase to) {
        if (from != null) {
            count(from, -1);
        }
        count(to, 1);
    }

    private void count(Phase phase, int change) {
        switch (phase) {
            case WAITING -> waiting.addAndGet(change);
            case RUNNING -> running.addAndGet(change);
            case ENDED -> {
                // Not counted.
            }
        }
    }

    @Override
    public void firstToken(long micros) {}

    @Override
    public void nextTokens(long micros, int tokens) {}

    @Override
    public void moved() {
        moves.incrementAndGet();
    }

    @Override
    public void handedOver() {
        handOvers.incrementAndGet();
    }

    @Override
    public void retried() {
        retries.incrementAndGet();
    }

    @Override
    public void legs(WorkerRole role, int change) {
        openLegs.addAndGet(change);
    }

    @Override
    public void stale() {}

    @Override
    public void slowClient() {
        slowClients.incrementAndGet();
    }

    @Override
    public void ended(Summary summary) {
        summaries.add(summary);
    }

    /** Settings of a test. */
    record Settings(
            Duration watchTimeout,
            Duration noProgress,
            Duration legClose,
            ClientLimits client,
            int breakerFailures,
            int mostBytes)
            implements RouterConfig.Workers {
        static Settings usual() {
            return new Settings(
                    Duration.ofSeconds(20),
                    Duration.ZERO,
                    Duration.ofSeconds(20),
                    new ClientLimits(1024, 1 << 20, LONG),
                    0,
                    16 << 20);
        }

        Settings withWatchTimeout(Duration timeout) {
            return new Settings(timeout, noProgress, legClose, client, breakerFailures, mostBytes);
        }

        Settings withNoProgress(Duration timeout) {
            return new Settings(watchTimeout, timeout, legClose, client, breakerFailures, mostBytes);
        }

        Settings withLegClose(Duration timeout) {
            return new Settings(watchTimeout, noProgress, timeout, client, breakerFailures, mostBytes);
        }

        Settings withClientBuffer(int outputs) {
            return withClient(new ClientLimits(outputs, 1 << 20, LONG));
        }

        Settings withClient(ClientLimits limits) {
            return new Settings(watchTimeout, noProgress, legClose, limits, breakerFailures, mostBytes);
        }

        /** It stays open for longer than any test. */
        Settings withBreaker(int failures) {
            return new Settings(watchTimeout, noProgress, legClose, client, failures, mostBytes);
        }

        Settings withMaxMessage(int bytes) {
            return new Settings(watchTimeout, noProgress, legClose, client, breakerFailures, bytes);
        }

        @Override
        public Duration stepTimeout() {
            return Duration.ofSeconds(60);
        }

        @Override
        public Duration breakerOpenMin() {
            return LONG.multipliedBy(2);
        }

        @Override
        public Duration breakerOpenMax() {
            return LONG.multipliedBy(2);
        }

        @Override
        public Duration lostTimeout() {
            return watchTimeout.multipliedBy(2);
        }

        @Override
        public Duration reconnectMin() {
            return Duration.ofMillis(10);
        }

        @Override
        public Duration reconnectMax() {
            return Duration.ofMillis(100);
        }

        @Override
        public MemorySize flowControlWindow() {
            return new MemorySize(BigInteger.valueOf(1 << 20));
        }

        @Override
        public MemorySize maxMessage() {
            return new MemorySize(BigInteger.valueOf(mostBytes));
        }
    }
}
