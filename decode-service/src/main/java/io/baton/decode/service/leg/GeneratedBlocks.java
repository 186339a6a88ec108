package io.baton.decode.service.leg;

import io.baton.engine.KvLayout;
import io.baton.engine.Sequence;
import io.baton.error.BatonException;
import io.baton.kv.block.BlockName;
import io.baton.kv.block.Checksums;
import io.baton.kv.store.BlockRef;
import io.baton.kv.store.BlockStore;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.function.BiFunction;
import org.jboss.logging.Logger;

/**
 * Keeps the full blocks that a generation completed, so that the next turn of a conversation finds them in the store.
 * Best effort: without room, or after a failure, the rest is left out.
 *
 * <p><em>Thread-safety:</em> every method may be called from any thread; none blocks.
 */
final class GeneratedBlocks {
    private static final Logger LOG = Logger.getLogger(GeneratedBlocks.class);

    private final BlockStore store;
    private final BiFunction<String, int[], List<BlockName>> names;
    private final KvLayout layout;
    private final int blockSize;
    private final Executor thread;

    /**
     * Keeps blocks of {@code blockSize} tokens.
     *
     * @param names names of the full blocks of a tenant's tokens
     * @param thread where names and checksums are computed
     */
    GeneratedBlocks(
            BlockStore store,
            BiFunction<String, int[], List<BlockName>> names,
            KvLayout layout,
            int blockSize,
            Executor thread) {
        this.names = names;
        this.store = store;
        this.layout = layout;
        this.blockSize = blockSize;
        this.thread = thread;
    }

    /**
     * Exports the full blocks of {@code tokens} that end after {@code promptTokens}.
     *
     * @param tokens the tokens whose rows are in the cache of {@code sequence}, from position 0
     * @return completes, always normally, when the sequence is not needed for it any more
     */
    CompletableFuture<Void> keep(Sequence sequence, String tenant, int[] tokens, int promptTokens) {
        int first = promptTokens / blockSize;
        if (tokens.length / blockSize <= first) {
            return CompletableFuture.completedFuture(null);
        }
        return CompletableFuture.supplyAsync(() -> names.apply(tenant, tokens), thread)
                .thenCompose(named -> export(sequence, named, Math.max(first, store.countLeading(named))))
                .exceptionally(e -> {
                    LOG.debugf(e, "generated blocks were not kept");
                    return null;
                });
    }

    private CompletableFuture<Void> export(Sequence sequence, List<BlockName> named, int index) {
        if (index >= named.size()) {
            return CompletableFuture.completedFuture(null);
        }
        BlockRef room;
        try {
            room = store.allocate(named.get(index), layout.bytes(blockSize));
        } catch (BatonException e) {
            return CompletableFuture.failedFuture(e);
        }
        int begin = index * blockSize;
        return sequence.exportRows(begin, begin + blockSize, room.rows())
                .thenRunAsync(() -> room.publish(Checksums.crc32c(room.rows())), thread)
                .whenComplete((_, _) -> room.close())
                .thenCompose(_ -> export(sequence, named, index + 1));
    }
}
