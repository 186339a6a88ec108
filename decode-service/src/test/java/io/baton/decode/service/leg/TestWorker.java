package io.baton.decode.service.leg;

import static org.assertj.core.api.Assertions.assertThat;

import io.baton.decode.v1.DecodeServiceGrpc;
import io.baton.engine.simulated.SimulatedEngine;
import io.baton.engine.simulated.SimulatedEngineConfig;
import io.baton.error.ErrorCode;
import io.baton.kv.transfer.KvPuller;
import io.baton.kv.transfer.PullerConfig;
import io.baton.tls.ServiceTls;
import io.baton.worker.EngineSettings;
import io.baton.worker.GrpcSettings;
import io.baton.worker.KvHolder;
import io.baton.worker.KvSettings;
import io.baton.worker.WorkerRuntime;
import io.baton.worker.WorkerSettings;
import io.baton.worker.WorkerSetup;
import io.baton.worker.v1.WorkerRole;
import io.grpc.ManagedChannel;
import io.grpc.netty.NettyChannelBuilder;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.smallrye.config.PropertiesConfigSource;
import io.smallrye.config.SmallRyeConfig;
import io.smallrye.config.SmallRyeConfigBuilder;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;

/** A decode worker with a simulated engine and blocks of 16 tokens, on a port of its own. */
final class TestWorker implements AutoCloseable {
    static final int BLOCK = 16;
    static final String ID = "decode-1";
    static final int OUTBOX = 64;
    static final int HAND_OVERS = 2;
    private static final Duration PATIENCE = Duration.ofSeconds(30);

    private final SimpleMeterRegistry registry = new SimpleMeterRegistry();
    final WorkerRuntime runtime;
    final DecodeLegs legs;
    final ManagedChannel channel;
    final KvPuller puller;
    final KvHolder holder;

    TestWorker() {
        this(SimulatedEngineConfig.withoutDelays(), Map.of());
    }

    TestWorker(SimulatedEngineConfig engineConfig, Map<String, String> settings) {
        SmallRyeConfig config = config(settings);
        int port = freePort();
        WorkerSetup setup = new WorkerSetup(
                config.getConfigMapping(EngineSettings.class, "baton.engine"),
                config.getConfigMapping(KvSettings.class, "baton.kv"),
                config.getConfigMapping(WorkerSettings.class, "baton.worker"),
                config.getConfigMapping(GrpcSettings.class, "baton.grpc"),
                ServiceTls.plaintext(),
                "127.0.0.1",
                port);
        runtime = new WorkerRuntime(WorkerRole.WORKER_ROLE_DECODE, setup, new SimulatedEngine(engineConfig), registry);
        puller = new KvPuller(
                PullerConfig.defaults().withTimeouts(Duration.ofSeconds(1), Duration.ofSeconds(10)),
                runtime.identity().workerId(),
                runtime.engine().kvLayout());
        holder = new KvHolder(runtime, registry);
        legs = new DecodeLegs(runtime, puller, holder.leases(), new DecodeLegs.Limits(OUTBOX, true, HAND_OVERS));
        runtime.serve(List.of(legs.definition()), holder::addTo);
        channel = NettyChannelBuilder.forAddress("127.0.0.1", port)
                .usePlaintext()
                .maxInboundMessageSize(64 << 20)
                .build();
    }

    private static SmallRyeConfig config(Map<String, String> settings) {
        Map<String, String> all = new HashMap<>(settings);
        all.putIfAbsent("baton.engine.kind", "simulated");
        all.putIfAbsent("baton.worker.id", ID);
        all.putIfAbsent("baton.kv.block-size", Integer.toString(BLOCK));
        all.putIfAbsent("baton.kv.store-size", "16M");
        return new SmallRyeConfigBuilder()
                .addDiscoveredConverters()
                .withSources(new PropertiesConfigSource(all, "test", 1000))
                .withMapping(EngineSettings.class, "baton.engine")
                .withMapping(KvSettings.class, "baton.kv")
                .withMapping(WorkerSettings.class, "baton.worker")
                .withMapping(GrpcSettings.class, "baton.grpc")
                .build();
    }

    private static int freePort() {
        try (ServerSocket s = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return s.getLocalPort();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    TestRouter router() {
        return new TestRouter(DecodeServiceGrpc.newStub(channel), true);
    }

    TestRouter deafRouter() {
        return new TestRouter(DecodeServiceGrpc.newStub(channel), false);
    }

    /** A router that tries the request of {@code before} again. */
    TestRouter again(TestRouter before) {
        return before.again(DecodeServiceGrpc.newStub(channel));
    }

    /** Legs that failed with {@code code}. */
    double failures(ErrorCode code) {
        return registry.get("baton_errors").tag("code", code.name()).counter().count();
    }

    /** A counter of the worker, as its metrics tell it. */
    double count(String name) {
        return registry.get(name).functionCounter().count();
    }

    /** Blocks until {@code condition} holds; fails after a time that only a hang takes. */
    static void await(String what, BooleanSupplier condition) {
        long end = System.nanoTime() + PATIENCE.toNanos();
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime()).as("waiting until " + what).isLessThan(end);
            LockSupport.parkNanos(2_000_000);
        }
    }

    /** Blocks until nothing is held on behalf of any request. */
    void awaitRest() {
        await("no leg is open", () -> runtime.lifecycle().open() == 0);
        await("no attempt runs", () -> runtime.runningAttempts() == 0);
        await("no block is pinned", () -> runtime.store().stats().pinnedBytes() == 0);
        await("no cell is reserved", () -> runtime.engine().stats().reservedCells() == 0);
        await("no sequence is open", () -> runtime.engine().stats().openSequences() == 0);
        await("no lease is open", () -> holder.leases().stats().leases() == 0);
        await(
                "nothing is pulled",
                () -> puller.stats().openPulls() == 0 && puller.stats().queuedPulls() == 0);
        await("no token is queued", () -> runtime.queuedTokens().get() == 0);
        await("nothing waits", () -> runtime.lifecycle().waiting() == 0);
    }

    @Override
    public void close() {
        channel.shutdownNow();
        puller.close();
        runtime.close();
        holder.close();
        legs.close();
    }
}
