package io.baton.decode.service.vllm;

import io.baton.decode.v1.DecodeRequest;
import io.baton.decode.v1.DecodeResponse;
import io.baton.decode.v1.DecodeServiceGrpc;
import io.baton.worker.vllm.VllmRuntime;
import io.grpc.ServerServiceDefinition;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;

/**
 * The gRPC service of a decode worker beside a vLLM server: makes a leg of every call.
 *
 * <p><em>Thread-safety:</em> every method may be called from any thread.
 */
public final class VllmDecodeLegs implements DecodeServiceGrpc.AsyncService {
    private final VllmRuntime runtime;

    private VllmDecodeLegs(VllmRuntime runtime) {
        this.runtime = runtime;
    }

    /**
     * The service for a gRPC server. The class itself is no {@link io.grpc.BindableService}: for each of those Quarkus
     * starts a gRPC server of its own.
     */
    public static ServerServiceDefinition definition(VllmRuntime runtime) {
        return DecodeServiceGrpc.bindService(new VllmDecodeLegs(runtime));
    }

    @Override
    public StreamObserver<DecodeRequest> decode(StreamObserver<DecodeResponse> responses) {
        ServerCallStreamObserver<DecodeResponse> out = (ServerCallStreamObserver<DecodeResponse>) responses;
        Readiness readiness = new Readiness(out::isReady);
        VllmDecodeLeg leg = new VllmDecodeLeg(runtime, out, readiness);
        out.setOnCancelHandler(leg::cancelled);
        out.setOnReadyHandler(readiness::changed);
        return leg;
    }
}
