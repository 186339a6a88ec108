package io.baton.router.life;

import com.google.protobuf.ByteString;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.inference.v1.TokenOutput;

/**
 * What the client has been sent: together with the prompt, all that another pair of workers needs to continue the stream.
 *
 * @param generated ids of the generated tokens (little-endian int32)
 * @param textBytes bytes of text in UTF-8
 * @param spoken whether the last output had text; if not, a worker may hold text back that belongs to the tokens
 */
public record Progress(ByteString generated, long textBytes, boolean spoken) {
    static final Progress NONE = new Progress(ByteString.EMPTY, 0, true);

    /** Generated tokens that the client has been sent. */
    public int tokens() {
        return generated.size() / Integer.BYTES;
    }

    /**
     * The progress after an output.
     *
     * @throws BatonException PROTOCOL_VIOLATION if the output does not continue what was sent: a token would be lost or doubled
     */
    Progress plus(TokenOutput output) {
        ByteString ids = output.getTokenIds();
        if (ids.size() % Integer.BYTES != 0) {
            throw new BatonException(
                    ErrorCode.PROTOCOL_VIOLATION, "a worker sent token ids of " + ids.size() + " bytes, not of 4 each");
        }
        if (!ids.isEmpty() && output.getIndex() != tokens()) {
            throw new BatonException(
                    ErrorCode.PROTOCOL_VIOLATION,
                    "a worker sent token " + output.getIndex() + " where token " + tokens() + " was next");
        }
        int bytes = output.getTextBytes().size();
        return new Progress(generated.concat(ids), textBytes + bytes, bytes > 0);
    }
}
