package io.baton.worker.vllm;

import io.baton.engine.vllm.VllmEndpoint;
import io.baton.tls.ServiceTls;
import io.baton.worker.GrpcSettings;
import io.baton.worker.KvSettings;
import io.baton.worker.SettingException;
import io.baton.worker.WorkerSettings;
import java.net.URI;

/**
 * All settings of a worker beside a vLLM server, checked.
 *
 * @param vllm the server
 * @param kv of which only the keys count
 * @param worker its place in the fleet
 * @param grpc its gRPC server
 * @param tls how its connections begin; stays the caller's
 * @param host address that the gRPC server is bound to
 * @param port port that the gRPC server is bound to
 */
public record VllmSetup(
        VllmSettings vllm,
        KvSettings kv,
        WorkerSettings worker,
        GrpcSettings grpc,
        ServiceTls tls,
        String host,
        int port) {
    /** Fails with a {@link SettingException} on the first value out of range. */
    public VllmSetup {
        vllm.validate();
        kv.validate();
        worker.validate();
        grpc.validate();
        if (port < 1 || port > 65_535) {
            throw new SettingException("quarkus.grpc.server.port", port, "must be a port in [1, 65535]");
        }
    }

    /** Where the server is, as its client wants to know it. */
    VllmEndpoint endpoint() {
        return new VllmEndpoint(
                URI.create(vllm.baseUrl()),
                vllm.apiKey().orElse(null),
                vllm.connectTimeout(),
                vllm.tokenizeTimeout(),
                vllm.prefillTimeout(),
                vllm.idleTimeout(),
                vllm.healthTimeout(),
                vllm.maxResponse().intBytes(),
                vllm.maxEvent().intBytes(),
                vllm.maxParams().intBytes());
    }
}
