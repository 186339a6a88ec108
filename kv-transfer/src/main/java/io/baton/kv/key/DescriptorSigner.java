package io.baton.kv.key;

import com.google.protobuf.ByteString;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.kv.v1.KvDescriptor;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.function.Supplier;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * Signs descriptors and checks signatures: HMAC-SHA-256 (RFC 2104) over {@link DescriptorBytes}, which has every field but the
 * signature itself.
 *
 * <p>Where there are no keys nothing is signed, and what is signed is refused: a worker that cannot check a signature is one
 * whose keys were forgotten.
 *
 * <p><em>Thread-safety:</em> safe.
 */
public final class DescriptorSigner {
    private static final String ALGORITHM = "HmacSHA256";

    private final Supplier<ClusterKeys> keys;

    /** Signs with the keys of the moment. */
    public DescriptorSigner(Supplier<ClusterKeys> keys) {
        this.keys = keys;
    }

    /** Signs nothing. */
    public static DescriptorSigner unsigned() {
        return new DescriptorSigner(ClusterKeys::none);
    }

    /** The descriptor with key id and signature, if there are keys. */
    public KvDescriptor sign(KvDescriptor.Builder descriptor) {
        ClusterKeys now = keys.get();
        byte[] secret = now.descriptorKey(now.active());
        if (secret == null) {
            return descriptor.clearKeyId().clearSignature().build();
        }
        descriptor.setKeyId(now.active());
        return descriptor
                .setSignature(ByteString.copyFrom(mac(secret, DescriptorBytes.of(descriptor))))
                .build();
    }

    /**
     * Checks a signature.
     *
     * @throws BatonException {@code DESCRIPTOR_FORGED} if it is not what one of the keys gives, or is missing where there are keys
     */
    public void verify(KvDescriptor descriptor) {
        ClusterKeys now = keys.get();
        if (now.isEmpty()) {
            if (!descriptor.getKeyId().isEmpty() || !descriptor.getSignature().isEmpty()) {
                throw forged("it is signed, and this worker has no keys to check that with; set baton.kv.keys-file");
            }
            return;
        }
        if (!descriptor.getUnknownFields().asMap().isEmpty()
                || !descriptor.getLayout().getUnknownFields().asMap().isEmpty()) {
            throw forged("it has fields that this worker does not know, so it cannot check them");
        }
        if (descriptor.getSignature().isEmpty()) {
            throw forged("it is not signed; set baton.kv.keys-file on every worker");
        }
        byte[] secret = now.descriptorKey(descriptor.getKeyId());
        if (secret == null) {
            throw forged("it is signed with a key that is not among this worker's");
        }
        if (!MessageDigest.isEqual(
                mac(secret, DescriptorBytes.of(descriptor)),
                descriptor.getSignature().toByteArray())) {
            throw forged("its signature is not that of its contents");
        }
    }

    private static byte[] mac(byte[] secret, byte[] message) {
        try {
            Mac mac = Mac.getInstance(ALGORITHM);
            mac.init(new SecretKeySpec(secret, ALGORITHM));
            return mac.doFinal(message);
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("every Java platform has HMAC-SHA-256", e);
        }
    }

    private static BatonException forged(String why) {
        return new BatonException(ErrorCode.DESCRIPTOR_FORGED, "KV descriptor refused: " + why);
    }
}
