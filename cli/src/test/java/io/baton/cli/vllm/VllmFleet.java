package io.baton.cli.vllm;

import static org.assertj.core.api.Assertions.assertThat;

import io.baton.decode.service.vllm.VllmDecodeLegs;
import io.baton.inference.v1.GenerateRequest;
import io.baton.inference.v1.Prompt;
import io.baton.prefill.service.vllm.VllmPrefillLegs;
import io.baton.router.admission.AdmissionObserver;
import io.baton.router.admission.AdmissionSettings;
import io.baton.router.admission.TenantRules;
import io.baton.router.admission.Terms;
import io.baton.router.admission.Ticket;
import io.baton.router.config.Disaggregation;
import io.baton.router.config.RouterConfig;
import io.baton.router.config.SchedulingPolicy;
import io.baton.router.fleet.Fleet;
import io.baton.router.fleet.WorkerView;
import io.baton.router.life.Generation;
import io.baton.router.life.Limits;
import io.baton.router.life.RequestState.Phase;
import io.baton.router.request.Names;
import io.baton.router.run.CallInfo;
import io.baton.router.run.ClientLimits;
import io.baton.router.run.FleetRoom;
import io.baton.router.run.Gate;
import io.baton.router.run.Generations;
import io.baton.router.run.LiveFleet;
import io.baton.router.run.RequestRun;
import io.baton.router.run.RunEnvironment;
import io.baton.router.run.RunObserver;
import io.baton.router.run.RunSettings;
import io.baton.router.run.Scheduling;
import io.baton.router.schedule.Headroom;
import io.baton.router.schedule.PrefixOverlap;
import io.baton.router.schedule.ScheduleSettings;
import io.baton.router.schedule.Scheduler;
import io.baton.router.schedule.Slo;
import io.baton.testvllm.Behaviour;
import io.baton.testvllm.Fabric;
import io.baton.testvllm.TestVllm;
import io.baton.tls.ServiceTls;
import io.baton.worker.v1.WorkerRole;
import io.netty.channel.nio.NioEventLoopGroup;
import io.quarkus.runtime.configuration.MemorySize;
import java.math.BigInteger;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/** Prefill and decode workers, each beside a vLLM of its own, and the router's orchestration in front. */
final class VllmFleet implements AutoCloseable, RunObserver, RunObserver.OfModel {
    private static final Duration LONG = Duration.ofMinutes(2);
    private static final int MAX_REQUESTS = 512;

    final List<VllmNode> prefills = new ArrayList<>();
    final List<VllmNode> decodes = new ArrayList<>();
    final AtomicInteger retries = new AtomicInteger();
    final AtomicInteger moves = new AtomicInteger();
    private final AtomicInteger openLegs = new AtomicInteger();
    private final AtomicInteger number = new AtomicInteger();
    private final NioEventLoopGroup group = new NioEventLoopGroup(2);
    private final Fleet fleet;
    private final Generations generations;
    private final List<ExecutorService> serials = new ArrayList<>();

    VllmFleet(int prefillWorkers, int decodeWorkers, Behaviour behaviour, Map<String, String> settings) {
        Fabric fabric = new Fabric();
        for (int i = 0; i < prefillWorkers; i++) {
            prefills.add(new VllmNode(
                    WorkerRole.WORKER_ROLE_PREFILL,
                    new TestVllm(fabric, behaviour),
                    settings,
                    VllmPrefillLegs::definition));
        }
        for (int i = 0; i < decodeWorkers; i++) {
            decodes.add(new VllmNode(
                    WorkerRole.WORKER_ROLE_DECODE,
                    new TestVllm(fabric, behaviour),
                    settings,
                    VllmDecodeLegs::definition));
        }
        fleet = new Fleet(
                prefills.stream().map(VllmNode::address).toList(),
                decodes.stream().map(VllmNode::address).toList(),
                new Connections(),
                Disaggregation.AUTO,
                group,
                ServiceTls.plaintext());
        Gate gate = new Gate(
                new AdmissionSettings(
                        MAX_REQUESTS, MAX_REQUESTS, 1 << 26, LONG.toNanos(), 0.05, 2048, Map.of(), TenantRules.FREE),
                new FleetRoom(new LiveFleet(fleet, _ -> -1), new Headroom(0.25, 2, 192, 0, false)),
                AdmissionObserver.NONE,
                group);
        generations = new Generations(new RunEnvironment(
                fleet,
                new Scheduling(
                        new Scheduler(
                                new ScheduleSettings(SchedulingPolicy.ROUND_ROBIN, Disaggregation.AUTO, 256, 8192),
                                PrefixOverlap.NONE),
                        new LiveFleet(fleet, _ -> -1),
                        Scheduling.Pieces.NONE,
                        new Slo(2, 0.1)),
                gate,
                new RunSettings(
                        new Limits(8192, 8192, 2, 3),
                        LONG,
                        Duration.ZERO,
                        Duration.ofMillis(10),
                        Duration.ofMillis(20),
                        Duration.ofSeconds(10),
                        Duration.ofSeconds(20),
                        new ClientLimits(1024, 1 << 20, LONG),
                        Duration.ZERO),
                group,
                this));
        for (int i = 0; i < 4; i++) {
            serials.add(Executors.newSingleThreadExecutor());
        }
        fleet.start();
        awaitHealthy(prefillWorkers + decodeWorkers);
    }

    VllmFleet(int prefillWorkers, int decodeWorkers) {
        this(prefillWorkers, decodeWorkers, Behaviour.usual(), Map.of());
    }

    TestVllm prefill() {
        return prefills.getFirst().vllm();
    }

    TestVllm decode() {
        return decodes.getFirst().vllm();
    }

    void awaitHealthy(int workers) {
        await(
                workers + " workers take requests, of " + fleet.views(),
                () -> fleet.views().stream().filter(WorkerView::healthy).count() == workers);
    }

    /** Starts a request. */
    Answer start(GenerateRequest.Builder request, Duration timeout) {
        int n = number.incrementAndGet();
        Ticket ticket = generations
                .admit("", Terms.NONE, List.of(request.build()), System.nanoTime())
                .getFirst();
        String name = "request-" + n;
        Generation generation = new Generation(name, Names.unique(name), "", request.build());
        Answer answer = new Answer();
        RequestRun run = generations.create(
                generation,
                ticket,
                new CallInfo(name, null),
                System.nanoTime(),
                timeout,
                answer,
                serials.get(n % serials.size()));
        answer.run = run;
        run.start();
        return answer;
    }

    Answer start(GenerateRequest.Builder request) {
        return start(request, LONG);
    }

    static GenerateRequest.Builder text(String prompt, int maxTokens) {
        GenerateRequest.Builder request = GenerateRequest.newBuilder()
                .setModel("toy")
                .setPrompt(Prompt.newBuilder().setText(prompt));
        request.getSamplingBuilder().setSeed(7);
        request.getStopBuilder().setMaxTokens(maxTokens);
        return request;
    }

    static void await(String what, BooleanSupplier condition) {
        long end = System.nanoTime() + LONG.toNanos();
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime()).as("waiting until " + what).isLessThan(end);
            LockSupport.parkNanos(2_000_000);
        }
    }

    /** Waits until nothing is open, and checks that no server received anything wrong. */
    void settle() {
        await("no request is in flight", () -> generations.inFlight() == 0);
        await("no leg is open", () -> openLegs.get() == 0);
        for (List<VllmNode> role : List.of(prefills, decodes)) {
            for (VllmNode node : role) {
                await("nothing runs at vLLM", () -> node.vllm().running() == 0);
                assertThat(node.vllm().violations()).isEmpty();
            }
        }
    }

    @Override
    public void close() {
        fleet.close();
        prefills.forEach(VllmNode::close);
        decodes.forEach(VllmNode::close);
        serials.forEach(ExecutorService::shutdown);
        group.shutdownGracefully(0, 1, TimeUnit.SECONDS).awaitUninterruptibly();
    }

    @Override
    public OfModel of(String model) {
        return this;
    }

    @Override
    public void phase(@Nullable Phase from, Phase to) {}

    @Override
    public void firstToken(long micros) {}

    @Override
    public void nextTokens(long micros, int tokens) {}

    @Override
    public void handedOver() {}

    @Override
    public void moved() {
        moves.incrementAndGet();
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
    public void slowClient() {}

    @Override
    public void ended(Summary summary) {}

    /** Patient with a slow machine, quick to connect again. */
    private record Connections() implements RouterConfig.Workers {
        @Override
        public Duration watchTimeout() {
            return Duration.ofSeconds(30);
        }

        @Override
        public Duration lostTimeout() {
            return Duration.ofSeconds(60);
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
        public Duration stepTimeout() {
            return Duration.ZERO;
        }

        @Override
        public int breakerFailures() {
            return 0;
        }

        @Override
        public Duration breakerOpenMin() {
            return Duration.ofSeconds(1);
        }

        @Override
        public Duration breakerOpenMax() {
            return Duration.ofSeconds(30);
        }

        @Override
        public MemorySize flowControlWindow() {
            return new MemorySize(BigInteger.valueOf(1 << 20));
        }

        @Override
        public MemorySize maxMessage() {
            return new MemorySize(BigInteger.valueOf(16 << 20));
        }
    }
}
