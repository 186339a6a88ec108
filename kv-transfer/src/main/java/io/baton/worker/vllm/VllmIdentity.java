package io.baton.worker.vllm;

import com.google.protobuf.ByteString;
import io.baton.engine.vllm.VllmModel;
import io.baton.kv.v1.DescriptorKind;
import io.baton.kv.v1.KvLayout;
import io.baton.worker.WorkerSetup;
import io.baton.worker.v1.WorkerIdentity;
import io.baton.worker.v1.WorkerRole;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.SecureRandom;
import java.time.Instant;

/** Who a worker beside a vLLM server is. */
final class VllmIdentity {
    /** One descriptor stands for the whole prompt, however long it is. */
    static final int BLOCK_SIZE = Integer.MAX_VALUE;

    private VllmIdentity() {}

    /** The identity of a worker that starts now. */
    static WorkerIdentity create(WorkerRole role, VllmSetup setup, VllmModel model) {
        String address =
                setup.worker().advertisedAddress().orElse(WorkerSetup.boundAddress(setup.host(), setup.port()));
        return WorkerIdentity.newBuilder()
                .setWorkerId(setup.worker().id().orElse(address))
                .setRole(role)
                .setEpoch(new SecureRandom().nextLong())
                .setModel(model.id())
                .setLayout(layout(model))
                .setBlockSize(BLOCK_SIZE)
                .setAddress(address)
                .setStartedAt(Instant.now().getEpochSecond())
                .setEngine("vllm")
                .build();
    }

    /**
     * Rows, types and blocks are vLLM's own business, which its connectors compare when they meet. What is known here is the
     * name of the model and what was loaded under it.
     */
    static KvLayout layout(VllmModel model) {
        try {
            MessageDigest sha = MessageDigest.getInstance("SHA-256");
            sha.update("baton:vllm-model:v1".getBytes(StandardCharsets.UTF_8));
            for (String part : new String[] {model.id(), model.root()}) {
                sha.update((byte) 0);
                sha.update(part.getBytes(StandardCharsets.UTF_8));
            }
            return KvLayout.newBuilder()
                    .setKind(DescriptorKind.DESCRIPTOR_KIND_NIXL)
                    .setModelFingerprint(ByteString.copyFrom(sha.digest()))
                    .build();
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java platform has SHA-256", e);
        }
    }
}
