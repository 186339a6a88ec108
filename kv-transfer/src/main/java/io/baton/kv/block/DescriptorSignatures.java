package io.baton.kv.block;

import com.google.protobuf.ByteString;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.kv.key.KvKeys;
import io.baton.kv.v1.KvDescriptor;
import io.baton.kv.v1.KvLayout;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * Signs descriptors and verifies them: HMAC-SHA-256 over every other field, in an encoding of its own, because protobuf does
 * not promise equal bytes for equal messages.
 *
 * <p>Integers are little-endian, of 32 bits unless said otherwise; text is UTF-8; ‖ joins bytes.
 *
 * <pre>
 * string(s) = length of s in bytes ‖ bytes of s
 * layout    = string(model_fingerprint) ‖ k_type ‖ v_type ‖ v_trans (one byte) ‖ kind
 *           ‖ number of k_row_bytes ‖ k_row_bytes … ‖ number of v_row_bytes ‖ v_row_bytes …
 * message   = "baton:kv-descriptor:v1" ‖ 0x00 ‖ string(key_id) ‖ kind ‖ string(block_name) ‖ block_index
 *           ‖ token_begin ‖ token_end ‖ layout ‖ size_bytes (64 bits) ‖ crc32c ‖ string(holder_address)
 *           ‖ holder_epoch (64 bits) ‖ lease_id (64 bits) ‖ string(request_id) ‖ attempt ‖ string(tenant)
 *           ‖ string(receiver) ‖ string(opaque)
 * signature = HMAC-SHA-256(signing key of key_id, message)
 * </pre>
 *
 * A descriptor with fields that are not in this list is refused: they are not signed.
 *
 * <p><em>Thread-safety:</em> stateless.
 */
public final class DescriptorSignatures {
    private static final byte[] DOMAIN = "baton:kv-descriptor:v1\0".getBytes(StandardCharsets.US_ASCII);

    private DescriptorSignatures() {}

    /** The descriptor with key id and signature; the same one without keys. */
    public static KvDescriptor sign(KvDescriptor d, KvKeys keys) {
        if (!keys.present()) {
            return d;
        }
        KvDescriptor.Builder b = d.toBuilder().setKeyId(keys.signingId());
        return b.setSignature(ByteString.copyFrom(keys.sign(message(b.build()))))
                .build();
    }

    /**
     * Checks that the descriptor is as a holder with one of these keys made it. Without keys, that it is not signed.
     *
     * @throws BatonException {@code SIGNATURE_INVALID}
     */
    public static void verify(KvDescriptor d, KvKeys keys) {
        if (!d.getUnknownFields().asMap().isEmpty()
                || !d.getLayout().getUnknownFields().asMap().isEmpty()) {
            throw invalid("it has fields that this version does not know and that no signature covers");
        }
        if (!keys.present()) {
            if (!d.getKeyId().isEmpty() || !d.getSignature().isEmpty()) {
                throw invalid("it is signed, and this worker has no keys; set baton.kv.keys alike on all workers");
            }
            return;
        }
        if (d.getSignature().isEmpty()) {
            throw invalid(
                    "it is not signed, and this worker takes signed ones only; set baton.kv.keys alike on all workers");
        }
        if (!keys.verify(d.getKeyId(), message(d), d.getSignature().toByteArray())) {
            throw invalid("its signature is not that of the key '" + printable(d.getKeyId())
                    + "' over it, or the key is not known here");
        }
    }

    private static String printable(String id) {
        return id.length() > 64 || !id.matches("[A-Za-z0-9._-]*") ? "(not an id)" : id;
    }

    /** What is signed. */
    static byte[] message(KvDescriptor d) {
        var out = new Encoding();
        out.writeBytes(DOMAIN);
        out.string(d.getKeyIdBytes());
        out.int32(d.getKindValue());
        out.string(d.getBlockName());
        out.int32(d.getBlockIndex());
        out.int32(d.getTokenBegin());
        out.int32(d.getTokenEnd());
        out.layout(d.getLayout());
        out.int64(d.getSizeBytes());
        out.int32(d.getCrc32C());
        out.string(d.getHolderAddressBytes());
        out.int64(d.getHolderEpoch());
        out.int64(d.getLeaseId());
        out.string(d.getRequestIdBytes());
        out.int32(d.getAttempt());
        out.string(d.getTenantBytes());
        out.string(d.getReceiverBytes());
        out.string(d.getOpaque());
        return out.toByteArray();
    }

    private static final class Encoding extends ByteArrayOutputStream {
        Encoding() {
            super(512);
        }

        void int32(int value) {
            for (int shift = 0; shift < Integer.SIZE; shift += Byte.SIZE) {
                write(value >>> shift);
            }
        }

        void int64(long value) {
            int32((int) value);
            int32((int) (value >>> Integer.SIZE));
        }

        void string(ByteString bytes) {
            int32(bytes.size());
            writeBytes(bytes.toByteArray());
        }

        void layout(KvLayout l) {
            string(l.getModelFingerprint());
            int32(l.getKType());
            int32(l.getVType());
            write(l.getVTrans() ? 1 : 0);
            int32(l.getKindValue());
            int32s(l.getKRowBytesList());
            int32s(l.getVRowBytesList());
        }

        private void int32s(List<Integer> values) {
            int32(values.size());
            values.forEach(this::int32);
        }
    }

    private static BatonException invalid(String why) {
        return new BatonException(ErrorCode.SIGNATURE_INVALID, "KV descriptor refused: " + why);
    }
}
