package io.baton.engine.simulated;

import io.baton.engine.DecodeListener;
import io.baton.engine.DecodeWork;
import io.baton.engine.PrefillListener;
import io.baton.engine.PrefillWork;
import io.baton.engine.Sequence;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/**
 * A sequence of the simulated engine: turns calls into commands.
 *
 * <p><em>Thread-safety:</em> the methods of {@link Sequence} may be called from any thread; the package-private fields
 * belong to the engine thread.
 */
final class SimulatedSequence implements Sequence {
    private final SimulatedEngine engine;
    private final int cells;
    private final CompletableFuture<Void> freed = new CompletableFuture<>();
    private final AtomicBoolean releasing = new AtomicBoolean();
    private final AtomicBoolean prefillGiven = new AtomicBoolean();
    private final AtomicBoolean decodeGiven = new AtomicBoolean();
    private volatile int length;

    /** Commands in the order in which they were given; the first may have to wait. */
    final ArrayDeque<Command> commands = new ArrayDeque<>();

    final SimulatedRows rows;

    @Nullable
    SimulatedTask task;

    SimulatedSequence(SimulatedEngine engine, int cells, SimulatedRows rows) {
        this.engine = engine;
        this.cells = cells;
        this.rows = rows;
    }

    @Override
    public int cells() {
        return cells;
    }

    @Override
    public int length() {
        return length;
    }

    void publishLength() {
        length = rows.length();
    }

    /** Whether release was asked for: no listener is called from now on. */
    boolean isReleasing() {
        return releasing.get();
    }

    void freed() {
        freed.complete(null);
    }

    @Override
    public CompletableFuture<Void> importRows(int begin, int end, MemorySegment source) {
        return move(Command.Kind.IMPORT, begin, end, source, source.byteSize() == engine.bytes(begin, end));
    }

    @Override
    public CompletableFuture<Void> exportRows(int begin, int end, MemorySegment target) {
        return move(Command.Kind.EXPORT, begin, end, target, target.byteSize() >= engine.bytes(begin, end));
    }

    private CompletableFuture<Void> move(Command.Kind kind, int begin, int end, MemorySegment memory, boolean fits) {
        CompletableFuture<Void> done = new CompletableFuture<>();
        if (begin < 0 || end <= begin || end > cells || !fits) {
            done.completeExceptionally(new BatonException(
                    ErrorCode.PROTOCOL_VIOLATION,
                    "KV rows [" + begin + ", " + end + ") in " + memory.byteSize() + " bytes for a sequence of " + cells
                            + " cells of " + engine.kvLayout().bytesPerToken() + " bytes"));
            return done;
        }
        engine.submit(this, new Command.Rows(kind, begin, end, memory, done), true);
        return done;
    }

    @Override
    public void prefill(PrefillWork work, PrefillListener listener) {
        if (prefillGiven.getAndSet(true)) {
            throw new IllegalStateException("a sequence prefills once");
        }
        engine.submit(this, new Command.Prefill(work, listener), false);
    }

    @Override
    public void resume() {
        engine.submit(this, new Command.Resume(), false);
    }

    @Override
    public void decode(DecodeWork work, DecodeListener listener) {
        if (decodeGiven.getAndSet(true)) {
            throw new IllegalStateException("a sequence decodes once");
        }
        engine.submit(this, new Command.Decode(work, listener), false);
    }

    @Override
    public CompletableFuture<Void> release() {
        if (!releasing.getAndSet(true)) {
            engine.submit(this, new Command.Release(), false);
        }
        return freed.copy();
    }
}
