package io.baton.engine.llamacpp;

import io.baton.engine.DecodeListener;
import io.baton.engine.DecodeWork;
import io.baton.engine.PrefillListener;
import io.baton.engine.PrefillWork;
import io.baton.engine.Sequence;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/**
 * A sequence of a {@link LlamaEngine}. Checks what callers give and turns it into commands; the fields below the line are
 * the engine thread's.
 *
 * <p><em>Thread-safety:</em> public methods are safe from any thread.
 */
final class LlamaSequence implements Sequence {
    final int id;
    private final int cells;
    private final EngineLoop loop;
    private final AtomicBoolean prefillAsked = new AtomicBoolean();
    private final AtomicBoolean decodeAsked = new AtomicBoolean();
    private final AtomicBoolean releaseAsked = new AtomicBoolean();
    private final AtomicBoolean resumeAsked = new AtomicBoolean();
    final CompletableFuture<Void> released = new CompletableFuture<>();
    private volatile int length;

    // ---- engine thread only
    @Nullable
    PrefillJob prefill;

    @Nullable
    DecodeJob decode;

    int pendingImports;
    /** Whether a prefill or generation has begun, after which nothing more can be imported. */
    boolean computing;
    /** Why the cache of this sequence is not to be used any more. */
    @Nullable
    BatonException broken;

    LlamaSequence(EngineLoop loop, int id, int cells) {
        this.loop = loop;
        this.id = id;
        this.cells = cells;
    }

    @Override
    public int cells() {
        return cells;
    }

    @Override
    public int length() {
        return length;
    }

    /** Engine thread only. */
    void length(int value) {
        length = value;
    }

    boolean isReleaseAsked() {
        return releaseAsked.get();
    }

    /** Whether a resume was asked for since the last call. */
    boolean takeResume() {
        return resumeAsked.getAndSet(false);
    }

    @Override
    public CompletableFuture<Void> importRows(int begin, int end, MemorySegment rows) {
        return transfer(begin, end, rows, true);
    }

    @Override
    public CompletableFuture<Void> exportRows(int begin, int end, MemorySegment target) {
        return transfer(begin, end, target, false);
    }

    private CompletableFuture<Void> transfer(int begin, int end, MemorySegment rows, boolean in) {
        BatonException refusal = checkTransfer(begin, end, rows, in);
        if (refusal != null) {
            return CompletableFuture.failedFuture(refusal);
        }
        return loop.submitTransfer(new Transfer(this, new KvRows.Block(begin, end, rows), in));
    }

    @Nullable
    private BatonException checkTransfer(int begin, int end, MemorySegment rows, boolean in) {
        if (releaseAsked.get()) {
            return new BatonException(ErrorCode.CANCELLED, "the sequence was released");
        }
        if (begin < 0 || end <= begin || end > cells) {
            return invalid(
                    "KV rows of the positions [" + begin + ", " + end + ") for a sequence of " + cells + " cells");
        }
        long bytes = loop.kvLayout().bytes(end - begin);
        if (in ? rows.byteSize() != bytes : rows.byteSize() < bytes) {
            return invalid("KV rows of " + (end - begin) + " tokens take " + bytes + " bytes, but there are "
                    + rows.byteSize());
        }
        if (!loop.mayAccess(rows)) {
            return invalid("memory of KV rows belongs to another thread; use an automatic, shared or global arena");
        }
        if (!in && rows.isReadOnly()) {
            return invalid("memory to export KV rows to is read-only");
        }
        return null;
    }

    @Override
    public void prefill(PrefillWork work, PrefillListener listener) {
        once(prefillAsked, "prefill");
        loop.submit(new Command.StartPrefill(new PrefillJob(this, work, listener, check(work))));
    }

    @Override
    public void decode(DecodeWork work, DecodeListener listener) {
        once(decodeAsked, "decode");
        loop.submit(new Command.StartDecode(new DecodeJob(this, work, listener, check(work))));
    }

    private static void once(AtomicBoolean asked, String what) {
        if (!asked.compareAndSet(false, true)) {
            throw new BatonException(
                    ErrorCode.PROTOCOL_VIOLATION, "a sequence takes one " + what + "; open another one");
        }
    }

    @Nullable
    private BatonException check(PrefillWork work) {
        int n = work.tokens().length;
        if (n == 0) {
            return invalid("the prompt is empty; it needs at least one token");
        }
        if (work.blockSize() < 1) {
            return invalid("the block size is " + work.blockSize() + "; it must be positive");
        }
        Integer forced = work.forcedFirstToken();
        if (forced != null && (forced < 0 || forced >= loop.vocabulary())) {
            return invalid("the forced first token " + forced + " is not in the vocabulary");
        }
        return checkTokens(work.tokens(), work.promptTokens(), work.topLogprobs());
    }

    @Nullable
    private BatonException check(DecodeWork work) {
        if (work.history().length == 0) {
            return invalid("the history is empty; it needs at least one token");
        }
        return checkTokens(work.history(), work.promptTokens(), work.topLogprobs());
    }

    @Nullable
    private BatonException checkTokens(int[] tokens, int promptTokens, int topLogprobs) {
        if (tokens.length > cells) {
            return new BatonException(
                    ErrorCode.CONTEXT_LENGTH_EXCEEDED,
                    tokens.length + " tokens do not fit the " + cells + " cells set aside for the sequence");
        }
        if (promptTokens < 0 || promptTokens > tokens.length) {
            return invalid(promptTokens + " of " + tokens.length + " tokens cannot be the prompt");
        }
        if (topLogprobs < -1) {
            return invalid("top_logprobs is " + topLogprobs + "; it must be at least -1");
        }
        int vocabulary = loop.vocabulary();
        for (int i = 0; i < tokens.length; i++) {
            if (tokens[i] < 0 || tokens[i] >= vocabulary) {
                return invalid("token " + tokens[i] + " at position " + i + " is not in the vocabulary [0, "
                        + vocabulary + ")");
            }
        }
        return null;
    }

    private static BatonException invalid(String message) {
        return new BatonException(ErrorCode.INVALID_REQUEST, message);
    }

    @Override
    public void resume() {
        if (resumeAsked.compareAndSet(false, true)) {
            loop.submit(new Command.Signal(this));
        }
    }

    @Override
    public CompletableFuture<Void> release() {
        if (releaseAsked.compareAndSet(false, true)) {
            loop.submit(new Command.Signal(this));
        }
        return released.copy();
    }
}
