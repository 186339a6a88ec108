package io.baton.kv.block;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.baton.engine.KvLayout;
import io.baton.kv.Layouts;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

class BlockNamesTest {
    private static final KvLayout LAYOUT = Layouts.of(1024);

    @Test
    void shouldBeTheNamesOfTheSpecification() {
        // Given names computed from the specification with Python's hashlib
        var layout = new KvLayout("ab".repeat(32), 1, 8, new int[] {128, 256}, new int[] {64, 32}, true);

        // When
        List<BlockName> names = BlockNames.of(layout, "tenant-ü", new int[] {1, 2, 3, 4, -5, 2_000_000_000}, 2);

        // Then
        assertThat(names.stream().map(BlockName::toString)).containsExactly(GOLDEN);
    }

    private static final String[] GOLDEN = {
        "f528b2b13696670a61579681e9776c242f94d718e79da3bf1931c0dee87514d9",
        "0e016695d99915b69afec6f9fdb311207be0e7de4ce9c6268616f0b7eda114b3",
        "0e4a9b83fa966c4dc60d6eb7035c0ad05927081b6d21699a84b86bc53e627e5e"
    };

    @Test
    void shouldNameFullBlocksOnly() {
        assertThat(BlockNames.of(LAYOUT, "", Layouts.tokens(255), 256)).isEmpty();
        assertThat(BlockNames.of(LAYOUT, "", Layouts.tokens(256), 256)).hasSize(1);
        assertThat(BlockNames.of(LAYOUT, "", Layouts.tokens(511), 256)).hasSize(1);
        assertThat(BlockNames.of(LAYOUT, "", new int[0], 1)).isEmpty();
    }

    @Test
    void shouldGiveOtherNamesToRowsThatAreNotInterchangeable() {
        // Given
        int[] tokens = Layouts.tokens(64);
        KvLayout l = LAYOUT;

        // When
        var names = List.of(
                BlockNames.of(l, "", tokens, 32),
                BlockNames.of(Layouts.transposed(l), "", tokens, 32),
                BlockNames.of(Layouts.ofOtherModel(l, 'f'), "", tokens, 32),
                BlockNames.of(new KvLayout(l.fingerprint(), 8, 1, l.kRowBytes(), l.vRowBytes(), false), "", tokens, 32),
                BlockNames.of(new KvLayout(l.fingerprint(), 1, 8, l.kRowBytes(), l.vRowBytes(), false), "", tokens, 32),
                BlockNames.of(
                        new KvLayout(l.fingerprint(), 1, 1, new int[] {256, 512}, l.vRowBytes(), false),
                        "",
                        tokens,
                        32),
                BlockNames.of(
                        new KvLayout(l.fingerprint(), 1, 1, l.kRowBytes(), new int[] {256, 512}, false),
                        "",
                        tokens,
                        32),
                BlockNames.of(l, "other", tokens, 32),
                BlockNames.of(l, "", tokens, 64));

        // Then
        assertThat(names.stream().flatMap(List::stream)).doesNotHaveDuplicates();
    }

    @Test
    void shouldGiveBackTheBytesOfAName() {
        byte[] bytes = new byte[32];
        for (int i = 0; i < 32; i++) {
            bytes[i] = (byte) (i * 37);
        }

        assertThat(BlockName.of(bytes).toBytes()).isEqualTo(bytes);
        assertThat(BlockName.of(BlockName.of(bytes).toByteString())).isEqualTo(BlockName.of(bytes));
        assertThat(BlockName.of(bytes).toString()).hasSize(64).startsWith("00254a6f");
        assertThatThrownBy(() -> BlockName.of(Arrays.copyOf(bytes, 31))).hasMessageContaining("32 bytes");
    }

    @Test
    void shouldRefuseABlockSizeBelowOne() {
        assertThatThrownBy(() -> BlockNames.of(LAYOUT, "", Layouts.tokens(8), 0))
                .hasMessageContaining("at least 1");
    }
}
