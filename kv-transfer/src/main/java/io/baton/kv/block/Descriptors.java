package io.baton.kv.block;

import com.google.protobuf.ByteString;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.kv.key.KvKeys;
import io.baton.kv.v1.DescriptorKind;
import io.baton.kv.v1.KvDescriptor;
import io.baton.kv.v1.KvLayout;
import java.util.HexFormat;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * KV layouts and descriptors as messages, and the checks that a receiver makes before it pulls a byte.
 *
 * <p><em>Thread-safety:</em> stateless.
 */
public final class Descriptors {
    /** Most layers of a layout that is accepted from a peer. */
    public static final int MAX_LAYERS = 4096;

    private static final int FINGERPRINT_BYTES = 32;
    private static final HexFormat HEX = HexFormat.of();

    private Descriptors() {}

    /** The layout as a message. Its fingerprint must be 64 hex digits. */
    public static KvLayout toProto(io.baton.engine.KvLayout layout) {
        byte[] fingerprint = HEX.parseHex(layout.fingerprint());
        if (fingerprint.length != FINGERPRINT_BYTES) {
            throw new IllegalArgumentException(
                    "a model fingerprint is a SHA-256, 64 hex digits, not '" + layout.fingerprint() + "'");
        }
        KvLayout.Builder b = KvLayout.newBuilder()
                .setModelFingerprint(ByteString.copyFrom(fingerprint))
                .setKType(layout.kType())
                .setVType(layout.vType())
                .setVTrans(layout.vTrans());
        for (int bytes : layout.kRowBytes()) {
            b.addKRowBytes(bytes);
        }
        for (int bytes : layout.vRowBytes()) {
            b.addVRowBytes(bytes);
        }
        return b.build();
    }

    /**
     * A layout that a peer sent.
     *
     * @throws BatonException {@code DESCRIPTOR_REFUSED} if it is no possible layout, {@code LAYOUT_MISMATCH} if its caches do
     *     not travel as blocks
     */
    public static io.baton.engine.KvLayout fromProto(KvLayout layout) {
        if (layout.getKind() == DescriptorKind.DESCRIPTOR_KIND_NIXL) {
            throw new BatonException(
                    ErrorCode.LAYOUT_MISMATCH,
                    "KV caches that travel over NIXL do not fit this worker, which pulls blocks; give prefill and decode the "
                            + "same baton.engine.kind");
        }
        int layers = layout.getKRowBytesCount();
        if (layout.getModelFingerprint().size() != FINGERPRINT_BYTES) {
            throw refused("its layout's model fingerprint has "
                    + layout.getModelFingerprint().size() + " bytes instead of " + FINGERPRINT_BYTES);
        }
        if (layers < 1 || layers > MAX_LAYERS || layers != layout.getVRowBytesCount()) {
            throw refused("its layout has K rows for " + layers + " layers and V rows for " + layout.getVRowBytesCount()
                    + "; both must be the same number, from 1 to " + MAX_LAYERS);
        }
        return new io.baton.engine.KvLayout(
                HEX.formatHex(layout.getModelFingerprint().toByteArray()),
                layout.getKType(),
                layout.getVType(),
                rowBytes(layout.getKRowBytesList()),
                rowBytes(layout.getVRowBytesList()),
                layout.getVTrans());
    }

    private static int[] rowBytes(List<Integer> list) {
        int[] bytes = new int[list.size()];
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = list.get(i);
            if (bytes[i] < 1) {
                throw refused("its layout has rows of " + bytes[i] + " bytes in layer " + i);
            }
        }
        return bytes;
    }

    /**
     * Checks what a receiver can know by itself: that the descriptor is genuine, whole, of its own layout and meant for it.
     *
     * @param keys the cluster's keys
     * @param layout the receiver's own layout
     * @param receiver id of the receiver
     * @throws BatonException {@code SIGNATURE_INVALID}, {@code RECEIVER_MISMATCH}, {@code LAYOUT_MISMATCH} for another
     *     layout, {@code DESCRIPTOR_REFUSED} for anything else
     */
    public static void check(KvDescriptor d, KvKeys keys, io.baton.engine.KvLayout layout, String receiver) {
        if (d.getKind() != DescriptorKind.DESCRIPTOR_KIND_BATON) {
            throw refused("its kind is " + d.getKind() + "; only BATON blocks can be pulled");
        }
        if (!d.getOpaque().isEmpty()) {
            throw refused("it has parameters of another transport");
        }
        DescriptorSignatures.verify(d, keys);
        if (!d.getReceiver().equals(receiver)) {
            throw new BatonException(
                    ErrorCode.RECEIVER_MISMATCH,
                    "KV descriptor refused: it is for receiver '" + d.getReceiver() + "', not for '" + receiver + "'");
        }
        if (d.getRequestId().isEmpty() || d.getAttempt() < 1) {
            throw refused("it names no request or no attempt");
        }
        if (!d.getBlockName().isEmpty() && d.getBlockName().size() != BlockName.BYTES) {
            throw refused("its block name has " + d.getBlockName().size() + " bytes instead of " + BlockName.BYTES);
        }
        if (d.getBlockIndex() < 0 || d.getTokenBegin() < 0 || d.getTokenEnd() <= d.getTokenBegin()) {
            throw refused("block " + d.getBlockIndex() + " cannot cover tokens " + range(d));
        }
        if (!d.hasLayout()) {
            throw refused("it has no layout");
        }
        io.baton.engine.KvLayout theirs = fromProto(d.getLayout());
        if (!theirs.equals(layout)) {
            throw new BatonException(
                    ErrorCode.LAYOUT_MISMATCH,
                    "KV block of " + theirs + " does not fit this worker's " + layout
                            + "; prefill and decode must run the same model with the same cache settings");
        }
        long size = bytes(layout, d.getTokenEnd() - d.getTokenBegin());
        if (d.getSizeBytes() != size) {
            throw refused("it says " + d.getSizeBytes() + " bytes for tokens " + range(d) + ", which take " + size);
        }
        var _ = HolderAddress.parse(d.getHolderAddress());
    }

    /**
     * Checks also that the descriptor is of the block that the receiver expects.
     *
     * @param name name of the block; null for a tail, which has none
     * @param begin first position that it must cover
     * @param end one past the last position
     * @param tenant tenant of the request
     * @param requestId the request
     * @throws BatonException {@code TENANT_MISMATCH}, or as {@link #check(KvDescriptor, KvKeys, io.baton.engine.KvLayout,
     *     String)}
     */
    public static void check(
            KvDescriptor d,
            KvKeys keys,
            io.baton.engine.KvLayout layout,
            String receiver,
            @Nullable BlockName name,
            int begin,
            int end,
            String tenant,
            String requestId) {
        check(d, keys, layout, receiver);
        if (!d.getTenant().equals(tenant)) {
            throw new BatonException(ErrorCode.TENANT_MISMATCH, "KV descriptor refused: it is of another tenant");
        }
        if (!d.getRequestId().equals(requestId)) {
            throw refused("it is of another request");
        }
        if (d.getTokenBegin() != begin || d.getTokenEnd() != end) {
            throw refused("it covers tokens " + range(d) + ", but block " + d.getBlockIndex() + " is [" + begin + ", "
                    + end + ")");
        }
        ByteString expected = name == null ? ByteString.EMPTY : name.toByteString();
        if (!d.getBlockName().equals(expected)) {
            throw refused("block " + d.getBlockIndex()
                    + " is of other tokens, another tenant or another block size: its name is not "
                    + (name == null ? "empty, as that of a tail" : name));
        }
    }

    private static long bytes(io.baton.engine.KvLayout layout, int tokens) {
        try {
            return layout.bytes(tokens);
        } catch (ArithmeticException e) {
            throw new BatonException(
                    ErrorCode.DESCRIPTOR_REFUSED, "KV descriptor refused: " + tokens + " tokens are too many", e);
        }
    }

    private static String range(KvDescriptor d) {
        return "[" + d.getTokenBegin() + ", " + d.getTokenEnd() + ")";
    }

    private static BatonException refused(String why) {
        return new BatonException(ErrorCode.DESCRIPTOR_REFUSED, "KV descriptor refused: " + why);
    }
}
