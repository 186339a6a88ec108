package io.baton.decode.service;

import io.baton.tls.TlsSettings;
import io.baton.worker.EngineSettings;
import io.baton.worker.GrpcSettings;
import io.baton.worker.KvSettings;
import io.baton.worker.WorkerSettings;
import io.baton.worker.vllm.VllmSettings;
import io.smallrye.config.ConfigMapping;

/**
 * The settings that all workers share, as mappings of this application. They are declared here because Quarkus finds
 * mappings only in jars that it indexes; were the shared jar indexed, Quarkus would start a gRPC server of its own for the
 * services in it.
 */
final class SharedSettings {
    private SharedSettings() {}

    /** Settings of the inference engine. */
    @ConfigMapping(prefix = "baton.engine")
    interface Engine extends EngineSettings {}

    /** Settings of KV blocks. */
    @ConfigMapping(prefix = "baton.kv")
    interface Kv extends KvSettings {}

    /** Settings of the worker as a member of the fleet. */
    @ConfigMapping(prefix = "baton.worker")
    interface Worker extends WorkerSettings {}

    /** Settings of a vLLM server beside the worker. */
    @ConfigMapping(prefix = "baton.vllm")
    interface Vllm extends VllmSettings {}

    /** Settings of the connections between services. */
    @ConfigMapping(prefix = "baton.tls")
    interface Tls extends TlsSettings {}

    /** Settings of the gRPC server. */
    @ConfigMapping(prefix = "baton.grpc")
    interface Grpc extends GrpcSettings {}
}
