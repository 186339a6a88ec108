package io.baton.router.life;

import com.google.protobuf.ByteString;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.inference.v1.TokenOutput;
import java.util.Arrays;

/**
 * What the client has been sent: together with the prompt, all that another pair of workers needs to continue the stream.
 *
 * <p>The values of one stream share an array: each is a prefix of it, and the longest one grows in place, so that a token costs
 * no copy of those before it. Any other one is copied when it grows; so no value ever changes.
 *
 * <p><em>Thread-safety:</em> immutable; but the values of one stream must grow in one thread at a time.
 */
final class Progress {
    /** Token ids (little-endian int32). Values with this array are at most {@code used} bytes of it long. */
    private static final class Ids {
        private final byte[] bytes;
        private int used;

        private Ids(byte[] bytes, int used) {
            this.bytes = bytes;
            this.used = used;
        }
    }

    private static final int FIRST_ARRAY = 16 * Integer.BYTES;

    /** Nothing. All streams begin with it, so its array has no room. */
    static final Progress NONE = new Progress(new Ids(new byte[0], 0), 0, 0, true);

    private final Ids ids;
    private final int size;
    private final long textBytes;
    private final boolean spoken;

    private Progress(Ids ids, int size, long textBytes, boolean spoken) {
        this.ids = ids;
        this.size = size;
        this.textBytes = textBytes;
        this.spoken = spoken;
    }

    /** Generated tokens that the client has been sent. */
    int tokens() {
        return size / Integer.BYTES;
    }

    /** Ids of the generated tokens (little-endian int32); a copy. */
    ByteString generated() {
        return ByteString.copyFrom(ids.bytes, 0, size);
    }

    /** Ids of all generated tokens but the last one; a copy. */
    ByteString generatedButLast() {
        return ByteString.copyFrom(ids.bytes, 0, size - Integer.BYTES);
    }

    /** Bytes of text in UTF-8. */
    long textBytes() {
        return textBytes;
    }

    /** Whether the last output had text; if not, a worker may hold text back that belongs to the tokens. */
    boolean spoken() {
        return spoken;
    }

    /**
     * The progress after an output.
     *
     * @throws BatonException PROTOCOL_VIOLATION if the output does not continue what was sent: a token would be lost or doubled
     */
    Progress plus(TokenOutput output) {
        ByteString more = output.getTokenIds();
        if (more.size() % Integer.BYTES != 0) {
            throw new BatonException(
                    ErrorCode.PROTOCOL_VIOLATION,
                    "a worker sent token ids of " + more.size() + " bytes, not of 4 each");
        }
        if (!more.isEmpty() && output.getIndex() != tokens()) {
            throw new BatonException(
                    ErrorCode.PROTOCOL_VIOLATION,
                    "a worker sent token " + output.getIndex() + " where token " + tokens() + " was next");
        }
        int bytes = output.getTextBytes().size();
        return new Progress(with(more), size + more.size(), textBytes + bytes, bytes > 0);
    }

    /** The array of the value that has these ids too. */
    private Ids with(ByteString more) {
        if (more.isEmpty()) {
            return ids;
        }
        int end = Math.addExact(size, more.size());
        Ids grown = ids;
        if (ids.used != size || end > ids.bytes.length) {
            byte[] bytes = Arrays.copyOf(ids.bytes, Math.max(FIRST_ARRAY, Math.max(end, 2 * size)));
            grown = new Ids(bytes, size);
        }
        more.copyTo(grown.bytes, size);
        grown.used = end;
        return grown;
    }
}
