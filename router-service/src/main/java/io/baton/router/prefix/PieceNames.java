package io.baton.router.prefix;

import com.google.protobuf.ByteString;
import io.baton.inference.v1.ChatMessage;
import io.baton.inference.v1.Prompt;
import io.baton.router.run.Scheduling;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * Names the pieces of prompts. The text of a piece is the prompt's own: bytes of text or of token ids, or role and content of
 * each message, closed by a control character each. The key is HMAC-SHA-256 under the routers' secret over tenant, model and
 * kind of prompt, so that prompts of two tenants never have a piece in common, and workers and whoever reads their reports
 * learn nothing of a prompt.
 *
 * <p><em>Thread-safety:</em> safe.
 */
public final class PieceNames implements Scheduling.Pieces {
    /** Bytes of a piece: 256 tokens of token ids, about as many of text. */
    public static final int PIECE_BYTES = 1024;

    private static final byte ROLE_END = 0x1f;
    private static final byte CONTENT_END = 0x1e;
    private static final String ALGORITHM = "HmacSHA256";

    private final SecretKeySpec secret;
    private final int maxPieces;

    /**
     * Names under a secret.
     *
     * @param secret the same in all routers of a fleet; at least one byte
     * @param maxPieces most pieces of one prompt that are named
     */
    public PieceNames(byte[] secret, int maxPieces) {
        this.secret = new SecretKeySpec(secret, ALGORITHM);
        this.maxPieces = maxPieces;
    }

    @Override
    public long[] of(String tenant, String model, Prompt prompt) {
        ByteBuffer key = ByteBuffer.wrap(key(tenant, model, prompt.getKindCase().getNumber()))
                .order(ByteOrder.LITTLE_ENDIAN);
        PieceHasher hasher = new PieceHasher(key.getLong(), key.getLong(), PIECE_BYTES, maxPieces);
        switch (prompt.getKindCase()) {
            case TEXT -> hasher.update(prompt.getTextBytes());
            case TOKEN_IDS -> hasher.update(prompt.getTokenIds());
            case CHAT -> {
                for (ChatMessage message : prompt.getChat().getMessagesList()) {
                    hasher.update(message.getRoleBytes());
                    hasher.update(ROLE_END);
                    hasher.update(message.getContentBytes());
                    hasher.update(CONTENT_END);
                }
            }
            case KIND_NOT_SET -> {
                // Refused elsewhere; it has no pieces.
            }
        }
        return hasher.hashes();
    }

    private byte[] key(String tenant, String model, int kind) {
        try {
            Mac mac = Mac.getInstance(ALGORITHM);
            mac.init(secret);
            mac.update("baton:prompt-pieces:v1\0".getBytes(StandardCharsets.UTF_8));
            string(mac, tenant);
            string(mac, model);
            mac.update((byte) kind);
            return mac.doFinal();
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("every Java has " + ALGORITHM, e);
        }
    }

    private static void string(Mac mac, String text) {
        byte[] bytes = ByteString.copyFromUtf8(text).toByteArray();
        mac.update(ByteBuffer.allocate(Integer.BYTES)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(0, bytes.length));
        mac.update(bytes);
    }
}
