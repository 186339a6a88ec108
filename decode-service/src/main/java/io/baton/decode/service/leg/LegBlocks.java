package io.baton.decode.service.leg;

import io.baton.decode.v1.DecodeFinished;
import io.baton.engine.KvLayout;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.kv.block.BlockName;
import io.baton.kv.block.Descriptors;
import io.baton.kv.store.BlockRef;
import io.baton.kv.store.BlockStore;
import io.baton.kv.transfer.PulledBlock;
import io.baton.kv.v1.KvDescriptor;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * What one leg holds and knows of its blocks beside how far they are: pins, descriptors, pulls under way, and the sums
 * that are reported at the end.
 *
 * <p><em>Thread-safety:</em> none; guarded by its leg. Owns every pin that it has not handed out.
 */
final class LegBlocks {
    private final ReserveRequest request;
    private final List<BlockName> names;
    private final @Nullable BlockRef[] held;
    private final @Nullable KvDescriptor[] descriptors;
    private final @Nullable CompletableFuture<?>[] pulls;
    private final boolean[] given;
    private int cached;
    private int blocksPulled;
    private int blocksReused;
    private int reusedTokens;
    private long bytesPulled;
    private long wireNanos;

    /** The blocks of a reservation; leading full blocks that are in the store are pinned. */
    LegBlocks(ReserveRequest request, List<BlockName> names, BlockStore store) {
        this.request = request;
        this.names = names;
        int n = request.blocks();
        this.held = new BlockRef[n];
        this.descriptors = new KvDescriptor[n];
        this.pulls = new CompletableFuture<?>[n];
        this.given = new boolean[n];
        for (int i = 0; i < names.size(); i++) {
            Optional<BlockRef> ref = store.find(names.get(i));
            if (ref.isEmpty()) {
                break;
            }
            hold(i, ref.get(), null);
            cached++;
        }
    }

    /** Leading blocks that were in the store. */
    int cachedBlocks() {
        return cached;
    }

    /** Names of the full blocks, in order. */
    List<BlockName> names() {
        return names;
    }

    /** Name of block {@code index}; null for a tail. */
    @Nullable
    BlockName name(int index) {
        return index < names.size() ? names.get(index) : null;
    }

    /** Takes a pin on block {@code index}; {@code pulled} is null if it was in the store already. */
    void hold(int index, BlockRef ref, @Nullable PulledBlock pulled) {
        held[index] = ref;
        pulls[index] = null;
        if (pulled == null) {
            blocksReused++;
            reusedTokens += request.end(index) - request.begin(index);
        } else {
            blocksPulled++;
            bytesPulled += pulled.bytes();
            wireNanos += pulled.nanos();
        }
    }

    /** Hands out the pin on block {@code index}. */
    BlockRef take(int index) {
        BlockRef ref = held[index];
        if (ref == null) {
            throw new IllegalStateException("block " + index + " is not held");
        }
        held[index] = null;
        return ref;
    }

    /**
     * Checks and keeps what a block is offered as; returns its index.
     *
     * @throws BatonException {@code TENANT_MISMATCH}, or as {@link Descriptors#check} says
     */
    int offered(KvDescriptor d, KvLayout layout, String receiver) {
        int index = d.getBlockIndex();
        if (index < 0 || index >= request.blocks()) {
            throw refused("block " + index + " of a prompt of " + request.blocks() + " blocks");
        }
        if (!d.getTenant().equals(request.tenant())) {
            throw new BatonException(ErrorCode.TENANT_MISMATCH, "KV descriptor refused: it is of another tenant");
        }
        if (!d.getRequestId().equals(request.requestId())) {
            throw refused("it is of another request");
        }
        Descriptors.check(d, layout, receiver, name(index), request.begin(index), request.end(index));
        descriptors[index] = d;
        return index;
    }

    private static BatonException refused(String why) {
        return new BatonException(ErrorCode.DESCRIPTOR_REFUSED, "KV descriptor refused: " + why);
    }

    /** What block {@code index} was offered as; null before. */
    @Nullable
    KvDescriptor descriptor(int index) {
        return descriptors[index];
    }

    /** The descriptor of block {@code index} if its holder is to be told now that it is not needed there any more. */
    @Nullable
    KvDescriptor giveBack(int index) {
        if (given[index]) {
            return null;
        }
        KvDescriptor d = descriptors[index];
        given[index] = d != null;
        return d;
    }

    /** The descriptors of blocks that were offered and not given back; none of them twice. */
    List<KvDescriptor> notGivenBack() {
        List<KvDescriptor> left = new ArrayList<>();
        for (int i = 0; i < descriptors.length; i++) {
            KvDescriptor d = descriptors[i];
            if (d != null && !given[i]) {
                given[i] = true;
                left.add(d);
            }
        }
        return left;
    }

    void pulling(int index, CompletableFuture<?> pull) {
        pulls[index] = pull;
    }

    /** The sums, for the last message. */
    DecodeFinished.Builder report() {
        return DecodeFinished.newBuilder()
                .setKvBytes(bytesPulled)
                .setBlocksPulled(blocksPulled)
                .setBlocksReused(blocksReused)
                .setCachedTokens(reusedTokens)
                .setWireUs(wireNanos / 1000);
    }

    /** Breaks off the pulls that are under way. Their futures complete on this thread. */
    void cancelPulls() {
        for (int i = 0; i < pulls.length; i++) {
            CompletableFuture<?> pull = pulls[i];
            pulls[i] = null;
            if (pull != null) {
                pull.cancel(true);
            }
        }
    }

    /** Gives up every pin that was not handed out, the last one first. */
    void close() {
        for (int i = held.length - 1; i >= 0; i--) {
            BlockRef ref = held[i];
            held[i] = null;
            if (ref != null) {
                ref.close();
            }
        }
    }
}
