package io.baton.cli.vllm;

import io.baton.testvllm.TestVllm;
import io.baton.tls.ServiceTls;
import io.baton.worker.GrpcSettings;
import io.baton.worker.KvSettings;
import io.baton.worker.WorkerSettings;
import io.baton.worker.v1.WorkerRole;
import io.baton.worker.vllm.VllmRuntime;
import io.baton.worker.vllm.VllmSettings;
import io.baton.worker.vllm.VllmSetup;
import io.baton.worker.vllm.VllmWorker;
import io.grpc.ServerServiceDefinition;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.smallrye.config.PropertiesConfigSource;
import io.smallrye.config.SmallRyeConfig;
import io.smallrye.config.SmallRyeConfigBuilder;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Function;

/** A worker beside a stand-in for vLLM. */
final class VllmNode implements AutoCloseable {
    private final TestVllm vllm;
    private final VllmWorker worker;
    private final int port = freePort();

    VllmNode(
            WorkerRole role,
            TestVllm vllm,
            Map<String, String> settings,
            Function<VllmRuntime, ServerServiceDefinition> legs) {
        this.vllm = vllm;
        Map<String, String> all = new HashMap<>(settings);
        all.put("baton.vllm.base-url", vllm.baseUrl());
        all.putIfAbsent("baton.vllm.health-interval", "20ms");
        SmallRyeConfig config = new SmallRyeConfigBuilder()
                .addDiscoveredConverters()
                .withSources(new PropertiesConfigSource(all, "test", 1000))
                .withMapping(VllmSettings.class, "baton.vllm")
                .withMapping(KvSettings.class, "baton.kv")
                .withMapping(WorkerSettings.class, "baton.worker")
                .withMapping(GrpcSettings.class, "baton.grpc")
                .build();
        VllmSetup setup = new VllmSetup(
                config.getConfigMapping(VllmSettings.class, "baton.vllm"),
                config.getConfigMapping(KvSettings.class, "baton.kv"),
                config.getConfigMapping(WorkerSettings.class, "baton.worker"),
                config.getConfigMapping(GrpcSettings.class, "baton.grpc"),
                ServiceTls.plaintext(),
                "127.0.0.1",
                port);
        CopyOnWriteArrayList<Throwable> failures = new CopyOnWriteArrayList<>();
        worker = new VllmWorker(role, setup, new SimpleMeterRegistry(), legs, failures::add);
        VllmFleet.await("the worker serves: " + failures, worker::ready);
    }

    private static int freePort() {
        try (ServerSocket s = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return s.getLocalPort();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    TestVllm vllm() {
        return vllm;
    }

    VllmWorker worker() {
        return worker;
    }

    String address() {
        return "127.0.0.1:" + port;
    }

    /** The worker itself goes away; its vLLM stays. */
    void leave() {
        worker.close();
    }

    @Override
    public void close() {
        worker.close();
        vllm.close();
    }
}
