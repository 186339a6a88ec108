package io.baton.engine.llamacpp;

import java.util.concurrent.CompletableFuture;

/**
 * An import or export that is under way.
 *
 * <p><em>Thread-safety:</em> made by any thread, then used by the engine thread only. The rows stay the caller's.
 */
final class Transfer implements Command {
    final LlamaSequence sequence;
    final KvRows.Block block;
    final boolean in;
    final CompletableFuture<Void> done = new CompletableFuture<>();
    /** Position up to which rows have been moved. */
    int at;

    Transfer(LlamaSequence sequence, KvRows.Block block, boolean in) {
        this.sequence = sequence;
        this.block = block;
        this.in = in;
        this.at = block.begin();
    }
}
