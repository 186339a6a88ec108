package io.baton.router.prefix;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import com.google.protobuf.UnsafeByteOperations;
import java.nio.ByteBuffer;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;

/** However a text comes, whole or in parts, and wherever its bytes lie: the hashes are those of its bytes one by one. */
class PieceHasherPropertyTest {
    private static final int MAX_PIECES = 20;

    private static PieceHasher hasher(int pieceBytes) {
        return new PieceHasher(1, 2, pieceBytes, MAX_PIECES);
    }

    /** The bytes in an array of their own, in the middle of one, outside the heap, or in a rope of two. */
    private static ByteString lying(byte[] bytes, Random random) {
        return switch (random.nextInt(4)) {
            case 0 -> ByteString.copyFrom(bytes);
            case 1 -> {
                int before = random.nextInt(20);
                byte[] around = new byte[before + bytes.length + random.nextInt(20)];
                System.arraycopy(bytes, 0, around, before, bytes.length);
                yield UnsafeByteOperations.unsafeWrap(around, before, bytes.length);
            }
            case 2 ->
                UnsafeByteOperations.unsafeWrap(
                        ByteBuffer.allocateDirect(bytes.length).put(bytes).flip());
            default -> {
                int cut = random.nextInt(bytes.length + 1);
                yield ByteString.copyFrom(bytes, 0, cut).concat(ByteString.copyFrom(bytes, cut, bytes.length - cut));
            }
        };
    }

    @Property(tries = 3_000)
    void hashesShouldNotDependOnHowTheTextComes(
            @ForAll long seed, @ForAll @IntRange(min = 1, max = 8) int words, @ForAll @IntRange(max = 2_000) int size) {
        // Given
        Random random = new Random(seed);
        byte[] text = new byte[size];
        random.nextBytes(text);
        PieceHasher oneByOne = hasher(words * Long.BYTES);
        for (byte one : text) {
            oneByOne.update(one);
        }
        // When
        PieceHasher inParts = hasher(words * Long.BYTES);
        for (int at = 0; at < size; ) {
            int n = Math.min(size - at, 1 + random.nextInt(random.nextBoolean() ? 40 : 2_000));
            byte[] part = new byte[n];
            System.arraycopy(text, at, part, 0, n);
            inParts.update(lying(part, random));
            at += n;
        }
        // Then
        assertThat(inParts.hashes())
                .isEqualTo(oneByOne.hashes())
                .hasSize(Math.min(MAX_PIECES, size / (words * Long.BYTES)));
    }
}
