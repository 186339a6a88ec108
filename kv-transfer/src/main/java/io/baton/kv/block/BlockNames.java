package io.baton.kv.block;

import io.baton.engine.KvLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * Names of KV blocks: a hash chained over the blocks of a prompt, so that equal names mean equal prefixes of the same
 * model, layout and tenant.
 *
 * <p>All integers are 32 bits, little-endian, two's complement; text is UTF-8; ‖ joins bytes.
 *
 * <pre>
 * string(s)  = length of s in bytes ‖ bytes of s
 * identity   = "baton:kv-identity:v1" ‖ 0x00
 *            ‖ string(model fingerprint, lower-case hex) ‖ K type ‖ V type ‖ v_trans (one byte, 0 or 1)
 *            ‖ layers ‖ bytes of a K row of layer 0 … layers−1 ‖ bytes of a V row of layer 0 … layers−1
 *            ‖ block size in tokens ‖ string(tenant)
 * name(−1)   = H(identity)
 * name(i)    = H("baton:kv-block:v1" ‖ 0x00 ‖ name(i−1) ‖ the block's token ids)
 * </pre>
 *
 * H is SHA-256 where the cluster has no keys. Where it has, H is HMAC-SHA-256 (RFC 2104) with a key of the tenant's,
 * HMAC-SHA-256(secret of names, "baton:kv-tenant:v1" ‖ 0x00 ‖ tenant in UTF-8): a name then tells nothing of a prompt to
 * whoever has no key, and one tenant's names nothing to another.
 *
 * The layout is part of the identity because rows of different layouts cannot be put into each other's caches. Only
 * full blocks have names; the tail of a prompt is never shared.
 *
 * <p><em>Thread-safety:</em> stateless.
 */
public final class BlockNames {
    private static final byte[] IDENTITY_DOMAIN = "baton:kv-identity:v1\0".getBytes(StandardCharsets.US_ASCII);
    private static final byte[] TENANT_DOMAIN = "baton:kv-tenant:v1\0".getBytes(StandardCharsets.US_ASCII);
    private static final byte[] BLOCK_DOMAIN = "baton:kv-block:v1\0".getBytes(StandardCharsets.US_ASCII);

    private BlockNames() {}

    /**
     * Names of the full blocks of a prompt, in order.
     *
     * @param layout layout of the rows, with the model's fingerprint
     * @param tenant tenant of the request, empty where there is only one
     * @param tokens all token ids
     * @param blockSize tokens per block, at least 1
     */
    public static List<BlockName> of(KvLayout layout, String tenant, int[] tokens, int blockSize) {
        return of(layout, tenant, tokens, blockSize, Optional.empty());
    }

    /**
     * Names of the full blocks of a prompt, in order.
     *
     * @param secret the cluster's secret of names, if it has keys
     */
    public static List<BlockName> of(
            KvLayout layout, String tenant, int[] tokens, int blockSize, Optional<byte[]> secret) {
        if (blockSize < 1) {
            throw new IllegalArgumentException("block size must be at least 1 token, not " + blockSize);
        }
        int blocks = tokens.length / blockSize;
        if (blocks == 0) {
            return List.of();
        }
        var names = new ArrayList<BlockName>(blocks);
        Hash hash = secret.map(s -> Hash.keyed(Hash.keyed(s).of(tenantMessage(tenant))))
                .orElseGet(Hash::plain);
        byte[] name = hash.of(identity(layout, tenant, blockSize));
        int ids = BLOCK_DOMAIN.length + BlockName.BYTES;
        ByteBuffer input = ByteBuffer.allocate(Math.addExact(ids, Math.multiplyExact(blockSize, Integer.BYTES)))
                .put(BLOCK_DOMAIN);
        for (int b = 0; b < blocks; b++) {
            input.put(BLOCK_DOMAIN.length, name);
            input.slice(ids, input.capacity() - ids)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .asIntBuffer()
                    .put(tokens, b * blockSize, blockSize);
            name = hash.of(input.array());
            names.add(BlockName.of(name));
        }
        return List.copyOf(names);
    }

    private static byte[] identity(KvLayout layout, String tenant, int blockSize) {
        byte[] fingerprint = layout.fingerprint().getBytes(StandardCharsets.UTF_8);
        byte[] tenantBytes = tenant.getBytes(StandardCharsets.UTF_8);
        int[] k = layout.kRowBytes();
        int[] v = layout.vRowBytes();
        ByteBuffer b = ByteBuffer.allocate(IDENTITY_DOMAIN.length
                        + Integer.BYTES * (6 + k.length + v.length)
                        + 1
                        + fingerprint.length
                        + tenantBytes.length)
                .order(ByteOrder.LITTLE_ENDIAN);
        b.put(IDENTITY_DOMAIN).putInt(fingerprint.length).put(fingerprint);
        b.putInt(layout.kType()).putInt(layout.vType()).put((byte) (layout.vTrans() ? 1 : 0));
        b.putInt(k.length);
        for (int bytes : k) {
            b.putInt(bytes);
        }
        for (int bytes : v) {
            b.putInt(bytes);
        }
        b.putInt(blockSize).putInt(tenantBytes.length).put(tenantBytes);
        return b.array();
    }

    private static byte[] tenantMessage(String tenant) {
        byte[] bytes = tenant.getBytes(StandardCharsets.UTF_8);
        return ByteBuffer.allocate(TENANT_DOMAIN.length + bytes.length)
                .put(TENANT_DOMAIN)
                .put(bytes)
                .array();
    }

    /** A function from bytes to 32 bytes. */
    private interface Hash {
        byte[] of(byte[] message);

        static Hash plain() {
            try {
                return MessageDigest.getInstance("SHA-256")::digest;
            } catch (NoSuchAlgorithmException e) {
                throw new IllegalStateException("every Java platform has SHA-256", e);
            }
        }

        static Hash keyed(byte[] key) {
            try {
                Mac mac = Mac.getInstance("HmacSHA256");
                mac.init(new SecretKeySpec(key, "HmacSHA256"));
                return mac::doFinal;
            } catch (GeneralSecurityException e) {
                throw new IllegalStateException("every Java platform has HMAC-SHA-256", e);
            }
        }
    }
}
