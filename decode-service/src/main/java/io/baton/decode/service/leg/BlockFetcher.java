package io.baton.decode.service.leg;

import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.kv.block.BlockName;
import io.baton.kv.store.BlockRef;
import io.baton.kv.store.BlockStore;
import io.baton.kv.transfer.KvPuller;
import io.baton.kv.transfer.PulledBlock;
import io.baton.kv.v1.KvDescriptor;
import java.util.ArrayDeque;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Brings offered blocks into the store: first come, first served, a bounded number at a time. A block that waits holds no
 * memory; when the store is full of pinned blocks, the next one waits until some are given back.
 *
 * <p><em>Thread-safety:</em> {@link #fetch} may be called from any thread. Receivers are told on the fetcher's thread or on
 * a network thread, without a lock; what they are given is theirs to close.
 */
final class BlockFetcher implements AutoCloseable {
    private static final long STORE_RETRY_MILLIS = 5;

    /** Wants one block. */
    interface Receiver {
        /** Whether the block is still wanted. */
        boolean wanted();

        /** The pull has begun; cancelling the future breaks it off. */
        void pulling(CompletableFuture<?> pull);

        /** The block is in the store. {@code pulled} is null if it was there already. */
        void held(BlockRef block, @Nullable PulledBlock pulled);

        /** The block cannot be had. */
        void failed(Throwable cause);
    }

    private record Fetch(KvDescriptor descriptor, @Nullable BlockName name, Receiver receiver) {}

    private final BlockStore store;
    private final KvPuller puller;
    private final int maxConcurrent;
    private final int maxQueued;
    private final ScheduledExecutorService thread;
    private final ArrayDeque<Fetch> queue = new ArrayDeque<>();
    private int pulling;
    private boolean retrying;

    /**
     * A fetcher.
     *
     * @param maxConcurrent most pulls at once
     * @param maxQueued most blocks that wait; one more fails with {@code QUEUE_FULL}
     */
    BlockFetcher(BlockStore store, KvPuller puller, int maxConcurrent, int maxQueued) {
        this.store = store;
        this.puller = puller;
        this.maxConcurrent = maxConcurrent;
        this.maxQueued = maxQueued;
        this.thread = Executors.newSingleThreadScheduledExecutor(
                Thread.ofPlatform().name("baton-fetch").daemon().factory());
    }

    /** Gets the block that {@code descriptor}, already checked, stands for. */
    void fetch(KvDescriptor descriptor, @Nullable BlockName name, Receiver receiver) {
        thread.execute(() -> {
            if (queue.size() >= maxQueued) {
                receiver.failed(new BatonException(
                        ErrorCode.QUEUE_FULL,
                        queue.size() + " KV blocks wait to be pulled, as many as baton.kv.max-queued-pulls allows;"
                                + " retry later"));
                return;
            }
            queue.add(new Fetch(descriptor, name, receiver));
            startNext();
        });
    }

    private void startNext() {
        while (!queue.isEmpty()) {
            Fetch next = queue.element();
            if (!next.receiver.wanted()) {
                queue.remove();
                continue;
            }
            Optional<BlockRef> own = next.name == null ? Optional.empty() : store.find(next.name);
            if (own.isPresent()) {
                queue.remove();
                next.receiver.held(own.get(), null);
                continue;
            }
            if (pulling >= maxConcurrent) {
                return;
            }
            BlockRef target;
            try {
                target = store.allocate(next.name, next.descriptor.getSizeBytes());
            } catch (BatonException e) {
                if (e.code() == ErrorCode.KV_FULL) {
                    retryLater();
                    return;
                }
                queue.remove();
                next.receiver.failed(e);
                continue;
            }
            queue.remove();
            pulling++;
            pull(next, target);
        }
    }

    private void retryLater() {
        if (!retrying) {
            retrying = true;
            var _ = thread.schedule(
                    () -> {
                        retrying = false;
                        startNext();
                    },
                    STORE_RETRY_MILLIS,
                    TimeUnit.MILLISECONDS);
        }
    }

    private void pull(Fetch fetch, BlockRef target) {
        CompletableFuture<PulledBlock> pull;
        try {
            pull = puller.pull(fetch.descriptor, target.rows());
        } catch (RuntimeException e) {
            // The connection can break while the call is being made; whoever waits must hear of it all the same.
            pull = CompletableFuture.failedFuture(new BatonException(
                    ErrorCode.PULL_FAILED,
                    "the pull from " + fetch.descriptor.getHolderAddress() + " could not be begun: " + e.getMessage(),
                    e));
        }
        fetch.receiver.pulling(pull);
        var _ = pull.whenComplete((pulled, failure) -> {
            if (failure == null) {
                target.publish(fetch.descriptor.getCrc32C());
                fetch.receiver.held(target, pulled);
            } else {
                target.close();
                fetch.receiver.failed(failure);
            }
            thread.execute(() -> {
                pulling--;
                startNext();
            });
        });
    }

    /** Ends the thread; after the puller has ended. */
    @Override
    public void close() {
        thread.shutdown();
    }
}
