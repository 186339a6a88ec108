package io.baton.engine.llamacpp;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.HashSet;
import java.util.Set;

/**
 * Vocabulary of a model: {@code const struct llama_vocab *}, owned by the model.
 *
 * <p><em>Thread-safety:</em> safe; the vocabulary does not change. Not to be used after the model is closed.
 */
final class LlamaVocab {
    /** Bits of {@code enum llama_token_attr}. */
    static final int ATTR_UNKNOWN = 1;

    static final int ATTR_CONTROL = 1 << 3;

    private final LlamaLibrary library;
    private final long handle;
    private final int size;

    LlamaVocab(LlamaLibrary library, long handle) {
        this.library = library;
        this.handle = handle;
        this.size = library.vocabNTokens(handle);
    }

    /** Number of tokens. */
    int nTokens() {
        return size;
    }

    /** Whether the model asks for a begin-of-sequence token. */
    boolean addBos() {
        return library.vocabGetAddBos(handle);
    }

    /** Begin-of-sequence token, −1 if there is none. */
    int bos() {
        return library.vocabBos(handle);
    }

    /** End-of-sequence token, −1 if there is none. */
    int eos() {
        return library.vocabEos(handle);
    }

    /** Text of a token as the GGUF has it; empty for −1. */
    String text(int token) {
        return token < 0 ? "" : library.vocabGetText(handle, checked(token));
    }

    /** Bits of {@code enum llama_token_attr}. */
    int attr(int token) {
        return library.vocabGetAttr(handle, checked(token));
    }

    /** Tokens that end a generation. */
    Set<Integer> endOfGeneration() {
        Set<Integer> ends = new HashSet<>();
        for (int i = 0; i < size; i++) {
            if (library.vocabIsEog(handle, i)) {
                ends.add(i);
            }
        }
        return ends;
    }

    /** Token ids of a text. */
    int[] tokenize(String text, boolean addSpecial, boolean parseSpecial) {
        byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment bytes = arena.allocate(Math.max(1, utf8.length));
            MemorySegment.copy(utf8, 0, bytes, JAVA_BYTE, 0, utf8.length);
            int capacity = utf8.length / 2 + 16;
            while (true) {
                MemorySegment tokens = arena.allocate(JAVA_INT, capacity);
                int n = library.tokenize(handle, bytes, utf8.length, tokens, capacity, addSpecial, parseSpecial);
                if (n >= 0) {
                    return tokens.asSlice(0, 4L * n).toArray(JAVA_INT);
                }
                if (n == Integer.MIN_VALUE || -n <= capacity) {
                    throw new BatonException(
                            ErrorCode.REQUEST_TOO_LARGE,
                            "a text of " + utf8.length + " bytes cannot be tokenised; send it in parts");
                }
                capacity = -n;
            }
        }
    }

    /** Bytes of a token; control tokens give none. */
    byte[] piece(int token) {
        checked(token);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment target = arena.allocate(64);
            int n = library.tokenToPiece(handle, token, target);
            if (n < 0) {
                target = arena.allocate(-(long) n);
                n = library.tokenToPiece(handle, token, target);
            }
            return target.asSlice(0, n).toArray(JAVA_BYTE);
        }
    }

    private int checked(int token) {
        if (token < 0 || token >= size) {
            throw new BatonException(
                    ErrorCode.INVALID_REQUEST, "token " + token + " is not in the vocabulary [0, " + size + ")");
        }
        return token;
    }
}
