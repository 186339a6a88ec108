package io.baton.engine.llamacpp;

import static io.baton.engine.llamacpp.NativeValues.putByte;
import static io.baton.engine.llamacpp.NativeValues.putInt;

import io.baton.engine.llamacpp.LlamaStructs.ContextParams;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A context with a KV cache: {@code struct llama_context *} and its memory. Owns it until closed; the model must outlive
 * it. Sequence ids are checked here, because libllama aborts the process on a wrong one.
 *
 * <p><em>Thread-safety:</em> none; made, used and closed by one thread.
 */
final class LlamaContext implements AutoCloseable {
    private static final AtomicInteger LIVE = new AtomicInteger();

    private final LlamaLibrary library;
    private final long handle;
    private final long memory;
    private final int sequences;
    private final int vocabulary;
    private boolean closed;

    /**
     * Parameters of a context.
     *
     * @param cells cells of the KV cache
     * @param batch most tokens of one call of decode
     * @param sequences sequence ids are in [0, sequences), at most 256
     */
    record Params(int cells, int batch, int sequences, int threads, KvType kvType, boolean flashAttention) {}

    /**
     * Makes a context.
     *
     * @throws BatonException {@code ENGINE_FAILED} if libllama refuses, or does not do as it was told
     */
    LlamaContext(LlamaModel model, Params p) {
        library = model.library();
        sequences = p.sequences();
        vocabulary = model.vocab().nTokens();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment params = arena.allocate(LlamaStructs.CONTEXT_PARAMS_BYTES, 16);
            library.contextDefaultParams(params);
            putInt(params, ContextParams.N_CTX, p.cells());
            putInt(params, ContextParams.N_BATCH, p.batch());
            putInt(params, ContextParams.N_UBATCH, p.batch());
            putInt(params, ContextParams.N_SEQ_MAX, p.sequences());
            // One token per sequence has its logits taken; without this, libllama sets memory aside for a whole
            // batch's.
            putInt(params, ContextParams.N_OUTPUTS_MAX, Math.min(p.batch(), p.sequences()));
            putInt(params, ContextParams.N_THREADS, p.threads());
            putInt(params, ContextParams.N_THREADS_BATCH, p.threads());
            putInt(params, ContextParams.FLASH_ATTN_TYPE, p.flashAttention() ? 1 : 0);
            putInt(params, ContextParams.TYPE_K, p.kvType().ggmlType());
            putInt(params, ContextParams.TYPE_V, p.kvType().ggmlType());
            // With separate streams per sequence, copying part of a sequence aborts the process.
            putByte(params, ContextParams.KV_UNIFIED, (byte) 1);
            handle = library.initFromModel(model.handle(), params);
        }
        if (handle == 0) {
            throw new BatonException(
                    ErrorCode.ENGINE_FAILED,
                    "libllama made no context of " + p.cells() + " cells of type " + p.kvType()
                            + ": probably too little memory; lower the context size");
        }
        LIVE.incrementAndGet();
        memory = library.getMemory(handle);
        boolean obeyed = memory != 0
                && library.nCtx(handle) >= p.cells()
                && library.nBatch(handle) == p.batch()
                && library.nUbatch(handle) == p.batch()
                && library.nSeqMax(handle) == p.sequences();
        if (!obeyed) {
            String found = "cells " + library.nCtx(handle) + ", batch " + library.nBatch(handle) + " and "
                    + library.nUbatch(handle) + ", sequences " + library.nSeqMax(handle);
            close();
            throw new BatonException(
                    ErrorCode.ENGINE_FAILED,
                    "libllama made a context other than asked for: " + found + " instead of " + p);
        }
    }

    /** Contexts of the process that are not closed. */
    static int live() {
        return LIVE.get();
    }

    /** Computes a batch; 0 is success, 1 means no room, below 0 is fatal. */
    int decode(LlamaBatch batch) {
        return library.decode(handle, batch.struct());
    }

    /** Logits of the batch entry {@code index}: one F32 per vocabulary entry, valid until the next {@link #decode}. */
    MemorySegment logits(int index) {
        long address = library.getLogitsIth(handle, index);
        if (address == 0) {
            throw new BatonException(ErrorCode.ENGINE_FAILED, "libllama has no logits for batch entry " + index);
        }
        return MemorySegment.ofAddress(address).reinterpret(4L * vocabulary);
    }

    /** Empties the cache. */
    void clear() {
        library.memoryClear(memory, true);
    }

    /** Frees the positions [begin, end) of a sequence; −1 means from the start, to the end. */
    void seqRm(int sequence, int begin, int end) {
        if (!library.memorySeqRm(memory, checked(sequence), begin, end)) {
            throw new BatonException(
                    ErrorCode.ENGINE_FAILED,
                    "libllama could not free positions " + begin + " to " + end + " of sequence " + sequence);
        }
    }

    /** Makes the positions [begin, end) of one sequence belong to another as well; −1 as in {@link #seqRm}. */
    void seqCp(int from, int to, int begin, int end) {
        library.memorySeqCp(memory, checked(from), checked(to), begin, end);
    }

    /** Lowest position of a sequence, −1 if it is empty. */
    int seqPosMin(int sequence) {
        return library.memorySeqPosMin(memory, checked(sequence));
    }

    /** Highest position of a sequence, −1 if it is empty. */
    int seqPosMax(int sequence) {
        return library.memorySeqPosMax(memory, checked(sequence));
    }

    /** Bytes that {@link #stateSeqGetData} would write. */
    long stateSeqGetSize(int sequence) {
        return library.stateSeqGetSizeExt(handle, checked(sequence));
    }

    /** Writes the state of a sequence; bytes written, 0 if it does not fit. */
    long stateSeqGetData(MemorySegment target, int sequence) {
        return library.stateSeqGetDataExt(handle, target, target.byteSize(), checked(sequence));
    }

    /** Reads the state of a sequence; bytes read, 0 if it is refused. */
    long stateSeqSetData(MemorySegment source, int sequence) {
        return library.stateSeqSetDataExt(handle, source, source.byteSize(), checked(sequence));
    }

    /** Waits until everything submitted is computed. */
    void synchronize() {
        library.synchronize(handle);
    }

    private int checked(int sequence) {
        if (sequence < 0 || sequence >= sequences) {
            throw new IllegalArgumentException("sequence id " + sequence + " is not in [0, " + sequences + ")");
        }
        if (closed) {
            throw new IllegalStateException("the context is closed");
        }
        return sequence;
    }

    @Override
    public void close() {
        if (!closed) {
            closed = true;
            LIVE.decrementAndGet();
            library.free(handle);
        }
    }
}
