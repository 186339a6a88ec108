package io.baton.worker.vllm;

import com.google.protobuf.ByteString;
import com.google.protobuf.UnsafeByteOperations;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.kv.key.DescriptorSigner;
import io.baton.kv.v1.DescriptorKind;
import io.baton.kv.v1.KvDescriptor;
import io.baton.kv.v1.KvLayout;
import io.baton.worker.v1.WorkerIdentity;
import java.nio.ByteBuffer;
import java.util.zip.CRC32C;

/**
 * Descriptors of kind NIXL: vLLM's kv_transfer_params, bound to one request, one attempt and one receiver. What is in them is
 * never read here.
 *
 * <p><em>Thread-safety:</em> stateless.
 */
public final class NixlDescriptors {
    private NixlDescriptors() {}

    /**
     * The leg that a descriptor is made for.
     *
     * @param requestId the request's name on the legs
     * @param attempt attempt number, from 1
     * @param tenant the tenant; empty where there is only one
     * @param tokens tokens of the prompt
     */
    public record Binding(String requestId, int attempt, String tenant, int tokens) {}

    /**
     * Describes the KV cache of a prompt.
     *
     * @param params kv_transfer_params; not copied, not to be changed
     * @param signer signs it, if there are keys
     */
    public static KvDescriptor make(
            WorkerIdentity holder, Binding leg, String receiver, byte[] params, DescriptorSigner signer) {
        return signer.sign(KvDescriptor.newBuilder()
                .setKind(DescriptorKind.DESCRIPTOR_KIND_NIXL)
                .setTokenEnd(leg.tokens())
                .setLayout(holder.getLayout())
                .setCrc32C(crc(ByteBuffer.wrap(params)))
                .setHolderAddress(holder.getAddress())
                .setHolderEpoch(holder.getEpoch())
                .setRequestId(leg.requestId())
                .setAttempt(leg.attempt())
                .setTenant(leg.tenant())
                .setReceiver(receiver)
                .setOpaque(UnsafeByteOperations.unsafeWrap(params)));
    }

    /**
     * The parameters of a descriptor that was made for exactly this leg.
     *
     * @param layout the receiver's layout
     * @param receiver the receiver's id
     * @param maxParams most bytes of the parameters
     * @param signer checks the signature first, if there are keys
     * @throws BatonException {@code DESCRIPTOR_FORGED}, {@code RECEIVER_MISMATCH}, {@code TENANT_MISMATCH},
     *     {@code DESCRIPTOR_REFUSED}, {@code LAYOUT_MISMATCH} or {@code BLOCK_CORRUPT}
     */
    public static byte[] open(
            KvDescriptor d, Binding leg, KvLayout layout, String receiver, int maxParams, DescriptorSigner signer) {
        if (d.getKind() != DescriptorKind.DESCRIPTOR_KIND_NIXL) {
            throw refused("it is of kind " + d.getKind() + "; a worker beside vLLM takes NIXL only");
        }
        signer.verify(d);
        if (!d.getReceiver().equals(receiver)) {
            throw new BatonException(
                    ErrorCode.RECEIVER_MISMATCH,
                    "KV descriptor refused: it is for '" + d.getReceiver() + "'; this worker is '" + receiver + "'");
        }
        if (!d.getTenant().equals(leg.tenant())) {
            throw new BatonException(ErrorCode.TENANT_MISMATCH, "KV descriptor refused: it is of another tenant");
        }
        if (!d.getLayout().equals(layout)) {
            throw new BatonException(
                    ErrorCode.LAYOUT_MISMATCH,
                    "the KV cache is of another model than this worker's; give both vLLM servers the same --model and "
                            + "--served-model-name");
        }
        if (!d.getRequestId().equals(leg.requestId())) {
            throw refused("it is of another request");
        }
        if (d.getAttempt() != leg.attempt()) {
            throw refused("it is of attempt " + d.getAttempt() + ", not of attempt " + leg.attempt());
        }
        if (d.getBlockIndex() != 0 || d.getTokenBegin() != 0 || d.getTokenEnd() != leg.tokens()) {
            throw refused("it covers tokens [" + d.getTokenBegin() + ", " + d.getTokenEnd() + ") of a prompt of "
                    + leg.tokens() + "; it must cover all of them");
        }
        ByteString params = d.getOpaque();
        if (params.isEmpty() || params.size() > maxParams) {
            throw refused("its parameters have " + params.size() + " bytes; 1 to " + maxParams
                    + " are taken (baton.vllm.max-params)");
        }
        if (crc(params.asReadOnlyByteBuffer()) != d.getCrc32C()) {
            throw new BatonException(
                    ErrorCode.BLOCK_CORRUPT, "the parameters of the KV cache are not those that were described");
        }
        return params.toByteArray();
    }

    private static int crc(ByteBuffer bytes) {
        CRC32C crc = new CRC32C();
        crc.update(bytes);
        return (int) crc.getValue();
    }

    private static BatonException refused(String why) {
        return new BatonException(ErrorCode.DESCRIPTOR_REFUSED, "KV descriptor refused: " + why);
    }
}
