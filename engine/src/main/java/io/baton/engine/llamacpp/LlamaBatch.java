package io.baton.engine.llamacpp;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemorySegment;

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
    private final MemorySegment token;
    private final MemorySegment pos;
    private final MemorySegment seqId;
    private final MemorySegment logits;
    private int size;

    LlamaBatch(int capacity) {
        this.capacity = capacity;
        long ints = 4L * capacity;
        long pointers = 8L * capacity;
        MemorySegment all = memory.atLeast(64 + pointers + 4 * ints + capacity);
        struct = all.asSlice(0, LlamaStructs.BATCH_BYTES);
        long at = 64;
        MemorySegment seqIdPointers = all.asSlice(at, pointers);
        at += pointers;
        token = all.asSlice(at, ints);
        at += ints;
        pos = all.asSlice(at, ints);
        at += ints;
        MemorySegment nSeqId = all.asSlice(at, ints);
        at += ints;
        seqId = all.asSlice(at, ints);
        at += ints;
        logits = all.asSlice(at, capacity);
        for (int i = 0; i < capacity; i++) {
            nSeqId.setAtIndex(JAVA_INT, i, 1);
            seqIdPointers.setAtIndex(JAVA_LONG, i, seqId.address() + 4L * i);
        }
        struct.fill((byte) 0);
        struct.set(JAVA_LONG, LlamaStructs.Batch.TOKEN, token.address());
        struct.set(JAVA_LONG, LlamaStructs.Batch.POS, pos.address());
        struct.set(JAVA_LONG, LlamaStructs.Batch.N_SEQ_ID, nSeqId.address());
        struct.set(JAVA_LONG, LlamaStructs.Batch.SEQ_ID, seqIdPointers.address());
        struct.set(JAVA_LONG, LlamaStructs.Batch.LOGITS, logits.address());
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
        token.setAtIndex(JAVA_INT, size, id);
        pos.setAtIndex(JAVA_INT, size, position);
        seqId.setAtIndex(JAVA_INT, size, sequence);
        logits.set(JAVA_BYTE, size, (byte) (output ? 1 : 0));
        return size++;
    }

    /** The bytes of the struct, up to date. */
    MemorySegment struct() {
        struct.set(JAVA_INT, LlamaStructs.Batch.N_TOKENS, size);
        return struct;
    }

    @Override
    public void close() {
        memory.close();
    }
}
