package io.baton.engine.llamacpp;

import static io.baton.engine.llamacpp.NativeValues.putInt;
import static io.baton.engine.llamacpp.NativeValues.putLong;
import static io.baton.engine.llamacpp.NativeValues.view;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.IntBuffer;
import java.nio.LongBuffer;

/**
 * Tokens to compute in one call: {@code struct llama_batch} with room for {@code capacity} tokens of one sequence id each.
 * Owns its memory until closed.
 *
 * <p><em>Thread-safety:</em> none; made, used and closed by one thread.
 */
final class LlamaBatch implements AutoCloseable {
    private final int capacity;
    private final NativeBuffer memory = new NativeBuffer();
    private final MemorySegment struct;
    private final IntBuffer token;
    private final IntBuffer pos;
    private final IntBuffer seqId;
    private final ByteBuffer logits;
    private int size;

    LlamaBatch(int capacity) {
        this.capacity = capacity;
        int ints = Math.multiplyExact(Integer.BYTES, capacity);
        int pointers = Math.multiplyExact(Long.BYTES, capacity);
        MemorySegment all = memory.atLeast(64 + pointers + 4L * ints + capacity);
        struct = all.asSlice(0, LlamaStructs.BATCH_BYTES);
        long seqIdPointersAt = 64;
        long tokenAt = seqIdPointersAt + pointers;
        long posAt = tokenAt + ints;
        long nSeqIdAt = posAt + ints;
        long seqIdAt = nSeqIdAt + ints;
        long logitsAt = seqIdAt + ints;
        token = view(all, tokenAt, ints).asIntBuffer();
        pos = view(all, posAt, ints).asIntBuffer();
        seqId = view(all, seqIdAt, ints).asIntBuffer();
        logits = view(all, logitsAt, capacity);
        IntBuffer nSeqId = view(all, nSeqIdAt, ints).asIntBuffer();
        LongBuffer seqIdPointers = view(all, seqIdPointersAt, pointers).asLongBuffer();
        for (int i = 0; i < capacity; i++) {
            nSeqId.put(i, 1);
            seqIdPointers.put(i, all.address() + seqIdAt + 4L * i);
        }
        struct.fill((byte) 0);
        putLong(struct, LlamaStructs.Batch.TOKEN, all.address() + tokenAt);
        putLong(struct, LlamaStructs.Batch.POS, all.address() + posAt);
        putLong(struct, LlamaStructs.Batch.N_SEQ_ID, all.address() + nSeqIdAt);
        putLong(struct, LlamaStructs.Batch.SEQ_ID, all.address() + seqIdPointersAt);
        putLong(struct, LlamaStructs.Batch.LOGITS, all.address() + logitsAt);
    }

    /** Number of tokens. */
    int size() {
        return size;
    }

    /** Tokens that still fit. */
    int room() {
        return capacity - size;
    }

    void clear() {
        size = 0;
    }

    /**
     * Adds a token.
     *
     * @param output whether its logits are wanted
     * @return its index in the batch
     */
    int add(int id, int position, int sequence, boolean output) {
        if (size == capacity) {
            throw new IllegalStateException("the batch is full with " + capacity + " tokens");
        }
        token.put(size, id);
        pos.put(size, position);
        seqId.put(size, sequence);
        logits.put(size, (byte) (output ? 1 : 0));
        return size++;
    }

    /** The bytes of the struct, up to date. */
    MemorySegment struct() {
        putInt(struct, LlamaStructs.Batch.N_TOKENS, size);
        return struct;
    }

    @Override
    public void close() {
        memory.close();
    }
}
