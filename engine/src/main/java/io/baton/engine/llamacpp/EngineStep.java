package io.baton.engine.llamacpp;

import io.baton.engine.KvLayout;
import io.baton.engine.SampledToken;
import io.baton.engine.sampling.Sampler;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * One step: a batch with the next token of every generation and, in what is left of it, chunks of prompts, shared fairly;
 * then the choice of tokens and the export of blocks that are complete.
 *
 * <p><em>Thread-safety:</em> none; belongs to the engine thread.
 */
final class EngineStep {
    private static final Logger LOG = Logger.getLogger(EngineStep.class);

    private final EngineLoop loop;
    private final LlamaContext context;
    private final LlamaBatch batch;
    private final KvRows rows;
    private final KvLayout layout;
    private final EngineCounters counters;
    private final Sampler sampler = new Sampler();
    private final int vocabulary;
    private final int batchTokens;
    private final int maxConcurrentPrefills;
    private int turn;

    EngineStep(
            EngineLoop loop,
            LlamaEngineConfig config,
            LlamaContext context,
            LlamaBatch batch,
            KvRows rows,
            KvLayout layout,
            EngineCounters counters,
            int vocabulary) {
        this.loop = loop;
        this.context = context;
        this.batch = batch;
        this.rows = rows;
        this.layout = layout;
        this.counters = counters;
        this.vocabulary = vocabulary;
        this.batchTokens = config.batchTokens();
        this.maxConcurrentPrefills = config.maxConcurrentPrefills();
    }

    /** Computes one batch; whether there was anything to compute. */
    boolean run(List<Job> jobs) {
        batch.clear();
        List<Job> chosen = new ArrayList<>();
        List<Job> chunked = new ArrayList<>();
        for (Job job : List.copyOf(jobs)) {
            if (!ready(job)) {
                continue;
            }
            if (job instanceof DecodeJob && job.wanted() - job.sequence.length() == 1) {
                put(job, job.wanted(), chosen);
            } else if (chunked.size() < maxConcurrentPrefills && mayRun(job)) {
                chunked.add(job);
            }
        }
        putChunks(chunked, chosen);
        if (chosen.isEmpty()) {
            return false;
        }
        compute(chosen);
        return true;
    }

    /** Whether a job can take part, apart from a pause; fails it if its sequence is not as it must be. */
    private boolean ready(Job job) {
        LlamaSequence s = job.sequence;
        if (s.isReleaseAsked() || s.pendingImports > 0) {
            return false;
        }
        if (job instanceof DecodeJob && s.prefill != null) {
            return false;
        }
        BatonException refusal = job.started ? null : refusal(job);
        if (refusal != null) {
            loop.failJob(job, refusal);
            return false;
        }
        return true;
    }

    @Nullable
    private static BatonException refusal(Job job) {
        LlamaSequence s = job.sequence;
        if (s.broken != null) {
            return s.broken;
        }
        return s.length() < job.wanted()
                ? null
                : new BatonException(
                        ErrorCode.INVALID_REQUEST,
                        "the cache holds " + s.length() + " of " + job.wanted()
                                + " tokens; the last one must be left to compute, for its logits");
    }

    private boolean mayRun(Job job) {
        if (!(job instanceof PrefillJob p)) {
            return true;
        }
        return guarded(p, () -> p.askAhead(p.sequence.length(), 1)) && p.mayRun(p.sequence.length());
    }

    /** Shares the step's prompt tokens; who comes first, and so gets what others leave, changes with every step. */
    private void putChunks(List<Job> chunked, List<Job> chosen) {
        int left = batchTokens;
        int count = chunked.size();
        for (int i = 0; i < count; i++) {
            Job job = chunked.get((i + turn) % count);
            int position = job.sequence.length();
            int share = Math.min(left, batch.room()) / (count - i);
            int end;
            if (share == 0) {
                continue;
            } else if (job instanceof PrefillJob p) {
                if (!guarded(p, () -> p.askAhead(position, share))) {
                    continue;
                }
                end = p.nextChunkEnd(position, share);
            } else {
                end = Math.min(job.wanted(), position + share);
            }
            left -= end - position;
            put(job, end, chosen);
        }
        turn = turn == Integer.MAX_VALUE ? 0 : turn + 1;
    }

    private void put(Job job, int end, List<Job> chosen) {
        if (!job.started && !guarded(job, () -> tellStarted(job))) {
            return;
        }
        int position = job.sequence.length();
        job.chunkEnd = end;
        job.output = -1;
        for (int p = position; p < end; p++) {
            boolean last = p + 1 == job.wanted();
            int index = batch.add(job.token(p), p, job.sequence.id, last);
            if (last) {
                job.output = index;
            }
        }
        chosen.add(job);
    }

    private static void tellStarted(Job job) {
        job.started = true;
        job.sequence.computing = true;
        switch (job) {
            case PrefillJob p -> {
                // A block that was partly there is told when it is complete.
                p.toldEnd = p.blockBegin(p.sequence.length());
                p.listener.onStarted();
            }
            case DecodeJob d -> d.listener.onStarted(Math.max(0, d.work.promptTokens() - d.sequence.length()));
        }
    }

    private void compute(List<Job> chosen) {
        int result = context.decode(batch);
        if (result == 1) {
            // The ledger should have kept this from happening. The cache is as it was before.
            BatonException full = new BatonException(
                    ErrorCode.KV_FULL,
                    "libllama found no room for a batch of " + batch.size() + " tokens; retry later");
            chosen.forEach(job -> loop.failJob(job, full));
            return;
        }
        if (result != 0) {
            throw new BatonException(
                    ErrorCode.ENGINE_FAILED,
                    "libllama failed to compute a batch of " + batch.size() + " tokens (code " + result + ")");
        }
        counters.steps.incrementAndGet();
        for (Job job : chosen) {
            account(job);
        }
        // Generations first: their clients wait for the next token.
        for (Job job : chosen) {
            if (job instanceof DecodeJob d && d.output >= 0) {
                guarded(d, () -> chooseNext(d));
            }
        }
        for (Job job : chosen) {
            if (job instanceof PrefillJob p) {
                guarded(p, () -> tellBlocks(p));
            }
        }
    }

    private void account(Job job) {
        LlamaSequence s = job.sequence;
        int begin = s.length();
        int tokens = job.chunkEnd - begin;
        s.length(job.chunkEnd);
        counters.usedCells.addAndGet(tokens);
        switch (job) {
            case PrefillJob p -> {
                p.computed += tokens;
                counters.promptTokensComputed.addAndGet(tokens);
            }
            case DecodeJob d ->
                counters.decodePromptTokensComputed.addAndGet(
                        Math.clamp((long) d.work.promptTokens() - begin, 0, tokens));
        }
    }

    private void chooseNext(DecodeJob d) {
        if (d.sequence.isReleaseAsked()) {
            return;
        }
        SampledToken token = checked(sampler.sample(
                context.logits(d.output),
                vocabulary,
                d.work.sampling(),
                d.history,
                d.historyLength,
                d.work.promptTokens(),
                d.work.topLogprobs()));
        d.append(token.id());
        counters.tokensGenerated.incrementAndGet();
        boolean more = d.listener.onToken(token);
        if (!more) {
            loop.finish(d);
        } else if (d.historyLength > d.sequence.cells()) {
            loop.finish(d);
            if (!d.sequence.isReleaseAsked()) {
                d.listener.onCellsUsedUp();
            }
        }
    }

    private SampledToken checked(SampledToken token) {
        if (token.id() < 0 || token.id() >= vocabulary) {
            throw new BatonException(
                    ErrorCode.INTERNAL, "token " + token.id() + " was chosen from a vocabulary of " + vocabulary);
        }
        return token;
    }

    private void tellBlocks(PrefillJob p) {
        if (p.output >= 0 && !p.sequence.isReleaseAsked()) {
            SampledToken token = chooseFirst(p);
            counters.tokensGenerated.incrementAndGet();
            p.listener.onFirstToken(token);
        }
        int length = p.sequence.length();
        while (p.toldEnd < length && p.blockEnd(p.toldEnd) <= length && !p.sequence.isReleaseAsked()) {
            int begin = p.toldEnd;
            int end = p.blockEnd(begin);
            p.toldEnd = end;
            MemorySegment target = p.listener.rowsTarget(begin, end);
            if (target != null) {
                exportBlock(p, begin, end, target);
                if (!p.sequence.isReleaseAsked()) {
                    p.listener.onBlock(begin, end, target);
                }
            }
        }
        if (!p.sequence.isReleaseAsked()) {
            p.listener.onChunk();
        }
        if (p.output >= 0 && !p.sequence.isReleaseAsked()) {
            loop.finish(p);
            p.listener.onFinished(p.computed);
        }
    }

    private SampledToken chooseFirst(PrefillJob p) {
        MemorySegment logits = context.logits(p.output);
        int n = p.work.tokens().length;
        Integer forced = p.work.forcedFirstToken();
        return forced != null
                ? sampler.forced(logits, vocabulary, forced, n, p.work.topLogprobs())
                : checked(sampler.sample(
                        logits,
                        vocabulary,
                        p.work.sampling(),
                        p.work.tokens(),
                        n,
                        p.work.promptTokens(),
                        p.work.topLogprobs()));
    }

    private void exportBlock(PrefillJob p, int begin, int end, MemorySegment target) {
        long bytes = layout.bytes(end - begin);
        if (target.byteSize() < bytes || target.isReadOnly() || !loop.mayAccess(target)) {
            throw new BatonException(
                    ErrorCode.INTERNAL,
                    "the memory given for the KV block [" + begin + ", " + end
                            + ") is too small, read-only or belongs to another thread; " + bytes + " bytes are needed");
        }
        long begun = System.nanoTime();
        rows.exportBlock(p.sequence.id, new KvRows.Block(begin, end, target));
        counters.exportedBytes.addAndGet(bytes);
        counters.exportNanos.addAndGet(System.nanoTime() - begun);
    }

    /** Runs what may throw on behalf of one sequence; what it throws fails that sequence only. */
    private boolean guarded(Job job, Runnable action) {
        try {
            action.run();
            return !job.sequence.isReleaseAsked();
        } catch (BatonException e) {
            loop.failJob(job, e);
            return false;
        } catch (RuntimeException | Error e) {
            LOG.error("a sequence failed because its listener, or sampling for it, threw", e);
            loop.failJob(job, BatonException.from(e));
            return false;
        }
    }
}
