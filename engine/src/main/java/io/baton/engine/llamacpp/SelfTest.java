package io.baton.engine.llamacpp;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import io.baton.engine.KvLayout;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * What is tried once after loading: two blocks are computed, handed over to an empty cache, and the next token's logits
 * must be bit for bit what they were. The same batch over the same cells computes the same sums, so any difference means
 * that rows alone do not carry the model's state.
 *
 * <p><em>Thread-safety:</em> none; runs on the engine thread before it serves, and leaves the cache empty.
 */
final class SelfTest {
    private static final int BLOCK = 32;

    private final LlamaContext context;
    private final LlamaBatch batch;
    private final LlamaEngineConfig config;
    private final int vocabulary;
    private final int block;

    SelfTest(LlamaContext context, LlamaBatch batch, LlamaEngineConfig config, int vocabulary) {
        this.context = context;
        this.batch = batch;
        this.config = config;
        this.vocabulary = vocabulary;
        this.block = Math.min(BLOCK, Math.min(batch.room(), (config.contextCells() - 1) / 2));
    }

    /**
     * Runs the test.
     *
     * @return the layout of the cache's rows
     * @throws BatonException {@code ENGINE_FAILED} if the model cannot be served this way
     */
    KvLayout run(String fingerprint) {
        int scratch = config.maxSequences();
        int other = config.maxSequences() > 1 ? 1 : 0;
        compute(0, 0, block);
        compute(0, block, 2 * block);
        KvLayout layout = KvRows.layoutOf(context, 0, fingerprint);
        check(layout);
        float[] before = compute(0, 2 * block, 2 * block + 1);
        try (KvRows rows = new KvRows(context, layout, scratch, config.transferPieceBytes());
                NativeBuffer memory = new NativeBuffer()) {
            long bytes = layout.bytes(block);
            MemorySegment all = memory.atLeast(4 * bytes);
            KvRows.Block first = new KvRows.Block(0, block, all.asSlice(0, bytes));
            KvRows.Block second = new KvRows.Block(block, 2 * block, all.asSlice(bytes, bytes));
            rows.exportBlock(0, first);
            rows.exportBlock(0, second);
            context.clear();
            rows.importBlock(other, first);
            rows.importBlock(other, second);
            rows.exportBlock(other, new KvRows.Block(0, block, all.asSlice(2 * bytes, bytes)));
            rows.exportBlock(other, new KvRows.Block(block, 2 * block, all.asSlice(3 * bytes, bytes)));
            if (all.asSlice(0, 2 * bytes).mismatch(all.asSlice(2 * bytes, 2 * bytes)) != -1) {
                throw failed("KV rows came out of the cache other than they went in");
            }
            float[] after = compute(other, 2 * block, 2 * block + 1);
            if (!Arrays.equals(before, after)) {
                throw failed("logits after a hand-over differ by up to " + difference(before, after));
            }
        } finally {
            context.clear();
        }
        return layout;
    }

    private void check(KvLayout layout) {
        int wanted = config.kvType().ggmlType();
        if (layout.kType() != wanted || layout.vType() != wanted || layout.vTrans() == config.flashAttention()) {
            throw failed("the cache is " + layout + " although " + config.kvType() + " and flash attention "
                    + (config.flashAttention() ? "on" : "off") + " were asked for");
        }
    }

    private static BatonException failed(String reason) {
        return new BatonException(
                ErrorCode.ENGINE_FAILED,
                "the model failed the hand-over test at load: " + reason
                        + "; its KV cache cannot be moved between workers in this configuration");
    }

    private static float difference(float[] a, float[] b) {
        float most = 0;
        for (int i = 0; i < a.length; i++) {
            most = Math.max(most, Math.abs(a[i] - b[i]));
        }
        return most;
    }

    /** Computes arbitrary but fixed tokens at [begin, end); logits of the last one. */
    private float[] compute(int sequence, int begin, int end) {
        batch.clear();
        int last = 0;
        for (int p = begin; p < end; p++) {
            last = batch.add((int) ((p * 7919L + 1) % vocabulary), p, sequence, p + 1 == end);
        }
        int code = context.decode(batch);
        batch.clear();
        if (code != 0) {
            throw failed("libllama failed to compute (code " + code + ")");
        }
        return context.logits(last).toArray(JAVA_FLOAT);
    }
}
