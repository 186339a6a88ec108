package io.baton.engine.simulated;

import io.baton.engine.Engine;
import io.baton.engine.EngineLimits;
import io.baton.engine.EngineStats;
import io.baton.engine.KvLayout;
import io.baton.engine.ModelInfo;
import io.baton.engine.SampledToken;
import io.baton.engine.Sampling;
import io.baton.engine.Sequence;
import io.baton.engine.Tokenizer;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.locks.LockSupport;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * An engine that computes nothing: it waits as long as its performance model says and chooses tokens by hashes over the KV
 * rows. A step takes a + b·n for its n prompt tokens and c + d·s for its s generating sequences; row moves take their bytes
 * divided by a rate. Times are divided by {@code speed}.
 *
 * <p>The same tokens come out whether a prompt was computed here or its rows were imported, and other tokens if one
 * imported byte was wrong.
 *
 * <p><em>Thread-safety:</em> every method may be called from any thread. One thread does the work, as in a real engine; after
 * the engine has stopped, commands are refused on the caller's thread.
 */
public final class SimulatedEngine implements Engine {
    private static final Logger LOG = Logger.getLogger(SimulatedEngine.class);

    private record Given(@Nullable SimulatedSequence sequence, Command command, boolean counted) {}

    private final SimulatedEngineConfig config;
    private final SimulatedModel model;
    private final SimulatedTokenizer tokenizer;
    private final Counters counters = new Counters();
    private final SimulatedStep step;
    private final Thread thread;

    private final Object lock = new Object();
    /** Guarded by {@code lock}. Opens and row moves count against the capacity; the others are bounded by the sequences. */
    private final ArrayDeque<Given> queue = new ArrayDeque<>();
    /** Guarded by {@code lock}: counted commands that were not carried out yet. */
    private int counted;
    /** Guarded by {@code lock}: why nothing is accepted any more. */
    private @Nullable BatonException stopped;

    private volatile boolean closing;
    private volatile @Nullable Throwable failure;

    /** Open sequences, oldest first. The engine thread's. */
    private final Set<SimulatedSequence> sequences = new LinkedHashSet<>();

    /** Starts an engine. */
    public SimulatedEngine(SimulatedEngineConfig config) {
        this.config = config;
        this.model = new SimulatedModel(config);
        this.tokenizer = new SimulatedTokenizer(config.vocabulary());
        this.step = new SimulatedStep(this, config);
        this.thread =
                Thread.ofPlatform().daemon().name("baton-simulated-engine").unstarted(this::run);
        thread.start();
    }

    @Override
    public ModelInfo model() {
        return model.info();
    }

    @Override
    public KvLayout kvLayout() {
        return model.layout();
    }

    @Override
    public Tokenizer tokenizer() {
        return tokenizer;
    }

    @Override
    public EngineLimits limits() {
        return new EngineLimits(config.cells(), config.sequences(), config.maxRequestTokens());
    }

    @Override
    public EngineStats stats() {
        return counters.snapshot();
    }

    @Override
    public @Nullable Throwable failure() {
        return failure;
    }

    @Override
    public CompletableFuture<Sequence> open(int cells) {
        CompletableFuture<Sequence> done = new CompletableFuture<>();
        if (cells < 1) {
            done.completeExceptionally(
                    new BatonException(ErrorCode.INVALID_REQUEST, "a sequence needs at least 1 cell, not " + cells));
        } else if (cells > config.maxRequestTokens() || cells > config.cells()) {
            done.completeExceptionally(new BatonException(
                    ErrorCode.CONTEXT_LENGTH_EXCEEDED,
                    "prompt and output need " + cells + " tokens; this worker allows "
                            + Math.min(config.maxRequestTokens(), config.cells()) + " per request"));
        } else {
            give(new Given(null, new Command.Open(cells, done), true));
        }
        return done;
    }

    @Override
    public void close() {
        closing = true;
        LockSupport.unpark(thread);
        boolean interrupted = false;
        while (thread.isAlive() && !Thread.currentThread().equals(thread)) {
            try {
                thread.join();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /** The open sequences now, oldest first. */
    List<SimulatedSequence> sequences() {
        return List.copyOf(sequences);
    }

    Counters counters() {
        return counters;
    }

    long bytes(int begin, int end) {
        return end > begin ? model.layout().bytes(end - begin) : -1;
    }

    void submit(SimulatedSequence sequence, Command command, boolean counts) {
        give(new Given(sequence, command, counts));
    }

    private void give(Given given) {
        BatonException refusal = null;
        synchronized (lock) {
            if (stopped != null) {
                refusal = stopped;
            } else if (given.counted() && counted >= config.queueCapacity()) {
                refusal = new BatonException(
                        ErrorCode.QUEUE_FULL, "the engine's queue holds " + counted + " commands; retry later");
            } else {
                counted += given.counted() ? 1 : 0;
                queue.add(given);
            }
        }
        if (refusal != null) {
            refuse(given, refusal);
        } else {
            LockSupport.unpark(thread);
        }
    }

    private static void refuse(Given given, BatonException why) {
        SimulatedSequence sequence = given.sequence();
        if (sequence != null && sequence.isReleasing()) {
            if (given.command() instanceof Command.Rows) {
                given.command().refuse(why);
            }
            sequence.freed();
        } else {
            given.command().refuse(why);
        }
    }

    private void run() {
        BatonException end = new BatonException(ErrorCode.ENGINE_FAILED, "the engine is closed");
        try {
            while (!closing) {
                counters.turn();
                takeCommands();
                boolean more = advanceCommands();
                if (!step.compute() && !more && nothingGiven() && !closing) {
                    counters.idle();
                    LockSupport.park(this);
                }
            }
        } catch (RuntimeException | Error e) {
            LOG.error("the simulated engine failed", e);
            failure = e;
            end = new BatonException(ErrorCode.ENGINE_FAILED, "the engine failed: " + e.getMessage(), e);
        }
        counters.idle();
        stop(end);
    }

    private boolean nothingGiven() {
        synchronized (lock) {
            return queue.isEmpty();
        }
    }

    private void stop(BatonException why) {
        List<Given> left;
        synchronized (lock) {
            stopped = why;
            left = List.copyOf(queue);
            queue.clear();
        }
        for (SimulatedSequence sequence : List.copyOf(sequences)) {
            if (sequence.task != null) {
                fail(sequence, why);
            }
            for (Command command : sequence.commands) {
                refuse(new Given(sequence, command, false), why);
            }
            free(sequence);
        }
        left.forEach(given -> refuse(given, why));
    }

    private void takeCommands() {
        while (true) {
            Given given;
            synchronized (lock) {
                given = queue.poll();
                if (given == null) {
                    return;
                }
                counted -= given.counted() && !(given.command() instanceof Command.Rows) ? 1 : 0;
            }
            SimulatedSequence sequence = given.sequence();
            switch (given.command()) {
                case Command.Open open -> openNow(open);
                case Command.Release _ when sequence != null -> release(sequence);
                case Command.Resume _
                when sequence != null -> {
                    if (sequence.task != null) {
                        sequence.task.resume();
                    }
                }
                // What comes after the release finds nothing.
                case Command.Rows rows
                when sequence != null && sequence.isReleasing() -> {
                    rows.refuse(new BatonException(ErrorCode.CANCELLED, "the sequence was released"));
                    finishedRows();
                }
                case Command command when sequence != null -> sequence.commands.add(command);
                case Command command -> throw new IllegalStateException("a command without its sequence: " + command);
            }
        }
    }

    private void openNow(Command.Open open) {
        int free = config.cells() - counters.reservedCells();
        if (sequences.size() >= config.sequences() || open.cells() > free) {
            open.refuse(new BatonException(
                    ErrorCode.KV_FULL,
                    open.cells() + " KV cells are needed; " + free + " of " + config.cells() + " are free, and "
                            + (config.sequences() - sequences.size()) + " of " + config.sequences()
                            + " sequences; retry later"));
            return;
        }
        SimulatedSequence sequence = new SimulatedSequence(this, open.cells(), model.newRows());
        sequences.add(sequence);
        counters.sequences(1, open.cells());
        open.done().complete(sequence);
    }

    private void release(SimulatedSequence sequence) {
        BatonException why = new BatonException(ErrorCode.CANCELLED, "the sequence was released");
        for (Command command : sequence.commands) {
            if (command instanceof Command.Rows rows) {
                rows.refuse(why);
                finishedRows();
            }
        }
        free(sequence);
    }

    private void free(SimulatedSequence sequence) {
        sequence.commands.clear();
        sequence.task = null;
        if (sequences.remove(sequence)) {
            counters.sequences(-1, -sequence.cells());
            counters.used(-sequence.rows.length());
            countTasks();
        }
        sequence.freed();
    }

    private void finishedRows() {
        synchronized (lock) {
            counted--;
        }
    }

    /** Carries out what can be; returns whether row moves are left for after the next step. */
    private boolean advanceCommands() {
        double spentMicros = 0;
        for (SimulatedSequence sequence : List.copyOf(sequences)) {
            while (!sequence.commands.isEmpty()) {
                Command next = sequence.commands.element();
                boolean move = next instanceof Command.Rows;
                if (move && spentMicros > config.importBudgetMicros()) {
                    return true;
                }
                if (next instanceof Command.Decode && sequence.task != null) {
                    break;
                }
                sequence.commands.remove();
                if (next instanceof Command.Rows rows) {
                    moveRows(sequence, rows);
                    finishedRows();
                    spentMicros += moveMicros(rows.memory().byteSize());
                } else {
                    begin(sequence, next);
                }
            }
        }
        return false;
    }

    private double moveMicros(long bytes) {
        return config.importBytesPerMicro() > 0 ? bytes / config.importBytesPerMicro() : 0;
    }

    private void moveRows(SimulatedSequence sequence, Command.Rows rows) {
        int length = sequence.rows.length();
        if (rows.kind() == Command.Kind.IMPORT) {
            if (rows.begin() != length || sequence.task != null) {
                rows.refuse(new BatonException(
                        ErrorCode.PROTOCOL_VIOLATION,
                        "KV rows from " + rows.begin() + " on, but " + length + " are there; blocks land in order"));
                return;
            }
            long start = System.nanoTime();
            elapse(moveMicros(rows.memory().byteSize()));
            sequence.rows.append(rows.memory(), rows.end() - rows.begin());
            counters.imported(rows.end() - rows.begin(), rows.memory().byteSize(), System.nanoTime() - start);
            sequence.publishLength();
        } else {
            if (rows.end() > length) {
                rows.refuse(new BatonException(
                        ErrorCode.PROTOCOL_VIOLATION,
                        "KV rows up to " + rows.end() + " are asked for, but " + length + " are there"));
                return;
            }
            export(sequence, rows.begin(), rows.end(), rows.memory());
        }
        rows.done().complete(null);
    }

    void export(SimulatedSequence sequence, int begin, int end, MemorySegment target) {
        long start = System.nanoTime();
        elapse(moveMicros(model.layout().bytes(end - begin)));
        sequence.rows.read(begin, end, target);
        counters.exported(model.layout().bytes(end - begin), System.nanoTime() - start);
    }

    private void begin(SimulatedSequence sequence, Command command) {
        if (sequence.isReleasing()) {
            return;
        }
        try {
            if (command instanceof Command.Prefill p) {
                var task = new SimulatedTask.Prefill(sequence, this, p.work(), p.listener());
                sequence.task = task;
                task.check();
            } else if (command instanceof Command.Decode d) {
                var task = new SimulatedTask.Decode(sequence, this, d.work(), d.listener());
                sequence.task = task;
                task.check();
            }
        } catch (RuntimeException | AssertionError e) {
            fail(sequence, e);
        }
        countTasks();
    }

    void fail(SimulatedSequence sequence, Throwable cause) {
        SimulatedTask task = sequence.task;
        sequence.task = null;
        if (task == null || sequence.isReleasing()) {
            return;
        }
        try {
            task.tellFailed(cause);
        } catch (RuntimeException | AssertionError e) {
            LOG.error("a listener failed while it was told of a failure", e);
        }
    }

    SampledToken choose(
            SimulatedRows rows,
            Sampling sampling,
            int[] history,
            int length,
            int promptTokens,
            @Nullable Integer forced,
            int topLogprobs) {
        counters.generated();
        return model.choose(rows, sampling, history, length, promptTokens, forced, topLogprobs);
    }

    void countTasks() {
        int running = 0;
        int waiting = 0;
        for (SimulatedSequence sequence : sequences) {
            if (sequence.task != null) {
                running += sequence.task.started ? 1 : 0;
                waiting += sequence.task.started ? 0 : 1;
            }
        }
        counters.tasks(running, waiting);
    }

    /** Waits for simulated time; not after close. */
    void elapse(double micros) {
        if (config.speed() == 0 || micros <= 0) {
            return;
        }
        long until = System.nanoTime() + (long) (micros * 1000 / config.speed());
        for (long left = until - System.nanoTime(); left > 0 && !closing; left = until - System.nanoTime()) {
            LockSupport.parkNanos(this, left);
        }
    }
}
