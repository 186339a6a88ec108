package io.baton.prefill.service.leg;

import io.baton.kv.lease.LeaseTable;
import io.baton.prefill.v1.PrefillRequest;
import io.baton.prefill.v1.PrefillResponse;
import io.baton.prefill.v1.PrefillServiceGrpc;
import io.baton.worker.WorkerRuntime;
import io.baton.worker.prompt.Preparation;
import io.grpc.ServerServiceDefinition;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * The gRPC service of a prefill worker: makes a leg of every call. The threads that tokenise and that checksum finished
 * blocks are its own; both have no more to do than {@code baton.worker.max-legs} legs can ask for.
 *
 * <p><em>Thread-safety:</em> every method may be called from any thread.
 */
public final class PrefillLegs implements PrefillServiceGrpc.AsyncService, AutoCloseable {
    private final WorkerRuntime worker;
    private final LeaseTable leases;
    private final ExecutorService tokenizing;
    private final ExecutorService publishing;
    private final Preparation preparation;

    /** Legs on {@code worker} that hand out blocks under {@code leases}. */
    public PrefillLegs(WorkerRuntime worker, LeaseTable leases) {
        this.worker = worker;
        this.leases = leases;
        this.tokenizing = Executors.newFixedThreadPool(
                worker.setup().worker().tokenizeThreads(),
                Thread.ofPlatform().name("baton-tokenize-", 0).daemon().factory());
        this.preparation = new Preparation(worker, tokenizing);
        this.publishing = Executors.newSingleThreadExecutor(
                Thread.ofPlatform().name("baton-publish").daemon().factory());
    }

    @Override
    public StreamObserver<PrefillRequest> prefill(StreamObserver<PrefillResponse> responses) {
        ServerCallStreamObserver<PrefillResponse> out = (ServerCallStreamObserver<PrefillResponse>) responses;
        PrefillLeg leg = new PrefillLeg(this, out);
        out.setOnCancelHandler(leg::cancelled);
        return leg;
    }

    /**
     * The service for a gRPC server. The class itself is no {@link io.grpc.BindableService}: for each of those Quarkus
     * starts a gRPC server of its own.
     */
    public ServerServiceDefinition definition() {
        return PrefillServiceGrpc.bindService(this);
    }

    WorkerRuntime worker() {
        return worker;
    }

    LeaseTable leases() {
        return leases;
    }

    Preparation preparation() {
        return preparation;
    }

    ExecutorService publishing() {
        return publishing;
    }

    /** Ends the threads; after the engine has ended. */
    @Override
    public void close() {
        tokenizing.shutdown();
        publishing.shutdown();
    }
}
