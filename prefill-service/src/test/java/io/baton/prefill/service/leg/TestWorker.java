package io.baton.prefill.service.leg;

import static org.assertj.core.api.Assertions.assertThat;

import io.baton.engine.Engine;
import io.baton.engine.simulated.SimulatedEngine;
import io.baton.engine.simulated.SimulatedEngineConfig;
import io.baton.kv.lease.LeaseLimits;
import io.baton.kv.lease.LeaseTable;
import io.baton.kv.transfer.KvPuller;
import io.baton.kv.transfer.KvTransferServer;
import io.baton.kv.transfer.PullerConfig;
import io.baton.kv.transfer.SenderConfig;
import io.baton.prefill.v1.PrefillServiceGrpc;
import io.baton.tls.ServiceTls;
import io.baton.worker.EngineSettings;
import io.baton.worker.GrpcSettings;
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

/** A prefill worker with a simulated engine and blocks of 16 tokens, on a port of its own. */
final class TestWorker implements AutoCloseable {
    static final int BLOCK = 16;
    static final String RECEIVER = "decode-1";
    private static final Duration PATIENCE = Duration.ofSeconds(30);

    final WorkerRuntime runtime;
    final LeaseTable leases;
    final KvTransferServer sender;
    final PrefillLegs legs;
    final ManagedChannel channel;
    final KvPuller puller;

    TestWorker() {
        this(SimulatedEngineConfig.withoutDelays(), Map.of());
    }

    TestWorker(SimulatedEngineConfig engineConfig, Map<String, String> settings) {
        this(new SimulatedEngine(engineConfig), settings);
    }

    TestWorker(Engine engine) {
        this(engine, Map.of());
    }

    private TestWorker(Engine engine, Map<String, String> settings) {
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
        runtime = new WorkerRuntime(WorkerRole.WORKER_ROLE_PREFILL, setup, engine, new SimpleMeterRegistry());
        leases = new LeaseTable(
                () -> runtime.identity().address(),
                runtime.identity().epoch(),
                LeaseLimits.defaults(),
                runtime.signer(),
                System::nanoTime);
        sender = new KvTransferServer(leases, SenderConfig.defaults());
        legs = new PrefillLegs(runtime, leases);
        runtime.serve(List.of(legs.definition()), sender::addTo);
        channel = NettyChannelBuilder.forAddress("127.0.0.1", port)
                .usePlaintext()
                .maxInboundMessageSize(64 << 20)
                .build();
        puller =
                new KvPuller(PullerConfig.defaults(), RECEIVER, runtime.engine().kvLayout());
    }

    private static SmallRyeConfig config(Map<String, String> settings) {
        Map<String, String> all = new HashMap<>(settings);
        all.putIfAbsent("baton.engine.kind", "simulated");
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
        return new TestRouter(PrefillServiceGrpc.newStub(channel));
    }

    /** A router that tries the request of {@code before} again. */
    TestRouter again(TestRouter before) {
        return before.again(PrefillServiceGrpc.newStub(channel));
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
        await("no lease is open", () -> leases.stats().leases() == 0);
        await("no token is queued", () -> runtime.queuedTokens().get() == 0);
        await("nothing waits", () -> runtime.lifecycle().waiting() == 0);
    }

    @Override
    public void close() {
        channel.shutdownNow();
        puller.close();
        runtime.close();
        sender.close();
        legs.close();
    }
}
