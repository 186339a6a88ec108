package io.baton.router.prefix;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import org.junit.jupiter.api.Test;

class PieceHasherTest {
    private static final long K0 = 0x0706050403020100L;
    private static final long K1 = 0x0f0e0d0c0b0a0908L;

    private static ByteString counting(int bytes) {
        byte[] text = new byte[bytes];
        for (int i = 0; i < bytes; i++) {
            text[i] = (byte) i;
        }
        return ByteString.copyFrom(text);
    }

    private static long[] hashes(int pieceBytes, ByteString... parts) {
        PieceHasher hasher = new PieceHasher(K0, K1, pieceBytes, 100);
        for (ByteString part : parts) {
            hasher.update(part);
        }
        return hasher.hashes();
    }

    /** Computed with another implementation, which gives the published vectors of SipHash-2-4. */
    @Test
    void shouldBeSipHashOfEverythingUpToThePiecesEnd() {
        assertThat(hashes(8, counting(20))).containsExactly(0x369095118d299a8eL, 0xcc4fdd1a7d908b66L);
        assertThat(hashes(1024, counting(1500))).containsExactly(0x998a8122a6cb5a94L);
    }

    @Test
    void shouldNotDependOnHowTheTextIsCutUp() {
        ByteString all = counting(100);
        assertThat(hashes(16, all.substring(0, 3), all.substring(3, 50), ByteString.EMPTY, all.substring(50)))
                .isEqualTo(hashes(16, all));
    }

    @Test
    void shouldReadNoMoreThanTheMostPieces() {
        PieceHasher hasher = new PieceHasher(K0, K1, 8, 2);
        hasher.update(counting(100));
        hasher.update((byte) 1);
        assertThat(hasher.hashes()).hasSize(2);
    }
}
