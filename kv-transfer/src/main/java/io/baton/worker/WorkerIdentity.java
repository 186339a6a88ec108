package io.baton.worker;

import io.baton.engine.Engine;
import io.baton.engine.KvLayout;
import io.baton.kv.block.Descriptors;
import io.baton.worker.v1.WorkerRole;
import java.security.SecureRandom;
import java.time.Instant;

/**
 * Who a worker is; constant while the process lives.
 *
 * @param workerId unique in the fleet
 * @param role what it does
 * @param epoch drawn at random at start, so that what an earlier process of the same name promised is void
 * @param address host:port at which other workers reach its gRPC server
 * @param model name of its model
 * @param layout layout of its KV rows
 * @param blockSize tokens per KV block
 * @param engine kind of engine
 * @param startedAt when the process started
 */
public record WorkerIdentity(
        String workerId,
        WorkerRole role,
        long epoch,
        String address,
        String model,
        KvLayout layout,
        int blockSize,
        String engine,
        Instant startedAt) {

    /** The identity of a worker that starts now. */
    public static WorkerIdentity create(
            WorkerRole role, WorkerSettings settings, String boundAddress, int blockSize, Engine engine) {
        String address = settings.advertisedAddress().orElse(boundAddress);
        return new WorkerIdentity(
                settings.id().orElse(address),
                role,
                new SecureRandom().nextLong(),
                address,
                engine.model().name(),
                engine.kvLayout(),
                blockSize,
                engine.model().engine(),
                Instant.now());
    }

    /** As it travels. */
    public io.baton.worker.v1.WorkerIdentity toProto() {
        return io.baton.worker.v1.WorkerIdentity.newBuilder()
                .setWorkerId(workerId)
                .setRole(role)
                .setEpoch(epoch)
                .setModel(model)
                .setLayout(Descriptors.toProto(layout))
                .setBlockSize(blockSize)
                .setAddress(address)
                .setStartedAt(startedAt.getEpochSecond())
                .setEngine(engine)
                .build();
    }
}
