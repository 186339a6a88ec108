package io.baton.engine.llamacpp;

import static io.baton.engine.llamacpp.NativeValues.getByte;
import static io.baton.engine.llamacpp.NativeValues.getFloat;
import static io.baton.engine.llamacpp.NativeValues.getInt;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;

/**
 * Layouts of the structs that libllama 0.5.0 takes by value: byte offsets of the fields that Baton sets or checks.
 *
 * <p><em>Thread-safety:</em> stateless.
 */
final class LlamaStructs {
    static final int MODEL_PARAMS_BYTES = 80;
    static final int CONTEXT_PARAMS_BYTES = 160;
    static final int BATCH_BYTES = 56;

    /** {@code struct llama_model_params}. */
    static final class ModelParams {
        static final int N_GPU_LAYERS = 16;
        static final int SPLIT_MODE = 20;
        static final int LOAD_MODE = 24;
        static final int VOCAB_ONLY = 72;
        static final int USE_EXTRA_BUFTS = 74;

        static final int LOAD_MODE_NONE = 0;
        static final int LOAD_MODE_MMAP = 1;

        private ModelParams() {}
    }

    /** {@code struct llama_context_params}. */
    static final class ContextParams {
        static final int N_CTX = 0;
        static final int N_BATCH = 4;
        static final int N_UBATCH = 8;
        static final int N_SEQ_MAX = 12;
        static final int N_OUTPUTS_MAX = 20;
        static final int N_OUTPUTS_MAX_PER_SEQ = 24;
        static final int N_THREADS = 28;
        static final int N_THREADS_BATCH = 32;
        static final int ROPE_SCALING_TYPE = 40;
        static final int FLASH_ATTN_TYPE = 52;
        static final int YARN_EXT_FACTOR = 64;
        static final int DEFRAG_THOLD = 84;
        static final int TYPE_K = 104;
        static final int TYPE_V = 108;
        static final int EMBEDDINGS = 128;
        static final int OFFLOAD_KQV = 129;
        static final int NO_PERF = 130;
        static final int OP_OFFLOAD = 131;
        static final int SWA_FULL = 132;
        static final int KV_UNIFIED = 133;

        private ContextParams() {}
    }

    /** {@code struct llama_batch}. */
    static final class Batch {
        static final int N_TOKENS = 0;
        static final int TOKEN = 8;
        static final int EMBD = 16;
        static final int POS = 24;
        static final int N_SEQ_ID = 32;
        static final int SEQ_ID = 40;
        static final int LOGITS = 48;

        private Batch() {}
    }

    private LlamaStructs() {}

    /** Bytes that libllama must not touch beyond a struct, to notice one that is larger. */
    private static final int GUARD = 64;

    private static final byte GUARD_BYTE = (byte) 0xA5;

    /**
     * Refuses a library whose defaults do not lie where this class says. The guard after each struct shows one that grew
     * beyond it.
     */
    static void checkDefaults(LlamaLibrary library) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment model = guarded(arena, MODEL_PARAMS_BYTES);
            library.modelDefaultParams(model);
            MemorySegment context = guarded(arena, CONTEXT_PARAMS_BYTES);
            library.contextDefaultParams(context);
            List<String> wrong = new ArrayList<>(modelDefaultsThatDiffer(model));
            wrong.addAll(contextDefaultsThatDiffer(context));
            if (!wrong.isEmpty()) {
                throw new BatonException(
                        ErrorCode.ENGINE_FAILED,
                        "libllama " + library.version() + " in " + library.directory()
                                + " lays out its parameters differently from the version " + LlamaLibrary.WANTED_VERSION
                                + " that Baton is bound to: " + String.join("; ", wrong)
                                + ". It was probably built from a changed source; leave the library directory unset to"
                                + " have the right one fetched");
            }
        }
    }

    private static MemorySegment guarded(Arena arena, int size) {
        return arena.allocate(size + GUARD, 16).fill(GUARD_BYTE);
    }

    /** What differs in the 80 bytes of default model parameters and the guard behind them; empty if nothing does. */
    static List<String> modelDefaultsThatDiffer(MemorySegment p) {
        List<String> wrong = new ArrayList<>();
        expect(wrong, "n_gpu_layers", getInt(p, ModelParams.N_GPU_LAYERS), -1);
        expect(wrong, "split_mode", getInt(p, ModelParams.SPLIT_MODE), 1);
        expect(wrong, "load_mode", getInt(p, ModelParams.LOAD_MODE), -1);
        expect(wrong, "vocab_only", getByte(p, ModelParams.VOCAB_ONLY), 0);
        expect(wrong, "use_extra_bufts", getByte(p, ModelParams.USE_EXTRA_BUFTS), 1);
        expectGuard(wrong, "llama_model_params", p, MODEL_PARAMS_BYTES);
        return wrong;
    }

    /** What differs in the 160 bytes of default context parameters and the guard behind them; empty if nothing does. */
    static List<String> contextDefaultsThatDiffer(MemorySegment p) {
        List<String> wrong = new ArrayList<>();
        expect(wrong, "n_ctx", getInt(p, ContextParams.N_CTX), 512);
        expect(wrong, "n_batch", getInt(p, ContextParams.N_BATCH), 2048);
        expect(wrong, "n_ubatch", getInt(p, ContextParams.N_UBATCH), 512);
        expect(wrong, "n_seq_max", getInt(p, ContextParams.N_SEQ_MAX), 1);
        expect(wrong, "n_outputs_max_per_seq", getInt(p, ContextParams.N_OUTPUTS_MAX_PER_SEQ), 1);
        expect(wrong, "n_threads", getInt(p, ContextParams.N_THREADS), 4);
        expect(wrong, "n_threads_batch", getInt(p, ContextParams.N_THREADS_BATCH), 4);
        expect(wrong, "rope_scaling_type", getInt(p, ContextParams.ROPE_SCALING_TYPE), -1);
        expect(wrong, "flash_attn_type", getInt(p, ContextParams.FLASH_ATTN_TYPE), -1);
        expect(wrong, "yarn_ext_factor", getFloat(p, ContextParams.YARN_EXT_FACTOR), -1f);
        expect(wrong, "defrag_thold", getFloat(p, ContextParams.DEFRAG_THOLD), -1f);
        expect(wrong, "type_k", getInt(p, ContextParams.TYPE_K), 1);
        expect(wrong, "type_v", getInt(p, ContextParams.TYPE_V), 1);
        expect(wrong, "embeddings", getByte(p, ContextParams.EMBEDDINGS), 0);
        expect(wrong, "offload_kqv", getByte(p, ContextParams.OFFLOAD_KQV), 1);
        expect(wrong, "no_perf", getByte(p, ContextParams.NO_PERF), 1);
        expect(wrong, "op_offload", getByte(p, ContextParams.OP_OFFLOAD), 1);
        expect(wrong, "swa_full", getByte(p, ContextParams.SWA_FULL), 1);
        expect(wrong, "kv_unified", getByte(p, ContextParams.KV_UNIFIED), 0);
        expectGuard(wrong, "llama_context_params", p, CONTEXT_PARAMS_BYTES);
        return wrong;
    }

    private static void expect(List<String> wrong, String field, Number found, Number wanted) {
        if (found.doubleValue() != wanted.doubleValue()) {
            wrong.add(field + " is " + found + " where " + wanted + " was expected");
        }
    }

    private static void expectGuard(List<String> wrong, String struct, MemorySegment p, int size) {
        byte[] tail = p.asSlice(size, GUARD).toArray(JAVA_BYTE);
        for (byte b : tail) {
            if (b != GUARD_BYTE) {
                wrong.add(struct + " is larger than " + size + " bytes ("
                        + HexFormat.of().formatHex(tail, 0, 8) + "…)");
                return;
            }
        }
    }
}
