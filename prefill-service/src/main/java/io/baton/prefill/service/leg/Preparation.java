package io.baton.prefill.service.leg;

import io.baton.engine.Sequence;
import io.baton.error.BatonException;
import io.baton.worker.WorkerRuntime;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;

/**
 * What comes before a leg is accepted: tokenises its prompt, pins the cached blocks, and reserves cells for the rest.
 *
 * <p><em>Thread-safety:</em> every method may be called from any thread; none blocks.
 */
final class Preparation {
    /**
     * A prompt that can be computed.
     *
     * @param blocks with the cached blocks pinned; owned by whoever gets it
     * @param cells owned by whoever gets it
     */
    record Prepared(TokenizedPrompt prompt, LegBlocks blocks, Sequence cells) {}

    private record Found(TokenizedPrompt prompt, LegBlocks blocks) {}

    private final WorkerRuntime worker;
    private final Executor thread;

    /** Prepares on {@code thread}: tokenising a long prompt takes long. */
    Preparation(WorkerRuntime worker, Executor thread) {
        this.worker = worker;
        this.thread = thread;
    }

    /** Prepares a request; if that fails, nothing is held. */
    CompletableFuture<Prepared> prepare(LegRequest request) {
        return CompletableFuture.supplyAsync(() -> find(request), thread).thenCompose(this::open);
    }

    private Found find(LegRequest request) {
        long begin = System.nanoTime();
        var engine = worker.engine();
        int[] tokens = request.tokenize(engine.tokenizer(), engine.model());
        TokenizedPrompt prompt = request.tokenized(tokens, System.nanoTime() - begin, engine.limits());
        int blockSize = worker.identity().blockSize();
        return new Found(
                prompt,
                new LegBlocks(
                        worker.store(),
                        engine.kvLayout(),
                        blockSize,
                        prompt.length(),
                        worker.blockNames(request.tenant(), tokens),
                        prompt.reusableBlocks(blockSize)));
    }

    private CompletableFuture<Prepared> open(Found found) {
        return worker.engine().open(found.prompt.length()).handle((cells, failure) -> {
            if (failure != null) {
                found.blocks.close();
                throw BatonException.from(failure);
            }
            return new Prepared(found.prompt, found.blocks, cells);
        });
    }
}
