package io.baton.engine.llamacpp;

import io.baton.engine.KvLayout;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Semaphore;
import java.util.concurrent.locks.LockSupport;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * The engine thread's loop: commands, then a bounded piece of KV transfers, then one step of computing, again and again;
 * it sleeps when there is nothing to do.
 *
 * <p>The command queue is bounded: transfers take permits, and every other command comes at most once (prefill, decode,
 * release) or once per turn (resume) for each open sequence.
 *
 * <p><em>Thread-safety:</em> {@code submit…}, {@link #stop} and the plain getters are safe; all else belongs to the engine
 * thread. Owns nothing native.
 */
final class EngineLoop {
    private static final Logger LOG = Logger.getLogger(EngineLoop.class);

    private final LlamaContext context;
    private final KvRows rows;
    private final KvLayout layout;
    private final CellLedger ledger;
    private final EngineCounters counters;
    private final EngineStep step;
    private final Thread thread;
    private final int vocabulary;
    private final long importBudgetNanos;
    private final int queueLimit;
    private final Semaphore transferPermits;

    private final Queue<Command> commands = new ConcurrentLinkedQueue<>();
    private final Deque<Transfer> transfers = new ArrayDeque<>();
    private final List<Job> jobs = new ArrayList<>();

    private volatile boolean stopping;

    @Nullable
    private volatile BatonException failure;
    /** Guarded by this: whether the loop takes no more commands. */
    private boolean ended;

    /** For a context that the calling thread, the engine thread, owns. */
    EngineLoop(
            LlamaEngineConfig config,
            LlamaContext context,
            LlamaBatch batch,
            KvRows rows,
            KvLayout layout,
            CellLedger ledger,
            EngineCounters counters,
            int vocabulary) {
        this.context = context;
        this.rows = rows;
        this.layout = layout;
        this.ledger = ledger;
        this.counters = counters;
        this.vocabulary = vocabulary;
        this.thread = Thread.currentThread();
        this.importBudgetNanos = config.importBudget().toNanos();
        this.queueLimit = config.commandQueue();
        this.transferPermits = new Semaphore(queueLimit);
        this.step = new EngineStep(this, config, context, batch, rows, layout, counters, vocabulary);
    }

    KvLayout kvLayout() {
        return layout;
    }

    int vocabulary() {
        return vocabulary;
    }

    @Nullable
    BatonException failure() {
        return failure;
    }

    /** Whether the engine thread may read and write a segment. */
    boolean mayAccess(MemorySegment segment) {
        return segment.isAccessibleBy(thread);
    }

    boolean onEngineThread() {
        return Thread.currentThread().equals(thread);
    }

    /** Opens a sequence; accounting only, so that nobody waits for a step. */
    CompletableFuture<LlamaSequence> open(int cells) {
        BatonException cause = failure;
        if (cause != null || stopping) {
            return CompletableFuture.failedFuture(cause == null ? closed() : cause);
        }
        try {
            return CompletableFuture.completedFuture(new LlamaSequence(this, ledger.reserve(cells), cells));
        } catch (BatonException e) {
            return CompletableFuture.failedFuture(e);
        }
    }

    CompletableFuture<Void> submitTransfer(Transfer transfer) {
        if (!transferPermits.tryAcquire()) {
            return CompletableFuture.failedFuture(new BatonException(
                    ErrorCode.QUEUE_FULL,
                    "the engine's queue holds " + queueLimit + " KV transfers already; retry later"));
        }
        var _ = transfer.done.whenComplete((_, _) -> transferPermits.release());
        submit(transfer);
        return transfer.done;
    }

    void submit(Command command) {
        boolean taken;
        synchronized (this) {
            taken = !ended;
            if (taken) {
                commands.add(command);
            }
        }
        if (taken) {
            LockSupport.unpark(thread);
        } else {
            refuseAfterEnd(command);
        }
    }

    /** What comes after the end is answered by the thread that brought it. */
    private void refuseAfterEnd(Command command) {
        if (command instanceof Command.Signal c) {
            if (c.sequence().isReleaseAsked() && c.sequence().released.complete(null)) {
                forget(c.sequence());
            }
        } else {
            BatonException failed = failure;
            refuse(command, failed == null ? closed() : failed);
        }
    }

    /** Asks the loop to end. */
    void stop() {
        stopping = true;
        LockSupport.unpark(thread);
    }

    /** Runs until {@link #stop}. */
    void run() {
        while (!stopping) {
            boolean busy;
            counters.turn.begin();
            try {
                takeCommands();
                busy = moveRows();
                busy |= failure == null && step.run(jobs);
                publish();
            } catch (BatonException e) {
                fail(e);
                busy = true;
            } catch (RuntimeException | Error e) {
                fail(new BatonException(ErrorCode.ENGINE_FAILED, "the engine thread failed: " + e, e));
                busy = true;
            }
            if (!busy && commands.isEmpty() && !stopping) {
                counters.turn.end();
                LockSupport.park(this);
            }
        }
        end();
    }

    private void end() {
        synchronized (this) {
            ended = true;
        }
        counters.turn.end();
        BatonException failed = failure;
        BatonException cause = failed == null ? closed() : failed;
        failAll(cause);
        for (Command c = commands.poll(); c != null; c = commands.poll()) {
            refuse(c, cause);
        }
        publish();
    }

    private static BatonException cancelled() {
        return new BatonException(ErrorCode.CANCELLED, "the sequence was released");
    }

    private static BatonException closed() {
        return new BatonException(ErrorCode.ENGINE_FAILED, "the engine is closed");
    }

    /** Makes the engine refuse everything from now on. */
    private void fail(BatonException cause) {
        LOG.error("the engine has failed and refuses everything from now on", cause);
        failure = cause;
        failAll(cause);
    }

    private void failAll(BatonException cause) {
        for (Job job : List.copyOf(jobs)) {
            failJob(job, cause);
        }
        for (Transfer t = transfers.poll(); t != null; t = transfers.poll()) {
            complete(t, cause);
        }
    }

    private void refuse(Command command, BatonException cause) {
        switch (command) {
            case Transfer t -> t.done.completeExceptionally(cause);
            case Command.StartPrefill c -> tellFailed(c.job(), cause);
            case Command.StartDecode c -> tellFailed(c.job(), cause);
            case Command.Signal c -> {
                if (c.sequence().isReleaseAsked()) {
                    release(c.sequence());
                }
            }
        }
    }

    private void takeCommands() {
        for (Command c = commands.poll(); c != null; c = commands.poll()) {
            BatonException cause = failure;
            if (cause != null) {
                refuse(c, cause);
                continue;
            }
            switch (c) {
                case Transfer t
                when t.sequence.isReleaseAsked() ->
                    // Its sequence id may be somebody else's by now.
                    t.done.completeExceptionally(cancelled());
                case Transfer t -> {
                    if (t.in) {
                        t.sequence.pendingImports++;
                    }
                    transfers.add(t);
                }
                case Command.StartPrefill s -> start(s.job());
                case Command.StartDecode s -> start(s.job());
                case Command.Signal s -> signal(s.sequence());
            }
        }
    }

    private void start(Job job) {
        LlamaSequence s = job.sequence;
        if (s.isReleaseAsked()) {
            return;
        }
        BatonException cause = job.refusal == null ? s.broken : job.refusal;
        if (cause != null) {
            tellFailed(job, cause);
            return;
        }
        switch (job) {
            case PrefillJob p -> s.prefill = p;
            case DecodeJob d -> s.decode = d;
        }
        jobs.add(job);
    }

    private void signal(LlamaSequence s) {
        if (s.isReleaseAsked()) {
            release(s);
        } else if (s.takeResume() && s.prefill != null) {
            s.prefill.paused = false;
        }
    }

    private void release(LlamaSequence s) {
        if (s.released.isDone()) {
            return;
        }
        jobs.removeIf(j -> j.sequence.equals(s));
        BatonException cancelled = cancelled();
        transfers.removeIf(t -> {
            if (!t.sequence.equals(s)) {
                return false;
            }
            complete(t, cancelled);
            return true;
        });
        if (failure == null && !stopping) {
            context.seqRm(s.id, -1, -1);
        }
        forget(s);
        publish();
        s.released.complete(null);
    }

    private void forget(LlamaSequence s) {
        counters.usedCells.addAndGet(-s.length());
        s.length(0);
        ledger.release(s.id, s.cells());
    }

    /** Ends a job whose sequence cannot go on. */
    void failJob(Job job, Throwable cause) {
        jobs.remove(job);
        if (job instanceof PrefillJob) {
            job.sequence.prefill = null;
        }
        job.sequence.broken = BatonException.from(cause);
        tellFailed(job, cause);
    }

    /** Ends a job that is through. */
    void finish(Job job) {
        jobs.remove(job);
        if (job instanceof PrefillJob) {
            job.sequence.prefill = null;
        }
    }

    private static void tellFailed(Job job, Throwable cause) {
        if (job.sequence.isReleaseAsked()) {
            return;
        }
        try {
            job.tellFailed(cause);
        } catch (RuntimeException | Error e) {
            LOG.error("a listener threw while it was told of a failure", e);
        }
    }

    /** Moves KV rows within the budget, but at least one piece; whether there was anything to move. */
    private boolean moveRows() {
        if (transfers.isEmpty() || failure != null) {
            return false;
        }
        long begun = System.nanoTime();
        do {
            Transfer t = transfers.getFirst();
            try {
                movePiece(t);
            } catch (BatonException e) {
                if (t.in && t.at > t.block.begin()) {
                    t.sequence.broken = e;
                }
                if (e.code() == ErrorCode.ENGINE_FAILED) {
                    t.sequence.broken = e;
                }
                transfers.removeFirst();
                complete(t, e);
                continue;
            }
            if (t.at == t.block.end()) {
                transfers.removeFirst();
                complete(t, null);
            }
        } while (!transfers.isEmpty() && System.nanoTime() - begun < importBudgetNanos);
        return true;
    }

    private void movePiece(Transfer t) {
        LlamaSequence s = t.sequence;
        if (t.at == t.block.begin()) {
            check(t);
        }
        int end = Math.min(t.block.end(), t.at + rows.pieceTokens());
        long bytes = layout.bytes(end - t.at);
        long begun = System.nanoTime();
        if (t.in) {
            rows.importPiece(s.id, t.block, t.at, end);
            s.length(end);
            counters.usedCells.addAndGet(end - t.at);
            counters.importedBytes.addAndGet(bytes);
            counters.importNanos.addAndGet(System.nanoTime() - begun);
        } else {
            rows.exportPiece(s.id, t.block, t.at, end);
            counters.exportedBytes.addAndGet(bytes);
            counters.exportNanos.addAndGet(System.nanoTime() - begun);
        }
        t.at = end;
    }

    private static void check(Transfer t) {
        LlamaSequence s = t.sequence;
        if (s.broken != null) {
            throw s.broken;
        }
        if (t.in && s.computing) {
            throw new BatonException(
                    ErrorCode.PROTOCOL_VIOLATION, "KV rows came after the sequence had begun to compute");
        }
        if (t.in && t.block.begin() != s.length()) {
            throw new BatonException(
                    ErrorCode.INVALID_REQUEST,
                    "KV rows of the positions [" + t.block.begin() + ", " + t.block.end() + ") came when the cache had "
                            + s.length() + "; blocks land in order, each once");
        }
        if (!t.in && t.block.end() > s.length()) {
            throw new BatonException(
                    ErrorCode.INVALID_REQUEST,
                    "KV rows of the positions [" + t.block.begin() + ", " + t.block.end()
                            + ") were asked for, but the cache has " + s.length());
        }
    }

    private static void complete(Transfer t, @Nullable BatonException cause) {
        if (t.in) {
            t.sequence.pendingImports--;
        }
        if (cause == null) {
            t.done.complete(null);
        } else {
            t.done.completeExceptionally(cause);
        }
    }

    private void publish() {
        int running = 0;
        int waiting = 0;
        for (Job job : jobs) {
            if (job.started) {
                running++;
            } else {
                waiting++;
            }
        }
        counters.running.set(running);
        counters.waiting.set(waiting);
    }
}
