package io.baton.engine.simulated;

import io.baton.engine.EngineStats;
import io.baton.engine.Turn;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/**
 * The numbers behind {@link EngineStats}.
 *
 * <p><em>Thread-safety:</em> the engine thread writes, any thread reads; a snapshot is not atomic as a whole.
 */
final class Counters {
    private final AtomicInteger running = new AtomicInteger();
    private final AtomicInteger waiting = new AtomicInteger();
    private final AtomicInteger open = new AtomicInteger();
    private final AtomicInteger reserved = new AtomicInteger();
    private final AtomicInteger used = new AtomicInteger();
    private final AtomicLong prompt = new AtomicLong();
    private final AtomicLong decodePrompt = new AtomicLong();
    private final AtomicLong generated = new AtomicLong();
    private final AtomicLong steps = new AtomicLong();
    private final AtomicLong importedBytes = new AtomicLong();
    private final AtomicLong exportedBytes = new AtomicLong();
    private final AtomicLong importNanos = new AtomicLong();
    private final AtomicLong exportNanos = new AtomicLong();
    private final Turn turn = new Turn(System::nanoTime);

    /** A turn of the engine thread begins. */
    void turn() {
        turn.begin();
    }

    /** The engine thread has nothing to do. */
    void idle() {
        turn.end();
    }

    void tasks(int runningNow, int waitingNow) {
        running.set(runningNow);
        waiting.set(waitingNow);
    }

    /** A sequence opened with so many cells, or (negative) closed. */
    void sequences(int change, int cells) {
        open.addAndGet(change);
        reserved.addAndGet(cells);
    }

    void used(int change) {
        used.addAndGet(change);
    }

    void promptComputed(int tokens) {
        prompt.addAndGet(tokens);
        used.addAndGet(tokens);
    }

    void decodePromptComputed(int tokens) {
        decodePrompt.addAndGet(tokens);
        used.addAndGet(tokens);
    }

    void generated() {
        generated.incrementAndGet();
    }

    long step() {
        return steps.incrementAndGet();
    }

    void imported(int tokens, long bytes, long nanos) {
        used.addAndGet(tokens);
        importedBytes.addAndGet(bytes);
        importNanos.addAndGet(nanos);
    }

    void exported(long bytes, long nanos) {
        exportedBytes.addAndGet(bytes);
        exportNanos.addAndGet(nanos);
    }

    int openSequences() {
        return open.get();
    }

    int reservedCells() {
        return reserved.get();
    }

    EngineStats snapshot() {
        return new EngineStats(
                running.get(),
                waiting.get(),
                open.get(),
                reserved.get(),
                used.get(),
                prompt.get(),
                decodePrompt.get(),
                generated.get(),
                steps.get(),
                importedBytes.get(),
                exportedBytes.get(),
                importNanos.get(),
                exportNanos.get(),
                turn.nanos());
    }
}
