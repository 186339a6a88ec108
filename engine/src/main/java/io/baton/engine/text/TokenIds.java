package io.baton.engine.text;

import com.google.protobuf.ByteString;
import com.google.protobuf.UnsafeByteOperations;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Objects;

/**
 * Token ids as they travel: consecutive little-endian int32, 4 bytes each.
 *
 * <p><em>Thread-safety:</em> stateless.
 */
public final class TokenIds {
    private TokenIds() {}

    /** All ids as bytes. */
    public static ByteString encode(int... ids) {
        return encode(ids, 0, ids.length);
    }

    /** The ids [from, to) as bytes. */
    public static ByteString encode(int[] ids, int from, int to) {
        Objects.checkFromToIndex(from, to, ids.length);
        byte[] bytes = new byte[Math.multiplyExact(to - from, Integer.BYTES)];
        ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asIntBuffer().put(ids, from, to - from);
        return UnsafeByteOperations.unsafeWrap(bytes);
    }

    /**
     * The ids in {@code bytes}.
     *
     * @param vocabulary ids must be in [0, vocabulary)
     * @param field name of the field, for the message
     * @throws BatonException {@code INVALID_REQUEST} if the length is not a multiple of 4 or an id is out of range
     */
    public static int[] decode(ByteString bytes, int vocabulary, String field) {
        if (bytes.size() % Integer.BYTES != 0) {
            throw new BatonException(
                    ErrorCode.INVALID_REQUEST,
                    field + " has " + bytes.size() + " bytes; token ids are little-endian int32, 4 bytes each");
        }
        int[] ids = new int[bytes.size() / Integer.BYTES];
        bytes.asReadOnlyByteBuffer()
                .order(ByteOrder.LITTLE_ENDIAN)
                .asIntBuffer()
                .get(ids);
        check(ids, vocabulary, field);
        return ids;
    }

    /** Refuses ids outside [0, vocabulary) with {@code INVALID_REQUEST}. */
    public static void check(int[] ids, int vocabulary, String field) {
        for (int i = 0; i < ids.length; i++) {
            if (ids[i] < 0 || ids[i] >= vocabulary) {
                throw new BatonException(
                        ErrorCode.INVALID_REQUEST,
                        field + "[" + i + "] is " + ids[i] + "; the model's token ids are in [0, " + (vocabulary - 1)
                                + "]");
            }
        }
    }
}
