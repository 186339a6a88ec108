package io.baton.kv.transfer;

import static org.assertj.core.api.Assertions.assertThat;

import io.baton.kv.lease.Lease;
import io.baton.kv.lease.LeaseStats;
import io.baton.kv.store.BlockStoreStats;
import io.baton.kv.v1.KvDescriptor;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

class LeakTest {
    private static final int REQUESTS = 300;

    @Test
    void shouldHoldNothingAfterRequestsThatEndedInAnyWay() throws Exception {
        // Given
        var random = new SplittableRandom(11);
        try (Holder holder = Holder.large(1, 16, SenderConfig.defaults());
                KvPuller puller = holder.puller()) {
            List<CompletableFuture<Void>> drained = new ArrayList<>();

            // When
            for (int r = 0; r < REQUESTS; r++) {
                Lease lease = holder.leases.open("request-" + r, 1, "", Holder.RECEIVER);
                drained.add(lease.drained());
                List<KvDescriptor> blocks = new ArrayList<>();
                List<CompletableFuture<PulledBlock>> pulls = new ArrayList<>();
                for (int b = 0; b <= random.nextInt(3); b++) {
                    KvDescriptor d = holder.offer(lease, b, 1 + random.nextInt(256));
                    MemorySegment target = Holder.target(d);
                    blocks.add(d);
                    pulls.add(puller.pull(d, target));
                }
                switch (random.nextInt(4)) {
                    // All goes well.
                    case 0 -> {
                        for (CompletableFuture<PulledBlock> pull : pulls) {
                            Await.value(pull);
                        }
                        lease.seal();
                        Await.value(puller.acknowledge(blocks.toArray(KvDescriptor[]::new)));
                    }
                    // The receiver gives up.
                    case 1 -> {
                        pulls.forEach(p -> p.cancel(true));
                        lease.seal();
                        Await.value(puller.acknowledge(blocks.toArray(KvDescriptor[]::new)));
                    }
                    // The holder gives up.
                    case 2 -> lease.close();
                    // Both do.
                    default -> {
                        pulls.forEach(p -> p.cancel(true));
                        lease.close();
                    }
                }
                for (CompletableFuture<PulledBlock> pull : pulls) {
                    Await.until("the pull ends", pull::isDone);
                }
                Await.value(drained.getLast());
            }

            // Then
            BlockStoreStats store = holder.store.stats();
            assertThat(store.pinnedBytes()).isZero();
            assertThat(store.usedBytes()).as("tails are freed").isZero();
            assertThat(holder.leases.stats()).isEqualTo(new LeaseStats(1, 0, 0, 0));
            // A pull that was given up before it reached the holder may be refused there a moment later.
            Await.until("the pulls end", () -> holder.service.stats().openPulls() == 0);
            assertThat(puller.stats().openPulls()).isZero();
            assertThat(puller.stats().queuedPulls()).isZero();
            assertThat(puller.stats().channelUses()).isZero();
            assertThat(puller.stats().pulledBlocks()).isPositive();
            assertThat(puller.stats().cancelledPulls()).isPositive();
            assertThat(puller.stats().failed()).isNotEmpty();
        }
    }
}
