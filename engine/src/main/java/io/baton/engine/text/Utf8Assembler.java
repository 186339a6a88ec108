package io.baton.engine.text;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * Bytes that arrive in pieces, as characters. What comes out, concatenated, is what {@code new String(all, UTF_8)} would
 * give: every maximal invalid part becomes one U+FFFD. The first bytes of an unfinished character are kept.
 *
 * <p><em>Thread-safety:</em> none.
 */
final class Utf8Assembler {
    private static final byte[] NOTHING = new byte[0];

    private final CharsetDecoder decoder = StandardCharsets.UTF_8
            .newDecoder()
            .onMalformedInput(CodingErrorAction.REPLACE)
            .onUnmappableCharacter(CodingErrorAction.REPLACE);
    /** At most 3 bytes of a character that is not finished. */
    private byte[] unfinished = NOTHING;

    /** The characters that became certain with {@code bytes}; never half of a surrogate pair. */
    String append(byte[] bytes) {
        ByteBuffer in;
        if (unfinished.length == 0) {
            in = ByteBuffer.wrap(bytes);
        } else {
            byte[] joined = Arrays.copyOf(unfinished, unfinished.length + bytes.length);
            System.arraycopy(bytes, 0, joined, unfinished.length, bytes.length);
            in = ByteBuffer.wrap(joined);
        }
        // Every byte gives at most one char: a 4-byte character two, an invalid byte one.
        CharBuffer out = CharBuffer.allocate(in.remaining());
        demandUnderflow(decoder.decode(in, out, false));
        unfinished = in.hasRemaining() ? Arrays.copyOfRange(in.array(), in.position(), in.limit()) : NOTHING;
        return out.flip().toString();
    }

    /** The characters that an end here makes certain: one U+FFFD if a character was not finished. */
    String finish() {
        ByteBuffer in = ByteBuffer.wrap(unfinished);
        CharBuffer out = CharBuffer.allocate(unfinished.length + 1);
        demandUnderflow(decoder.decode(in, out, true));
        demandUnderflow(decoder.flush(out));
        unfinished = NOTHING;
        decoder.reset();
        return out.flip().toString();
    }

    private static void demandUnderflow(CoderResult result) {
        if (!result.isUnderflow()) {
            throw new IllegalStateException("UTF-8 decoder stopped with " + result);
        }
    }
}
