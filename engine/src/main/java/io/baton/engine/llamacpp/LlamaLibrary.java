package io.baton.engine.llamacpp;

import io.baton.engine.llamacpp.ffi.NativeCalls;
import io.baton.engine.llamacpp.ffi.NativeLinkException;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * libllama, opened: the functions of {@code llama.h} that Baton uses, under their C names without the prefix.
 *
 * <p>A process opens one library directory and keeps it: ggml registers its backends globally and cannot be unloaded.
 *
 * <p><em>Thread-safety:</em> this object is immutable. Functions on a context belong to the thread that owns the context;
 * functions on a vocabulary may be called from any thread.
 */
final class LlamaLibrary {
    /** The version whose struct layouts are bound here. */
    static final String WANTED_VERSION = "0.5.0";

    /** No text of a model is longer; a byte buffer cannot reach much further. */
    private static final int MOST_TEXT = 1 << 30;

    @Nullable
    private static LlamaLibrary opened;

    final NativeCalls calls;
    private final Path directory;
    private final String version;
    private final long handle;

    private final long modelDefaultParams;
    private final long contextDefaultParams;
    private final long modelLoadFromFile;
    private final long modelFree;
    private final long initFromModel;
    private final long free;
    private final long modelGetVocab;
    private final long modelMetaValStr;
    private final long modelChatTemplate;
    private final long vocabNTokens;
    private final long vocabIsEog;
    private final long vocabGetAttr;
    private final long vocabGetText;
    private final long vocabGetAddBos;
    private final long vocabBos;
    private final long vocabEos;
    private final long tokenize;
    private final long tokenToPiece;
    private final long nCtx;
    private final long nBatch;
    private final long nUbatch;
    private final long nSeqMax;
    private final long getMemory;
    private final long memoryClear;
    private final long memorySeqRm;
    private final long memorySeqCp;
    private final long memorySeqPosMin;
    private final long memorySeqPosMax;
    private final long stateSeqGetSizeExt;
    private final long stateSeqGetDataExt;
    private final long stateSeqSetDataExt;
    private final long decode;
    private final long getLogitsIth;
    private final long synchronize;

    /**
     * Opens the library of a directory, or gives the one that is open already.
     *
     * @param directory holds libllama and the ggml libraries
     * @param logToStderr whether libllama's own log goes to standard error; dropped otherwise
     * @throws BatonException {@code ENGINE_FAILED} if there is none, it is another version, its structs are laid out
     *     differently, or another directory is open in this process
     */
    static synchronized LlamaLibrary open(Path directory, boolean logToStderr) {
        Path real;
        try {
            real = directory.toRealPath();
        } catch (IOException e) {
            throw failed("the library directory " + directory + " cannot be read: " + e.getMessage(), e);
        }
        LlamaLibrary open = opened;
        if (open == null) {
            open = new LlamaLibrary(NativeCalls.platform(), real, WANTED_VERSION);
            open.start(logToStderr);
            opened = open;
        } else if (!open.directory.equals(real)) {
            throw failed(
                    "this process has libllama of " + open.directory + " open and cannot open that of " + real
                            + " beside it; use one library directory per process",
                    null);
        }
        return open;
    }

    /** Opens and checks, without starting anything. */
    LlamaLibrary(NativeCalls calls, Path directory, String wantedVersion) {
        this.calls = calls;
        this.directory = directory;
        Path file = libraryFile(directory);
        try {
            handle = calls.open(file.toString());
        } catch (NativeLinkException e) {
            throw failed(
                    "cannot open " + file + ": " + e.getMessage()
                            + " (the packaged libllama needs Linux with glibc 2.34 or newer)",
                    e);
        }
        long versionFunction = calls.symbol(handle, "llama_version");
        version = versionFunction == 0 ? "" : string(calls.callLong(versionFunction));
        if (!version.equals(wantedVersion) && !version.equals(wantedVersion + "-dev")) {
            throw failed(
                    file + " is libllama "
                            + (version.isEmpty() ? "of an older version without llama_version()" : version)
                            + ", but Baton is bound to version " + wantedVersion
                            + ", because struct layouts change between versions; point the library directory at that"
                            + " version, or leave it unset to have it fetched",
                    null);
        }
        modelDefaultParams = function("llama_model_default_params");
        contextDefaultParams = function("llama_context_default_params");
        modelLoadFromFile = function("llama_model_load_from_file");
        modelFree = function("llama_model_free");
        initFromModel = function("llama_init_from_model");
        free = function("llama_free");
        modelGetVocab = function("llama_model_get_vocab");
        modelMetaValStr = function("llama_model_meta_val_str");
        modelChatTemplate = function("llama_model_chat_template");
        vocabNTokens = function("llama_vocab_n_tokens");
        vocabIsEog = function("llama_vocab_is_eog");
        vocabGetAttr = function("llama_vocab_get_attr");
        vocabGetText = function("llama_vocab_get_text");
        vocabGetAddBos = function("llama_vocab_get_add_bos");
        vocabBos = function("llama_vocab_bos");
        vocabEos = function("llama_vocab_eos");
        tokenize = function("llama_tokenize");
        tokenToPiece = function("llama_token_to_piece");
        nCtx = function("llama_n_ctx");
        nBatch = function("llama_n_batch");
        nUbatch = function("llama_n_ubatch");
        nSeqMax = function("llama_n_seq_max");
        getMemory = function("llama_get_memory");
        memoryClear = function("llama_memory_clear");
        memorySeqRm = function("llama_memory_seq_rm");
        memorySeqCp = function("llama_memory_seq_cp");
        memorySeqPosMin = function("llama_memory_seq_pos_min");
        memorySeqPosMax = function("llama_memory_seq_pos_max");
        stateSeqGetSizeExt = function("llama_state_seq_get_size_ext");
        stateSeqGetDataExt = function("llama_state_seq_get_data_ext");
        stateSeqSetDataExt = function("llama_state_seq_set_data_ext");
        decode = function("llama_decode");
        getLogitsIth = function("llama_get_logits_ith");
        synchronize = function("llama_synchronize");
        LlamaStructs.checkDefaults(this);
    }

    private void start(boolean logToStderr) {
        if (!logToStderr) {
            // A log callback has the signature void(int, const char *, void *). Without upcalls there is none of our
            // own;
            // abs(int) looks at its first argument only and changes nothing.
            long abs = calls.symbol(handle, "abs");
            if (abs != 0) {
                calls.callVoid(function("llama_log_set"), abs, 0L);
            }
        }
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment path = NativeValues.cString(arena, directory.toString());
            calls.callVoid(function("ggml_backend_load_all_from_path"), path.address());
        }
        if (calls.callLong(function("ggml_backend_dev_count")) == 0) {
            throw failed(
                    "no compute backend in " + directory + " runs on this processor; expected libggml-cpu-*.so there",
                    null);
        }
        calls.callVoid(function("llama_backend_init"));
    }

    /**
     * The file that is libllama in a directory: {@code libllama.so}, or one with its kind of build, its version or both in
     * the name, as in {@code libllama.cuda.v0.5.0.so}.
     */
    static Path libraryFile(Path directory) {
        List<Path> candidates;
        try (Stream<Path> files = Files.list(directory)) {
            candidates = files.filter(f ->
                            f.getFileName().toString().matches("libllama(\\.[a-z]+)?(\\.v[0-9.]+)?\\.so(\\.[0-9.]+)?"))
                    .sorted()
                    .toList();
        } catch (IOException e) {
            throw failed("the library directory " + directory + " cannot be read: " + e.getMessage(), e);
        }
        if (candidates.isEmpty()) {
            throw failed(
                    "there is no libllama in " + directory
                            + "; point the library directory at one that holds libllama.so and libggml*.so, or leave it"
                            + " unset to have it fetched",
                    null);
        }
        return candidates.getFirst();
    }

    private static BatonException failed(String message, @Nullable Throwable cause) {
        return cause == null
                ? new BatonException(ErrorCode.ENGINE_FAILED, message)
                : new BatonException(ErrorCode.ENGINE_FAILED, message, cause);
    }

    private long function(String name) {
        long address = calls.symbol(handle, name);
        if (address == 0) {
            throw failed("libllama " + version + " in " + directory + " has no function " + name, null);
        }
        return address;
    }

    /** What {@code llama_version()} says. */
    String version() {
        return version;
    }

    /** Where it was opened. */
    Path directory() {
        return directory;
    }

    /** Any other function of type {@code int f(const void *)}, such as the model's properties. */
    int intOf(String name, long pointer) {
        return calls.callInt(function(name), pointer);
    }

    /** A C string; empty for a null pointer. */
    static String string(long address) {
        return address == 0
                ? ""
                : NativeValues.string(MemorySegment.ofAddress(address).reinterpret(MOST_TEXT));
    }

    void modelDefaultParams(MemorySegment target) {
        calls.callStruct(modelDefaultParams, target.address(), LlamaStructs.MODEL_PARAMS_BYTES);
    }

    void contextDefaultParams(MemorySegment target) {
        calls.callStruct(contextDefaultParams, target.address(), LlamaStructs.CONTEXT_PARAMS_BYTES);
    }

    long modelLoadFromFile(MemorySegment path, MemorySegment params) {
        return calls.callLongWithStruct(
                modelLoadFromFile, path.address(), params.address(), LlamaStructs.MODEL_PARAMS_BYTES);
    }

    void modelFree(long model) {
        calls.callVoid(modelFree, model);
    }

    long initFromModel(long model, MemorySegment params) {
        return calls.callLongWithStruct(initFromModel, model, params.address(), LlamaStructs.CONTEXT_PARAMS_BYTES);
    }

    void free(long context) {
        calls.callVoid(free, context);
    }

    long modelGetVocab(long model) {
        return calls.callLong(modelGetVocab, model);
    }

    int modelMetaValStr(long model, MemorySegment key, MemorySegment target) {
        return calls.callInt(modelMetaValStr, model, key.address(), target.address(), target.byteSize());
    }

    long modelChatTemplate(long model) {
        return calls.callLong(modelChatTemplate, model, 0L);
    }

    int vocabNTokens(long vocab) {
        return calls.callInt(vocabNTokens, vocab);
    }

    boolean vocabIsEog(long vocab, int token) {
        return NativeCalls.bool(calls.callInt(vocabIsEog, vocab, token));
    }

    int vocabGetAttr(long vocab, int token) {
        return calls.callInt(vocabGetAttr, vocab, token);
    }

    String vocabGetText(long vocab, int token) {
        return string(calls.callLong(vocabGetText, vocab, token));
    }

    boolean vocabGetAddBos(long vocab) {
        return NativeCalls.bool(calls.callInt(vocabGetAddBos, vocab));
    }

    int vocabBos(long vocab) {
        return calls.callInt(vocabBos, vocab);
    }

    int vocabEos(long vocab) {
        return calls.callInt(vocabEos, vocab);
    }

    /** Number of tokens; negative: that many would be needed; {@link Integer#MIN_VALUE}: too many to count. */
    int tokenize(
            long vocab,
            MemorySegment text,
            int textBytes,
            MemorySegment tokens,
            int capacity,
            boolean addSpecial,
            boolean parseSpecial) {
        return calls.callInt(
                tokenize,
                vocab,
                text.address(),
                textBytes,
                tokens.address(),
                capacity,
                addSpecial ? 1 : 0,
                parseSpecial ? 1 : 0);
    }

    /** Bytes of a token without special ones; negative: that many would be needed. */
    int tokenToPiece(long vocab, int token, MemorySegment target) {
        return calls.callInt(tokenToPiece, vocab, token, target.address(), (int) target.byteSize(), 0, 0);
    }

    int nCtx(long context) {
        return calls.callInt(nCtx, context);
    }

    int nBatch(long context) {
        return calls.callInt(nBatch, context);
    }

    int nUbatch(long context) {
        return calls.callInt(nUbatch, context);
    }

    int nSeqMax(long context) {
        return calls.callInt(nSeqMax, context);
    }

    long getMemory(long context) {
        return calls.callLong(getMemory, context);
    }

    void memoryClear(long memory, boolean data) {
        calls.callVoid(memoryClear, memory, data ? 1 : 0);
    }

    boolean memorySeqRm(long memory, int sequence, int begin, int end) {
        return NativeCalls.bool(calls.callInt(memorySeqRm, memory, sequence, begin, end));
    }

    void memorySeqCp(long memory, int from, int to, int begin, int end) {
        calls.callVoid(memorySeqCp, memory, from, to, begin, end);
    }

    int memorySeqPosMin(long memory, int sequence) {
        return calls.callInt(memorySeqPosMin, memory, sequence);
    }

    int memorySeqPosMax(long memory, int sequence) {
        return calls.callInt(memorySeqPosMax, memory, sequence);
    }

    long stateSeqGetSizeExt(long context, int sequence) {
        return calls.callLong(stateSeqGetSizeExt, context, sequence, 0);
    }

    long stateSeqGetDataExt(long context, MemorySegment target, long size, int sequence) {
        return calls.callLong(stateSeqGetDataExt, context, target.address(), size, sequence, 0);
    }

    long stateSeqSetDataExt(long context, MemorySegment source, long size, int sequence) {
        return calls.callLong(stateSeqSetDataExt, context, source.address(), size, sequence, 0);
    }

    int decode(long context, MemorySegment batch) {
        return calls.callIntWithStruct(decode, context, batch.address(), LlamaStructs.BATCH_BYTES);
    }

    long getLogitsIth(long context, int index) {
        return calls.callLong(getLogitsIth, context, index);
    }

    void synchronize(long context) {
        calls.callVoid(synchronize, context);
    }
}
