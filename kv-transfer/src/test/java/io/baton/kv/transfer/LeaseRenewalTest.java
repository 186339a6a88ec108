package io.baton.kv.transfer;

import static org.assertj.core.api.Assertions.assertThat;

import io.baton.kv.v1.KvDescriptor;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

/** Receivers renew by the real clock; the holder judges by one that the test moves. */
class LeaseRenewalTest {
    private static final Duration TIME = Duration.ofMillis(60);

    private final AtomicLong clock = new AtomicLong();

    private static void awaitRenewal(Holder holder) {
        long before = holder.leases.renewed();
        Await.until("a renewal", () -> holder.leases.renewed() > before + 1);
    }

    @Test
    void shouldKeepALeaseOpenForAsLongAsItsBlockIsWanted() throws Exception {
        try (Holder holder = Holder.small(TIME, clock::get);
                KvPuller puller = holder.puller()) {
            // Given: two blocks of one lease are wanted
            KvDescriptor first = holder.offer(0);
            KvDescriptor second = holder.offer(1);
            puller.hold(first);
            puller.hold(second);
            assertThat(puller.heldLeases()).isEqualTo(1);

            for (int i = 0; i < 3; i++) {
                // When
                awaitRenewal(holder);
                clock.addAndGet(TIME.toNanos() - 1);
                // Then
                assertThat(holder.leases.expire()).isZero();
            }
            Await.value(puller.pull(first, Holder.target(first)));

            // When one of them is given back, the lease is still wanted; then it is not
            puller.letGo(first);
            awaitRenewal(holder);
            puller.letGo(second);
            assertThat(puller.heldLeases()).isZero();
            // A renewal may be on its way still.
            Await.until("the end of the lease", () -> {
                clock.addAndGet(TIME.toNanos());
                return holder.leases.expire() == 1;
            });
        }
    }

    @Test
    void shouldGoOnWithTheOtherHoldersWhenOneIsGone() throws Exception {
        try (Holder gone = Holder.small(TIME, clock::get);
                Holder holder = Holder.small(TIME, clock::get);
                KvPuller puller = holder.puller()) {
            // Given
            puller.hold(gone.offer(0));
            puller.hold(holder.offer(0));
            awaitRenewal(gone);
            // When
            gone.server.shutdownNow();
            // Then
            awaitRenewal(holder);
            awaitRenewal(holder);
        }
    }
}
