package io.baton.kv.key;

import com.google.protobuf.ByteString;
import io.baton.kv.v1.KvDescriptorOrBuilder;
import io.baton.kv.v1.KvLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * A descriptor as bytes to sign. Not its protobuf form, which the same message may have several of. Integers are little-endian,
 * 32 bits unless said otherwise; {@code bytes(b)} is the length of b and b, {@code string(s)} that of its UTF-8; ‖ joins.
 *
 * <pre>
 * "baton:kv-descriptor:v1" ‖ 0x00 ‖ kind ‖ bytes(block_name) ‖ block_index ‖ token_begin ‖ token_end
 * ‖ layout, if there is one: 0x01 ‖ kind ‖ bytes(model_fingerprint) ‖ k_type ‖ v_type ‖ v_trans (one byte)
 *                            ‖ number of k_row_bytes ‖ k_row_bytes … ‖ number of v_row_bytes ‖ v_row_bytes …
 *   else 0x00
 * ‖ size_bytes (64 bits) ‖ crc32c ‖ string(holder_address) ‖ holder_epoch (64) ‖ lease_id (64)
 * ‖ string(request_id) ‖ attempt ‖ string(tenant) ‖ string(receiver) ‖ string(key_id) ‖ bytes(opaque) ‖ lease_us (64)
 * </pre>
 */
final class DescriptorBytes {
    private static final byte[] DOMAIN = "baton:kv-descriptor:v1\0".getBytes(StandardCharsets.US_ASCII);
    /** Room for every field of fixed size. */
    private static final int FIXED = DOMAIN.length + 32 * Long.BYTES;

    private DescriptorBytes() {}

    static byte[] of(KvDescriptorOrBuilder d) {
        byte[] holder = utf8(d.getHolderAddress());
        byte[] request = utf8(d.getRequestId());
        byte[] tenant = utf8(d.getTenant());
        byte[] receiver = utf8(d.getReceiver());
        byte[] key = utf8(d.getKeyId());
        KvLayout layout = d.getLayout();
        int rows = layout.getKRowBytesCount() + layout.getVRowBytesCount();
        ByteBuffer out = ByteBuffer.allocate(FIXED
                        + d.getBlockName().size()
                        + layout.getModelFingerprint().size()
                        + rows * Integer.BYTES
                        + holder.length
                        + request.length
                        + tenant.length
                        + receiver.length
                        + key.length
                        + d.getOpaque().size())
                .order(ByteOrder.LITTLE_ENDIAN);
        out.put(DOMAIN).putInt(d.getKindValue());
        put(out, d.getBlockName());
        out.putInt(d.getBlockIndex()).putInt(d.getTokenBegin()).putInt(d.getTokenEnd());
        out.put((byte) (d.hasLayout() ? 1 : 0));
        if (d.hasLayout()) {
            out.putInt(layout.getKindValue());
            put(out, layout.getModelFingerprint());
            out.putInt(layout.getKType()).putInt(layout.getVType()).put((byte) (layout.getVTrans() ? 1 : 0));
            put(out, layout.getKRowBytesList());
            put(out, layout.getVRowBytesList());
        }
        out.putLong(d.getSizeBytes()).putInt(d.getCrc32C());
        put(out, holder);
        out.putLong(d.getHolderEpoch()).putLong(d.getLeaseId());
        put(out, request);
        out.putInt(d.getAttempt());
        put(out, tenant);
        put(out, receiver);
        put(out, key);
        put(out, d.getOpaque());
        out.putLong(d.getLeaseUs());
        byte[] bytes = new byte[out.position()];
        out.flip().get(bytes);
        return bytes;
    }

    private static byte[] utf8(String s) {
        return s.getBytes(StandardCharsets.UTF_8);
    }

    private static void put(ByteBuffer out, byte[] bytes) {
        out.putInt(bytes.length).put(bytes);
    }

    private static void put(ByteBuffer out, ByteString bytes) {
        out.putInt(bytes.size());
        bytes.copyTo(out);
    }

    private static void put(ByteBuffer out, List<Integer> numbers) {
        out.putInt(numbers.size());
        numbers.forEach(out::putInt);
    }
}
