package io.baton.kv.block;

import io.baton.engine.KvLayout;
import io.baton.kv.key.Hmac;
import io.baton.kv.key.KvKeys;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.security.DigestException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.List;
import javax.crypto.Mac;
import javax.crypto.ShortBufferException;

/**
 * Names of KV blocks: a hash chained over the blocks of a prompt, so that equal names mean equal prefixes of the same
 * model, layout and tenant. With {@link KvKeys} it is keyed by a secret of the tenant: tenants then never share a block, and
 * a name tells nothing of the tokens to who does not have the secret.
 *
 * <p>All integers are 32 bits, little-endian, two's complement; text is UTF-8; ‖ joins bytes.
 *
 * <pre>
 * string(s)  = length of s in bytes ‖ bytes of s
 * identity   = "baton:kv-identity:v1" ‖ 0x00
 *            ‖ string(model fingerprint, lower-case hex) ‖ K type ‖ V type ‖ v_trans (one byte, 0 or 1)
 *            ‖ layers ‖ bytes of a K row of layer 0 … layers−1 ‖ bytes of a V row of layer 0 … layers−1
 *            ‖ block size in tokens ‖ string(tenant)
 * hash(m)    = HMAC-SHA-256(the tenant's secret, m); without keys SHA-256(m)
 * name(−1)   = hash(identity)
 * name(i)    = hash("baton:kv-block:v1" ‖ 0x00 ‖ name(i−1) ‖ the block's token ids)
 * </pre>
 *
 * The layout is part of the identity because rows of different layouts cannot be put into each other's caches. Only
 * full blocks have names; the tail of a prompt is never shared.
 *
 * <p><em>Thread-safety:</em> stateless.
 */
public final class BlockNames {
    private static final byte[] IDENTITY_DOMAIN = "baton:kv-identity:v1\0".getBytes(StandardCharsets.US_ASCII);
    private static final byte[] BLOCK_DOMAIN = "baton:kv-block:v1\0".getBytes(StandardCharsets.US_ASCII);

    private BlockNames() {}

    /** The names of {@link #of(KvKeys, KvLayout, String, int[], int)} without keys. */
    public static List<BlockName> of(KvLayout layout, String tenant, int[] tokens, int blockSize) {
        return of(KvKeys.none(), layout, tenant, tokens, blockSize);
    }

    /**
     * Names of the full blocks of a prompt, in order.
     *
     * @param keys with the secret of names; the same on every worker that exchanges blocks
     * @param layout layout of the rows, with the model's fingerprint
     * @param tenant tenant of the request, empty where there is only one
     * @param tokens all token ids
     * @param blockSize tokens per block, at least 1
     */
    public static List<BlockName> of(KvKeys keys, KvLayout layout, String tenant, int[] tokens, int blockSize) {
        if (blockSize < 1) {
            throw new IllegalArgumentException("block size must be at least 1 token, not " + blockSize);
        }
        int blocks = tokens.length / blockSize;
        if (blocks == 0) {
            return List.of();
        }
        var names = new ArrayList<BlockName>(blocks);
        Hash hash = keys.tenantSecret(tenant).map(BlockNames::hmac).orElseGet(BlockNames::sha256);
        byte[] name = new byte[BlockName.BYTES];
        hash.of(identity(layout, tenant, blockSize), name);
        int ids = BLOCK_DOMAIN.length + BlockName.BYTES;
        ByteBuffer input = ByteBuffer.allocate(Math.addExact(ids, Math.multiplyExact(blockSize, Integer.BYTES)))
                .put(BLOCK_DOMAIN);
        for (int b = 0; b < blocks; b++) {
            input.put(BLOCK_DOMAIN.length, name);
            input.slice(ids, input.capacity() - ids)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .asIntBuffer()
                    .put(tokens, b * blockSize, blockSize);
            hash.of(input.array(), name);
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

    /** A hash of 32 bytes. */
    private interface Hash {
        void of(byte[] message, byte[] target);
    }

    private static Hash hmac(byte[] secret) {
        Mac mac = Hmac.mac(secret);
        return (message, target) -> {
            mac.update(message);
            try {
                mac.doFinal(target, 0);
            } catch (ShortBufferException e) {
                throw new IllegalStateException("HMAC-SHA-256 does not fit into " + target.length + " bytes", e);
            }
        };
    }

    private static Hash sha256() {
        MessageDigest sha;
        try {
            sha = MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java platform has SHA-256", e);
        }
        return (message, target) -> {
            sha.update(message);
            try {
                sha.digest(target, 0, target.length);
            } catch (DigestException e) {
                throw new IllegalStateException("SHA-256 does not fit into " + target.length + " bytes", e);
            }
        };
    }
}
