package io.baton.engine.llamacpp;

import static org.assertj.core.api.Assertions.assertThat;

import io.baton.engine.KvLayout;
import io.baton.engine.SampledToken;
import io.baton.engine.Sequence;
import io.baton.engine.llamacpp.Runs.Block;
import io.baton.engine.llamacpp.Runs.Decoded;
import io.baton.engine.llamacpp.Runs.Prefilled;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** KV rows that moved are bit for bit what they were, and generation uses them instead of computing the prompt. */
class HandOverTest {
    private static final int[] LENGTHS = {1, 255, 256, 257, 1000, 3000};
    private static final int MOST = 3100;

    private static LlamaEngineConfig config(KvType type, boolean flash) {
        return LlamaEngineConfig.of(TestModels.any())
                .withKv(type, flash)
                // More than the model was trained for, on purpose: what it says there is nonsense, but always the same.
                .withContext(3328, MOST)
                .withThreads(1)
                .withLimits(4, 1024);
    }

    private static int[] prompt(int length, int vocabulary) {
        int[] tokens = new int[length];
        tokens[0] = 1;
        for (int i = 1; i < length; i++) {
            tokens[i] = 3 + (int) (((i * 2654435761L) >>> 7) % (vocabulary - 3));
        }
        return tokens;
    }

    @ParameterizedTest
    @CsvSource({"F32,false", "F32,true", "F16,false", "F16,true", "Q8_0,true"})
    void shouldMoveRowsBitForBitAndComputeNoPromptTokenOnDecode(KvType type, boolean flash) {
        // Given
        try (LlamaEngine prefill = LlamaEngine.start(config(type, flash));
                LlamaEngine decode = LlamaEngine.start(config(type, flash))) {
            assertThat(decode.kvLayout()).isEqualTo(prefill.kvLayout());
            long expectedBytes = 0;
            for (int length : LENGTHS) {
                int[] prompt = prompt(length, prefill.model().vocabularySize());
                Sequence from = Runs.get(prefill.open(length));
                Prefilled p = Runs.get(Runs.prefill(prefill, from, prompt, 64));
                for (int blockSize : new int[] {64, 256}) {
                    List<Block> blocks = blockSize == 64 ? p.blocks() : exportBlocks(prefill, from, length, blockSize);
                    // When
                    Sequence to = Runs.get(decode.open(length + 8));
                    for (Block b : blocks) {
                        var _ = to.importRows(b.begin(), b.end(), b.rows());
                    }
                    // Then
                    List<Block> again = exportBlocks(decode, to, length, blockSize);
                    assertThat(again).hasSameSizeAs(blocks);
                    for (int i = 0; i < blocks.size(); i++) {
                        assertThat(again.get(i).rows().mismatch(blocks.get(i).rows()))
                                .as("block %d of %d tokens", i, length)
                                .isEqualTo(-1);
                    }
                    Decoded d = Runs.get(Runs.decode(to, prompt, p.first().id(), 4));
                    assertThat(d.computedPromptTokens()).isZero();
                    assertThat(d.tokens()).hasSize(4);
                    expectedBytes += (long) length * decode.kvLayout().bytesPerToken();
                    assertThat(decode.stats().importedBytes()).isEqualTo(expectedBytes);
                    Runs.get(to.release());
                }
                Runs.get(from.release());
            }
            assertThat(decode.stats().decodePromptTokensComputed()).isZero();
            assertThat(decode.stats().promptTokensComputed()).isZero();
            assertThat(decode.stats().usedCells()).isZero();
        }
    }

    @ParameterizedTest
    @CsvSource({"F32,false", "F16,true", "Q8_0,true"})
    void shouldExportBlockSplitOverFreedLowerCellsInPositionOrder(KvType type, boolean flash) {
        // Given
        try (LlamaEngine source = LlamaEngine.start(config(type, flash));
                LlamaEngine target = LlamaEngine.start(config(type, flash))) {
            int[] prompt = prompt(192, source.model().vocabularySize());
            Sequence from = Runs.get(source.open(192));
            var _ = Runs.get(Runs.prefill(source, from, prompt, 64));
            Sequence below = Runs.get(target.open(128));
            Runs.get(below.importRows(0, 128, export(source, from, 0, 128)));
            Sequence split = Runs.get(target.open(192));
            Runs.get(split.importRows(0, 64, export(source, from, 0, 64)));
            // When
            Runs.get(below.release());
            Runs.get(split.importRows(64, 192, export(source, from, 64, 192)));
            // Then
            assertThat(export(target, split, 0, 192).mismatch(export(source, from, 0, 192)))
                    .isEqualTo(-1);
            assertThat(export(target, split, 32, 100).mismatch(export(source, from, 32, 100)))
                    .isEqualTo(-1);
        }
    }

    @ParameterizedTest
    @CsvSource({"F32,false", "F16,true"})
    void shouldHandOverBlocksOfDecodedTokens(KvType type, boolean flash) {
        // Given
        try (LlamaEngine first = LlamaEngine.start(config(type, flash));
                LlamaEngine second = LlamaEngine.start(config(type, flash))) {
            int[] prompt = prompt(60, first.model().vocabularySize());
            Sequence from = Runs.get(first.open(200));
            Prefilled p = Runs.get(Runs.prefill(first, from, prompt, 64));
            Decoded d = Runs.get(Runs.decode(from, prompt, p.first().id(), 70));
            int[] history = Runs.append(Runs.append(prompt, p.first().id()), d.ids());
            int cached = from.length();
            assertThat(cached).isEqualTo(history.length - 1);
            // When
            Sequence to = Runs.get(second.open(200));
            Runs.get(to.importRows(0, 64, export(first, from, 0, 64)));
            Runs.get(to.importRows(64, cached, export(first, from, 64, cached)));
            // Then
            assertThat(export(second, to, 64, cached).mismatch(export(first, from, 64, cached)))
                    .isEqualTo(-1);
            Runs.Decode listener = new Runs.Decode(5);
            to.decode(
                    new io.baton.engine.DecodeWork(history, prompt.length, io.baton.engine.Sampling.greedy(), -1),
                    listener);
            assertThat(Runs.get(listener.done).computedPromptTokens()).isZero();
        }
    }

    @Test
    void shouldComputeOtherProbabilitiesWhenOneValueOfOneBlockIsAltered() {
        // Given
        try (LlamaEngine prefill = LlamaEngine.start(config(KvType.F32, true));
                LlamaEngine decode = LlamaEngine.start(config(KvType.F32, true))) {
            int[] prompt = prompt(300, prefill.model().vocabularySize());
            Sequence from = Runs.get(prefill.open(300));
            Prefilled p = Runs.get(Runs.prefill(prefill, from, prompt, 64));
            KvLayout layout = prefill.kvLayout();
            // When
            List<Float> same = nextLogprobs(decode, prompt, p, -1, 0);
            List<Float> again = nextLogprobs(decode, prompt, p, -1, 0);
            List<Float> altered = nextLogprobs(decode, prompt, p, 2, (long) layout.kRowBytes()[0] * 64 + 4);
            // Then
            assertThat(again).isEqualTo(same);
            assertThat(altered).isNotEqualTo(same);
        }
    }

    /** Log probabilities of the five most likely tokens after a hand-over; {@code alter} is a block or −1. */
    private static List<Float> nextLogprobs(LlamaEngine decode, int[] prompt, Prefilled p, int alter, long at) {
        Sequence to = Runs.get(decode.open(prompt.length + 2));
        for (int i = 0; i < p.blocks().size(); i++) {
            Block b = p.blocks().get(i);
            MemorySegment rows =
                    Arena.ofAuto().allocate(b.rows().byteSize(), 64).copyFrom(b.rows());
            if (i == alter) {
                rows.set(ValueLayout.JAVA_FLOAT, at, rows.get(ValueLayout.JAVA_FLOAT, at) + 1f);
            }
            Runs.get(to.importRows(b.begin(), b.end(), rows));
        }
        Decoded d = Runs.get(Runs.decode(to, prompt, p.first().id(), 1, 5));
        Runs.get(to.release());
        List<Float> logprobs = new ArrayList<>();
        for (SampledToken.TokenProbability t : d.tokens().getFirst().top()) {
            logprobs.add(t.logprob());
        }
        return logprobs;
    }

    /** All blocks of a sequence, asked for at once. */
    private static List<Block> exportBlocks(LlamaEngine engine, Sequence s, int length, int blockSize) {
        List<Block> blocks = new ArrayList<>();
        CompletableFuture<Void> last = CompletableFuture.completedFuture(null);
        for (int begin = 0; begin < length; begin += blockSize) {
            int end = Math.min(length, begin + blockSize);
            MemorySegment rows = Arena.ofAuto().allocate(engine.kvLayout().bytes(end - begin), 64);
            last = CompletableFuture.allOf(last, s.exportRows(begin, end, rows));
            blocks.add(new Block(begin, end, rows));
        }
        Runs.get(last);
        return blocks;
    }

    static MemorySegment export(LlamaEngine engine, Sequence s, int begin, int end) {
        MemorySegment target = Arena.ofAuto().allocate(engine.kvLayout().bytes(end - begin), 64);
        Runs.get(s.exportRows(begin, end, target));
        return target;
    }
}
