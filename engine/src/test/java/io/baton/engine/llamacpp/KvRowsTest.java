package io.baton.engine.llamacpp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.baton.engine.KvLayout;
import io.baton.engine.llamacpp.library.LibraryProvider;
import io.baton.error.BatonException;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The cell order that libllama gives is not the position order, and nothing incomplete is exported. */
class KvRowsTest {
    @ParameterizedTest
    @CsvSource({"F32,false", "F16,true", "Q8_0,true"})
    void shouldPutRowsOfPermutedCellsIntoAscendingPosition(KvType type, boolean flash) {
        // Given
        LlamaLibrary library = LlamaLibrary.open(LibraryProvider.provide(null), false);
        LlamaContext.Params params = new LlamaContext.Params(512, 128, 4, 1, type, flash);
        try (LlamaModel model = LlamaModel.load(library, TestModels.any(), -1, true);
                LlamaContext context = new LlamaContext(model, params);
                LlamaBatch batch = new LlamaBatch(128);
                NativeBuffer memory = new NativeBuffer()) {
            compute(context, batch, 0, 0, 64);
            KvLayout layout = KvRows.layoutOf(context, 0, "f");
            compute(context, batch, 1, 0, 32);
            context.seqRm(0, -1, -1);
            compute(context, batch, 2, 0, 64);
            // Sequence 3 begins above and goes on below, where sequence 2 was.
            compute(context, batch, 3, 0, 32);
            context.seqRm(2, -1, -1);
            compute(context, batch, 3, 32, 64);
            int[] positions = positions(context, layout, 3, 64);
            assertThat(positions)
                    .as("the cells are out of order, or this tests nothing")
                    .isNotEqualTo(ascending(64));
            try (KvRows rows = new KvRows(context, layout, 2, 1 << 20)) {
                // When
                long bytes = layout.bytes(64);
                MemorySegment all = memory.atLeast(3 * bytes);
                KvRows.Block whole = new KvRows.Block(0, 64, all.asSlice(0, bytes));
                rows.exportBlock(3, whole);
                KvRows.Block single = new KvRows.Block(0, 64, all.asSlice(bytes, bytes));
                for (int p = 0; p < 64; p++) {
                    rows.exportPiece(3, single, p, p + 1);
                }
                // Then
                assertThat(whole.rows().mismatch(single.rows())).isEqualTo(-1);
            }
        }
    }

    @Test
    void shouldRefuseToExportPositionsThatAreNotThere() {
        // Given
        LlamaLibrary library = LlamaLibrary.open(LibraryProvider.provide(null), false);
        LlamaContext.Params params = new LlamaContext.Params(512, 128, 3, 1, KvType.F16, true);
        try (LlamaModel model = LlamaModel.load(library, TestModels.any(), -1, true);
                LlamaContext context = new LlamaContext(model, params);
                LlamaBatch batch = new LlamaBatch(128);
                NativeBuffer memory = new NativeBuffer()) {
            compute(context, batch, 0, 0, 20);
            KvLayout layout = KvRows.layoutOf(context, 0, "f");
            try (KvRows rows = new KvRows(context, layout, 2, 1 << 20)) {
                KvRows.Block block = new KvRows.Block(0, 32, memory.atLeast(layout.bytes(32)));
                // When / Then
                assertThatThrownBy(() -> rows.exportBlock(0, block))
                        .isInstanceOf(BatonException.class)
                        .hasMessageContaining("not in the cache");
                assertThat(context.seqPosMax(2))
                        .as("the scratch sequence is empty again")
                        .isEqualTo(-1);
            }
        }
    }

    @Test
    void shouldRefusePositionsTwiceAndOutside() {
        KvRows.checkPositions(new int[] {5, 4, 6}, 4, 7);
        assertThatThrownBy(() -> KvRows.checkPositions(new int[] {4, 4, 6}, 4, 7))
                .hasMessageContaining("twice");
        assertThatThrownBy(() -> KvRows.checkPositions(new int[] {4, 5, 7}, 4, 7))
                .hasMessageContaining("outside");
        assertThatThrownBy(() -> KvRows.checkPositions(new int[] {4, 5}, 4, 7)).hasMessageContaining("has 2 of");
    }

    private static void compute(LlamaContext context, LlamaBatch batch, int sequence, int begin, int end) {
        batch.clear();
        for (int p = begin; p < end; p++) {
            batch.add(3 + (p * 31 + sequence) % 200, p, sequence, p + 1 == end);
        }
        assertThat(context.decode(batch)).isZero();
    }

    private static int[] positions(LlamaContext context, KvLayout layout, int sequence, int cells) {
        try (NativeBuffer buffer = new NativeBuffer()) {
            long size = KvBlob.bytes(layout, cells);
            MemorySegment blob = buffer.atLeast(size).asSlice(0, size);
            assertThat(context.stateSeqGetData(blob, sequence)).isEqualTo(size);
            return KvBlob.readPositions(blob, layout, cells);
        }
    }

    private static int[] ascending(int n) {
        int[] a = new int[n];
        Arrays.setAll(a, i -> i);
        return a;
    }
}
