package io.baton.prefill.service.vllm;

import io.baton.prefill.v1.PrefillRequest;
import io.baton.prefill.v1.PrefillResponse;
import io.baton.prefill.v1.PrefillServiceGrpc;
import io.baton.worker.vllm.VllmRuntime;
import io.grpc.ServerServiceDefinition;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;

/**
 * The gRPC service of a prefill worker beside a vLLM server: makes a leg of every call.
 *
 * <p><em>Thread-safety:</em> every method may be called from any thread.
 */
public final class VllmPrefillLegs implements PrefillServiceGrpc.AsyncService {
    private final VllmRuntime runtime;

    private VllmPrefillLegs(VllmRuntime runtime) {
        this.runtime = runtime;
    }

    /**
     * The service for a gRPC server. The class itself is no {@link io.grpc.BindableService}: for each of those Quarkus
     * starts a gRPC server of its own.
     */
    public static ServerServiceDefinition definition(VllmRuntime runtime) {
        return PrefillServiceGrpc.bindService(new VllmPrefillLegs(runtime));
    }

    @Override
    public StreamObserver<PrefillRequest> prefill(StreamObserver<PrefillResponse> responses) {
        ServerCallStreamObserver<PrefillResponse> out = (ServerCallStreamObserver<PrefillResponse>) responses;
        VllmPrefillLeg leg = new VllmPrefillLeg(runtime, out);
        out.setOnCancelHandler(leg::cancelled);
        return leg;
    }
}
