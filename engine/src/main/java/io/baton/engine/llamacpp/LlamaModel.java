package io.baton.engine.llamacpp;

import static io.baton.engine.llamacpp.NativeValues.putInt;

import io.baton.engine.llamacpp.LlamaStructs.ModelParams;
import io.baton.engine.llamacpp.ffi.NativeCalls;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A model in memory: {@code struct llama_model *}. Owns it until closed; contexts and vocabulary must not be used after.
 *
 * <p><em>Thread-safety:</em> reading is safe from any thread; the owner closes it after its last use.
 */
final class LlamaModel implements AutoCloseable {
    private static final AtomicInteger LIVE = new AtomicInteger();

    private final LlamaLibrary library;
    private final long handle;
    private final LlamaVocab vocab;
    private final AtomicBoolean closed = new AtomicBoolean();

    /**
     * Loads a GGUF file.
     *
     * @param gpuLayers layers to keep in GPU memory; negative for all
     * @param mmap whether to map the file instead of reading it
     * @throws BatonException {@code ENGINE_FAILED} if libllama refuses it
     */
    static LlamaModel load(LlamaLibrary library, Path file, int gpuLayers, boolean mmap) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment params = arena.allocate(LlamaStructs.MODEL_PARAMS_BYTES, 16);
            library.modelDefaultParams(params);
            putInt(params, ModelParams.N_GPU_LAYERS, gpuLayers);
            putInt(params, ModelParams.LOAD_MODE, mmap ? ModelParams.LOAD_MODE_MMAP : ModelParams.LOAD_MODE_NONE);
            long handle = library.modelLoadFromFile(NativeValues.cString(arena, file.toString()), params);
            if (handle == 0) {
                throw new BatonException(
                        ErrorCode.ENGINE_FAILED,
                        "libllama " + library.version() + " cannot load " + file
                                + ": the file is damaged or of an architecture it does not know; libllama's own log says"
                                + " which (switch it on with the setting for the library's log)");
            }
            return new LlamaModel(library, handle);
        }
    }

    private LlamaModel(LlamaLibrary library, long handle) {
        this.library = library;
        this.handle = handle;
        this.vocab = new LlamaVocab(library, library.modelGetVocab(handle));
        LIVE.incrementAndGet();
    }

    /** Models of the process that are not closed. */
    static int live() {
        return LIVE.get();
    }

    long handle() {
        return handle;
    }

    LlamaLibrary library() {
        return library;
    }

    LlamaVocab vocab() {
        return vocab;
    }

    /** Tokens that the model was trained for. */
    int nCtxTrain() {
        return library.intOf("llama_model_n_ctx_train", handle);
    }

    /** A metadata value of the GGUF as text. */
    Optional<String> metaValStr(String key) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment name = NativeValues.cString(arena, key);
            MemorySegment buffer = arena.allocate(256);
            int length = library.modelMetaValStr(handle, name, buffer);
            if (length < 0) {
                return Optional.empty();
            }
            if (length >= buffer.byteSize()) {
                buffer = arena.allocate(length + 1L);
                length = library.modelMetaValStr(handle, name, buffer);
            }
            byte[] bytes = new byte[length];
            MemorySegment.copy(buffer, java.lang.foreign.ValueLayout.JAVA_BYTE, 0, bytes, 0, length);
            return Optional.of(new String(bytes, StandardCharsets.UTF_8));
        }
    }

    /** The default chat template. */
    Optional<String> chatTemplate() {
        long text = library.modelChatTemplate(handle);
        return text == 0 ? Optional.empty() : Optional.of(LlamaLibrary.string(text));
    }

    /** What decides whether the model can be served. */
    ModelTraits traits() {
        String architecture = metaValStr("general.architecture").orElse("unknown");
        int heads = library.intOf("llama_model_n_head", handle);
        int embedding = library.intOf("llama_model_n_embd", handle);
        int headSize = heads > 0 ? embedding / heads : 0;
        return new ModelTraits(
                architecture,
                flag("llama_model_is_recurrent"),
                flag("llama_model_is_hybrid"),
                flag("llama_model_is_diffusion"),
                flag("llama_model_has_encoder"),
                flag("llama_model_has_decoder"),
                library.intOf("llama_model_n_swa", handle),
                library.intOf("llama_model_rope_type", handle),
                metaInt(architecture + ".attention.key_length", headSize),
                metaInt(architecture + ".attention.value_length", headSize));
    }

    private int metaInt(String key, int otherwise) {
        Optional<String> text = metaValStr(key);
        if (text.isEmpty()) {
            return otherwise;
        }
        try {
            return Integer.parseInt(text.get());
        } catch (NumberFormatException _) {
            return otherwise;
        }
    }

    private boolean flag(String function) {
        return NativeCalls.bool(library.intOf(function, handle));
    }

    @Override
    public void close() {
        if (closed.compareAndSet(false, true)) {
            LIVE.decrementAndGet();
            library.modelFree(handle);
        }
    }
}
