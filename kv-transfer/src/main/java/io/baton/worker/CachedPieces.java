package io.baton.worker;

import io.baton.kv.block.BlockName;
import io.baton.kv.store.BlockStore;
import io.baton.worker.v1.CacheReport;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Which pieces of prompts are in a worker's prefix cache, for the routers: a piece, known by the hash that the router sent with
 * the prompt, is there as long as the block in which it ends.
 *
 * <p>Keeps the last changes, numbered, so that whoever follows gets only what is new; who is too far behind gets everything.
 * Bounded: beyond the most pieces the oldest are forgotten, as if they had left the cache.
 *
 * <p><em>Thread-safety:</em> safe. Its lock may be taken under the store's, never the other way round.
 */
public final class CachedPieces {
    private final BlockStore store;
    private final int maxPieces;
    private final long[] changes;
    private final boolean[] additions;
    /** Block of each piece, the oldest piece first. */
    private final Map<Long, BlockName> blocks = new LinkedHashMap<>();

    private final Map<BlockName, List<Long>> pieces = new HashMap<>();
    private long sequence;

    /**
     * Pieces of the blocks of {@code store}.
     *
     * @param maxPieces most pieces that are known
     * @param maxChanges most changes that are kept for those who follow
     */
    public CachedPieces(BlockStore store, int maxPieces, int maxChanges) {
        this.store = store;
        this.maxPieces = maxPieces;
        this.changes = new long[maxChanges];
        this.additions = new boolean[maxChanges];
        store.onEviction(this::evicted);
    }

    /**
     * The blocks of a prompt were computed or pulled; those that are in the store make its pieces known.
     *
     * @param hashes hashes of the prompt's pieces, in order
     * @param names names of its full blocks, in order
     * @param tokens tokens of the prompt
     * @param blockSize tokens per block
     */
    public void hold(long[] hashes, List<BlockName> names, int tokens, int blockSize) {
        if (hashes.length == 0 || names.isEmpty()) {
            return;
        }
        int present = store.countLeading(names);
        add(hashes, names, present, tokens, blockSize);
        // A block may have been evicted while its pieces were added: its eviction then found none of them.
        int left = store.countLeading(names);
        for (int i = left; i < present; i++) {
            evicted(names.get(i));
        }
    }

    private synchronized void add(long[] hashes, List<BlockName> names, int present, int tokens, int blockSize) {
        for (int i = 0; i < hashes.length; i++) {
            int block = lastBlock(i, hashes.length, tokens, blockSize);
            if (block >= present) {
                return;
            }
            BlockName name = names.get(block);
            BlockName old = blocks.put(hashes[i], name);
            if (old == null) {
                change(hashes[i], true);
            } else if (old.equals(name)) {
                continue;
            } else {
                forget(old, hashes[i]);
            }
            pieces.computeIfAbsent(name, _ -> new ArrayList<>(4)).add(hashes[i]);
        }
        trim();
    }

    /** The block in which piece {@code i} ends. The piece that is begun at the prompt's end counts half. */
    static int lastBlock(int i, int count, int tokens, int blockSize) {
        double end = tokens * ((i + 1) / (count + 0.5));
        return (int) Math.ceil(end / blockSize) - 1;
    }

    private void trim() {
        Iterator<Map.Entry<Long, BlockName>> eldest = blocks.entrySet().iterator();
        while (blocks.size() > maxPieces) {
            Map.Entry<Long, BlockName> entry = eldest.next();
            eldest.remove();
            forget(entry.getValue(), entry.getKey());
            change(entry.getKey(), false);
        }
    }

    private void forget(BlockName block, Long piece) {
        List<Long> known = pieces.get(block);
        if (known != null) {
            known.remove(piece);
            if (known.isEmpty()) {
                pieces.remove(block);
            }
        }
    }

    private synchronized void evicted(BlockName block) {
        List<Long> gone = pieces.remove(block);
        if (gone != null) {
            for (Long piece : gone) {
                blocks.remove(piece);
                change(piece, false);
            }
        }
    }

    private void change(long piece, boolean added) {
        int at = (int) (sequence++ % changes.length);
        changes[at] = piece;
        additions[at] = added;
    }

    /** Number of the last change; 0 before the first. */
    public synchronized long sequence() {
        return sequence;
    }

    /**
     * What changed after a report, or everything.
     *
     * @param after number of the last change of that report; negative for none
     * @return null if nothing has changed
     */
    public synchronized @Nullable CacheReport report(long after) {
        if (after == sequence) {
            return null;
        }
        CacheReport.Builder report = CacheReport.newBuilder().setSequence(sequence);
        if (after < 0 || sequence - after > changes.length) {
            return report.setSnapshot(true).addAllAdded(blocks.keySet()).build();
        }
        report.setFollows(after);
        Map<Long, Boolean> net = new LinkedHashMap<>();
        for (long i = after; i < sequence; i++) {
            int at = (int) (i % changes.length);
            net.put(changes[at], additions[at]);
        }
        net.forEach((piece, added) -> {
            if (added) {
                report.addAdded(piece);
            } else {
                report.addRemoved(piece);
            }
        });
        return report.build();
    }
}
