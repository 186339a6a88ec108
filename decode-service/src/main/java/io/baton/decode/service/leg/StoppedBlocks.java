package io.baton.decode.service.leg;

import io.baton.engine.KvLayout;
import io.baton.engine.Sequence;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.kv.block.BlockName;
import io.baton.kv.block.Checksums;
import io.baton.kv.lease.Lease;
import io.baton.kv.store.BlockRef;
import io.baton.kv.v1.KvDescriptor;
import io.baton.worker.WorkerRuntime;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Holds the KV cache of a stream ready that another worker takes over: block by block, under a lease. Blocks that are in the
 * store already, mostly those of the prompt, are not exported again.
 *
 * <p><em>Thread-safety:</em> every method may be called from any thread; none blocks.
 */
final class StoppedBlocks {
    private static final long STORE_RETRY_MILLIS = 10;

    private final WorkerRuntime worker;
    private final KvLayout layout;
    private final int blockSize;
    private final Executor thread;

    /** Blocks of {@code worker}'s streams; names and checksums are computed on {@code thread}. */
    StoppedBlocks(WorkerRuntime worker, Executor thread) {
        this.worker = worker;
        this.layout = worker.engine().kvLayout();
        this.blockSize = worker.identity().blockSize();
        this.thread = thread;
    }

    /**
     * Holds the rows of {@code tokens} ready, from position 0, and seals the lease.
     *
     * @param sequence whose cache has the rows; it must stay until the future is complete, or its release fails it
     * @param described is told every block, in order and together with those that are ready with it, without a lock
     * @return fails with {@code CANCELLED} if the lease was closed meanwhile, or the sequence released
     */
    CompletableFuture<Void> hold(Sequence sequence, int[] tokens, Lease lease, Consumer<List<KvDescriptor>> described) {
        return CompletableFuture.supplyAsync(() -> worker.names(lease.tenant(), tokens), thread)
                .thenComposeAsync(names -> new Holding(sequence, tokens, lease, described, names).from(0), thread);
    }

    /** One stream's blocks. */
    private final class Holding {
        private final Sequence sequence;
        private final int[] tokens;
        private final Lease lease;
        private final Consumer<List<KvDescriptor>> described;
        private final List<BlockName> names;
        /** Blocks that are ready and were not told; only on the thread. */
        private final List<KvDescriptor> ready = new ArrayList<>();

        Holding(
                Sequence sequence,
                int[] tokens,
                Lease lease,
                Consumer<List<KvDescriptor>> described,
                List<BlockName> names) {
            this.sequence = sequence;
            this.tokens = tokens;
            this.lease = lease;
            this.described = described;
            this.names = names;
        }

        private CompletableFuture<Void> from(int first) {
            int index = first;
            while (index * blockSize < tokens.length) {
                BlockName name = index < names.size() ? names.get(index) : null;
                Optional<BlockRef> own =
                        name == null ? Optional.empty() : worker.store().find(name);
                if (own.isEmpty()) {
                    tellReady();
                    return export(index, name);
                }
                try (BlockRef ref = own.get()) {
                    describe(index, ref);
                }
                index++;
            }
            tellReady();
            lease.seal();
            return CompletableFuture.completedFuture(null);
        }

        private CompletableFuture<Void> export(int index, @Nullable BlockName name) {
            BlockRef room;
            try {
                room = worker.store().allocate(name, layout.bytes(end(index) - begin(index)));
            } catch (BatonException e) {
                // What is handed over already makes room when it has been pulled.
                return e.code() == ErrorCode.KV_FULL && !lease.drained().isDone()
                        ? later(index)
                        : CompletableFuture.failedFuture(e);
            }
            return sequence.exportRows(begin(index), end(index), room.rows())
                    .thenRunAsync(
                            () -> {
                                room.publish(Checksums.crc32c(room.rows()));
                                describe(index, room);
                            },
                            thread)
                    .whenComplete((_, _) -> room.close())
                    .thenComposeAsync(_ -> from(index + 1), thread);
        }

        private CompletableFuture<Void> later(int index) {
            CompletableFuture<Void> wait = new CompletableFuture<>();
            var _ = worker.timer().schedule(() -> wait.complete(null), STORE_RETRY_MILLIS, TimeUnit.MILLISECONDS);
            return wait.thenComposeAsync(_ -> from(index), thread);
        }

        private void describe(int index, BlockRef ref) {
            ready.add(lease.offer(index, begin(index), end(index), ref, layout));
        }

        /** Before anything that takes time: what is told may be pulled meanwhile, and makes room in the store. */
        private void tellReady() {
            if (!ready.isEmpty()) {
                described.accept(List.copyOf(ready));
                ready.clear();
            }
        }

        private int begin(int index) {
            return index * blockSize;
        }

        private int end(int index) {
            return Math.min(tokens.length, (index + 1) * blockSize);
        }
    }
}
