package io.baton.engine;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;

/** Writes down what a prefill tells, and keeps its blocks. */
final class PrefillRecord implements PrefillListener {
    private final Arena arena;
    private final KvLayout layout;
    private final List<String> events = new CopyOnWriteArrayList<>();
    private final Map<Integer, MemorySegment> blocks = new ConcurrentHashMap<>();
    private final CompletableFuture<Integer> finished = new CompletableFuture<>();
    private volatile int refusedBegin = -1;
    private volatile CompletableFuture<Void> refused = new CompletableFuture<>();
    private volatile int firstToken = -1;
    private volatile Runnable atFirstBlock = () -> {};

    PrefillRecord(Arena arena, KvLayout layout) {
        this.arena = arena;
        this.layout = layout;
    }

    /** Refuses the block that begins there, once. */
    void refuse(int begin) {
        refused = new CompletableFuture<>();
        refusedBegin = begin;
    }

    /** Has something done on the engine thread when the first block is told. */
    void atFirstBlock(Runnable action) {
        atFirstBlock = action;
    }

    CompletableFuture<Void> refused() {
        return refused;
    }

    List<String> events() {
        return events;
    }

    /** The computed tokens, at the end. */
    CompletableFuture<Integer> finished() {
        return finished;
    }

    int firstToken() {
        return firstToken;
    }

    MemorySegment block(int begin) {
        MemorySegment rows = blocks.get(begin);
        if (rows == null) {
            throw new AssertionError("no block at " + begin + " in " + events);
        }
        return rows;
    }

    @Override
    public void onStarted() {
        events.add("started");
    }

    @Override
    public boolean mayCompute(int begin, int end) {
        boolean may = begin != refusedBegin;
        events.add((may ? "may [" : "no [") + begin + "," + end + ")");
        if (!may) {
            refusedBegin = -1;
            refused.complete(null);
        }
        return may;
    }

    @Override
    public @Nullable MemorySegment rowsTarget(int begin, int end) {
        return arena.allocate(layout.bytes(end - begin), 64);
    }

    @Override
    public void onBlock(int begin, int end, MemorySegment rows) {
        blocks.put(begin, rows.asSlice(0, layout.bytes(end - begin)));
        events.add("block [" + begin + "," + end + ")");
        if (blocks.size() == 1) {
            atFirstBlock.run();
        }
    }

    @Override
    public void onChunk() {
        events.add("chunk");
    }

    @Override
    public void onFirstToken(SampledToken token) {
        firstToken = token.id();
        events.add("first token at " + token.position());
    }

    @Override
    public void onFinished(int computedTokens) {
        events.add("finished " + computedTokens);
        finished.complete(computedTokens);
    }

    @Override
    public void onFailed(Throwable cause) {
        events.add("failed");
        finished.completeExceptionally(cause);
    }
}
