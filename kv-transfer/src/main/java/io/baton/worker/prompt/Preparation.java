package io.baton.worker.prompt;

import io.baton.engine.Sequence;
import io.baton.error.BatonException;
import io.baton.worker.WorkerRuntime;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.function.ToIntFunction;

/**
 * What comes before a leg is accepted: tokenises its prompt, pins the cached blocks, and reserves cells for the rest.
 *
 * <p><em>Thread-safety:</em> every method may be called from any thread; none blocks.
 */
public final class Preparation {
    /**
     * A prompt that can be computed.
     *
     * @param blocks with the cached blocks pinned; owned by whoever gets it
     * @param cells owned by whoever gets it
     */
    public record Prepared(TokenizedPrompt prompt, PromptBlocks blocks, Sequence cells) {}

    private record Found(TokenizedPrompt prompt, PromptBlocks blocks) {}

    private final WorkerRuntime worker;
    private final Executor thread;

    /** Prepares on {@code thread}: tokenising a long prompt takes long. */
    public Preparation(WorkerRuntime worker, Executor thread) {
        this.worker = worker;
        this.thread = thread;
    }

    /**
     * Prepares a request; if that fails, nothing is held.
     *
     * @param cells how many cells a prompt needs, its output included where that is computed here too
     */
    public CompletableFuture<Prepared> prepare(PromptRequest request, ToIntFunction<TokenizedPrompt> cells) {
        return CompletableFuture.supplyAsync(() -> find(request), thread)
                .thenCompose(found -> open(found, cells.applyAsInt(found.prompt)));
    }

    private Found find(PromptRequest request) {
        long begin = System.nanoTime();
        var engine = worker.engine();
        int[] tokens = request.tokenize(engine.tokenizer(), engine.model());
        TokenizedPrompt prompt = request.tokenized(tokens, System.nanoTime() - begin, engine.limits());
        int blockSize = worker.identity().blockSize();
        return new Found(
                prompt,
                new PromptBlocks(
                        worker.store(),
                        engine.kvLayout(),
                        blockSize,
                        prompt.length(),
                        worker.names(request.tenant(), tokens),
                        prompt.reusableBlocks(blockSize)));
    }

    private CompletableFuture<Prepared> open(Found found, int count) {
        return worker.engine().open(count).handle((cells, failure) -> {
            if (failure != null) {
                found.blocks.close();
                throw BatonException.from(failure);
            }
            return new Prepared(found.prompt, found.blocks, cells);
        });
    }
}
