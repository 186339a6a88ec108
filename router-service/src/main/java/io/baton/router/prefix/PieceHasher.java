package io.baton.router.prefix;

import com.google.protobuf.ByteOutput;
import com.google.protobuf.ByteString;
import com.google.protobuf.UnsafeByteOperations;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * Hashes a text piece by piece: the hash of a piece is SipHash-1-3 (Aumasson and Bernstein, with one round per word and three at
 * the end) of everything from the text's beginning to the piece's end. Equal hashes so mean equal prefixes, and the text is read
 * once. What is left at the end and fills no piece has no hash.
 *
 * <p><em>Thread-safety:</em> none; for one text.
 */
final class PieceHasher {
    private static final VarHandle WORDS = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

    private final Parts parts = new Parts();
    /** The beginning of a piece whose end has not come yet. */
    private final byte[] piece;

    private final int maxPieces;
    private int filled;
    private long[] hashes = new long[16];
    private int count;
    private long v0;
    private long v1;
    private long v2;
    private long v3;

    /**
     * A hasher of nothing yet.
     *
     * @param k0 first half of the key
     * @param k1 second half of the key
     * @param pieceBytes bytes of a piece, a multiple of 8
     * @param maxPieces most pieces that are hashed; the rest is not read
     */
    PieceHasher(long k0, long k1, int pieceBytes, int maxPieces) {
        if (pieceBytes < Long.BYTES || pieceBytes % Long.BYTES != 0) {
            throw new IllegalArgumentException("a piece has a multiple of 8 bytes, not " + pieceBytes);
        }
        this.piece = new byte[pieceBytes];
        this.maxPieces = maxPieces;
        v0 = k0 ^ 0x736f6d6570736575L;
        v1 = k1 ^ 0x646f72616e646f6dL;
        v2 = k0 ^ 0x6c7967656e657261L;
        v3 = k1 ^ 0x7465646279746573L;
    }

    /** More of the text. */
    void update(ByteString bytes) {
        try {
            UnsafeByteOperations.unsafeWriteTo(bytes, parts);
        } catch (IOException e) {
            throw new UncheckedIOException("hashing writes nowhere", e);
        }
    }

    /** One more byte of the text. */
    void update(byte one) {
        if (count < maxPieces) {
            piece[filled++] = one;
            endPiece();
        }
    }

    private void update(byte[] bytes, int from, int length) {
        int at = from;
        int end = from + length;
        while (at < end && count < maxPieces) {
            if (filled == 0 && end - at >= piece.length) {
                hash(bytes, at);
                at += piece.length;
            } else {
                int n = Math.min(piece.length - filled, end - at);
                System.arraycopy(bytes, at, piece, filled, n);
                at += n;
                filled += n;
                endPiece();
            }
        }
    }

    private void endPiece() {
        if (filled == piece.length) {
            filled = 0;
            hash(piece, 0);
        }
    }

    private void hash(byte[] bytes, int from) {
        absorb(bytes, from);
        if (count == hashes.length) {
            hashes = Arrays.copyOf(hashes, count * 2);
        }
        hashes[count++] = ending((long) count * piece.length);
    }

    private void absorb(byte[] bytes, int from) {
        long a = v0;
        long b = v1;
        long c = v2;
        long d = v3;
        int end = from + piece.length;
        for (int i = from; i < end; i += Long.BYTES) {
            long word = (long) WORDS.get(bytes, i);
            d ^= word;
            a += b;
            c += d;
            b = Long.rotateLeft(b, 13) ^ a;
            d = Long.rotateLeft(d, 16) ^ c;
            a = Long.rotateLeft(a, 32);
            c += b;
            a += d;
            b = Long.rotateLeft(b, 17) ^ c;
            d = Long.rotateLeft(d, 21) ^ a;
            c = Long.rotateLeft(c, 32);
            a ^= word;
        }
        v0 = a;
        v1 = b;
        v2 = c;
        v3 = d;
    }

    /** The hash if the text ended here; what follows goes on from the state as it is. */
    private long ending(long length) {
        long word = length << 56;
        long a = v0;
        long b = v1;
        long c = v2;
        long d = v3 ^ word;
        for (int round = 0; round < 4; round++) {
            a += b;
            c += d;
            b = Long.rotateLeft(b, 13) ^ a;
            d = Long.rotateLeft(d, 16) ^ c;
            a = Long.rotateLeft(a, 32);
            c += b;
            a += d;
            b = Long.rotateLeft(b, 17) ^ c;
            d = Long.rotateLeft(d, 21) ^ a;
            c = Long.rotateLeft(c, 32);
            if (round == 0) {
                a ^= word;
                c ^= 0xff;
            }
        }
        return a ^ b ^ c ^ d;
    }

    /** The hashes so far, in order. */
    long[] hashes() {
        return Arrays.copyOf(hashes, count);
    }

    /** Takes the arrays that a ByteString consists of, so that whole pieces are read where they are. */
    private final class Parts extends ByteOutput {
        @Override
        public void write(byte value) {
            update(value);
        }

        @Override
        public void write(byte[] value, int offset, int length) {
            update(value, offset, length);
        }

        @Override
        public void writeLazy(byte[] value, int offset, int length) {
            update(value, offset, length);
        }

        @Override
        public void write(ByteBuffer value) {
            byte[] copy = new byte[value.remaining()];
            value.get(copy);
            update(copy, 0, copy.length);
        }

        @Override
        public void writeLazy(ByteBuffer value) {
            write(value);
        }
    }
}
