package io.baton.kv.transfer;

import static io.baton.kv.transfer.PullTest.assertRefused;
import static org.assertj.core.api.Assertions.assertThat;

import io.baton.error.ErrorCode;
import io.baton.kv.Layouts;
import io.baton.kv.v1.KvDescriptor;
import io.grpc.Status;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class BackPressureTest {
    private static final SenderConfig CONFIG = SenderConfig.defaults();

    @Test
    void shouldCostTheSenderLittleMemoryWhenAReaderIsSlow() throws Exception {
        try (Holder holder = Holder.large(32, 2, CONFIG)) {
            KvDescriptor slowBlock = holder.offer(0);
            KvDescriptor small = holder.offer(holder.lease, 1, 8);
            try (var slow = new RawPull(slowBlock);
                    KvPuller puller = holder.puller()) {
                // Given a reader that has taken one frame of 32 MiB
                int taken = slow.next().getRows().size();

                // When others are served meanwhile
                long others = 0;
                for (int i = 0; i < 50; i++) {
                    others += Await.value(puller.pull(small, Holder.target(small)))
                            .bytes();
                }

                // Then no more was copied out of the store than what the network and one frame hold
                long sent = holder.service.stats().sentBytes() - others;
                assertThat(sent)
                        .isLessThanOrEqualTo(taken + RawPull.WINDOW + CONFIG.readyBytes() + CONFIG.frameBytes());

                // When it goes on, then it gets everything
                slow.takeAll();
                assertThat(Await.value(slow.closed).isOk()).isTrue();
                long rest =
                        slow.frames.stream().mapToLong(f -> f.getRows().size()).sum();
                assertThat(taken + rest).isEqualTo(slowBlock.getSizeBytes());
            }
        }
    }

    @Test
    void shouldBreakOffAPullWhoseReceiverTakesNothing() throws Exception {
        var impatient = CONFIG.withPulls(1, Duration.ofMillis(50));
        try (Holder holder = Holder.large(32, 1, impatient);
                var stalled = new RawPull(holder.offer(0))) {
            stalled.next();

            // The status waits behind the rows; the end is seen at the holder.
            Await.until(
                    "the holder gives the pull up",
                    () -> holder.service.stats().refused().containsKey(ErrorCode.DEADLINE_EXCEEDED));
            Await.until("the pull ends", () -> holder.service.stats().openPulls() == 0);
            Await.until("the read ends", () -> holder.leases.stats().openReads() == 0);
        }
    }

    @Test
    void shouldFreeWhatWasOnItsWayWhenTheReceiverGivesUp() throws Exception {
        try (Holder holder = Holder.large(32, 1, CONFIG);
                var slow = new RawPull(holder.offer(0))) {
            // Given rows that wait for a window
            slow.next();
            assertThat(holder.leases.stats().openReads()).isEqualTo(1);

            // When
            slow.cancel();

            // Then
            Await.until("the read ends", () -> holder.leases.stats().openReads() == 0);
            holder.lease.close();
            assertThat(holder.store.stats().pinnedBytes()).isZero();
        }
    }

    @Test
    void shouldFreeWhatWasOnItsWayWhenTheConnectionBreaks() throws Exception {
        try (Holder holder = Holder.large(32, 1, CONFIG)) {
            try (var slow = new RawPull(holder.offer(0))) {
                slow.next();
                assertThat(holder.leases.stats().openReads()).isEqualTo(1);
            }

            Await.until("the read ends", () -> holder.leases.stats().openReads() == 0);
            Await.until("the pull ends", () -> holder.service.stats().openPulls() == 0);
        }
    }

    @Test
    void shouldRefuseOnePullTooMany() throws Exception {
        var one = CONFIG.withPulls(1, CONFIG.stallTimeout());
        try (Holder holder = Holder.large(32, 1, one);
                KvPuller puller = holder.puller()) {
            // Given one that is being served
            KvDescriptor d = holder.offer(0);
            try (var slow = new RawPull(d)) {
                slow.next();

                // When / Then
                assertRefused(ErrorCode.QUEUE_FULL, puller.pull(d, Holder.target(d)));

                // When it ends, then there is room
                slow.cancel();
                Await.until("the pull ends", () -> holder.service.stats().openPulls() == 0);
            }
            Await.value(puller.pull(d, Holder.target(d)));
        }
    }

    @Test
    void shouldQueuePullsUpToABoundAndStartThemInOrder() throws Exception {
        // Given a receiver that pulls one at a time, lets two wait, and a holder that answers when it is told to
        var go = new CountDownLatch(1);
        try (var holder = new FakeHolder(Layouts.of(256), (rows, out) -> {
                    await(go);
                    out.onNext(FakeHolder.frame(rows, 0, rows.length));
                    out.onCompleted();
                });
                var puller = new KvPuller(Holder.config().withPulls(1, 2), Holder.RECEIVER, holder.layout)) {
            List<Integer> landed = new ArrayList<>();
            List<CompletableFuture<?>> pulls = new ArrayList<>();
            for (int i = 0; i < 3; i++) {
                int index = i;
                KvDescriptor d = holder.describe(i);
                pulls.add(puller.pull(d, Holder.target(d)).thenRun(() -> landed.add(index)));
            }

            // When / Then
            assertRefused(ErrorCode.QUEUE_FULL, puller.pull(holder.describe(3), Holder.target(holder.describe(3))));
            Await.until("the first is asked for", () -> holder.pulls.get() == 1);
            assertThat(puller.stats().openPulls()).isEqualTo(1);
            assertThat(puller.stats().queuedPulls()).isEqualTo(2);
            go.countDown();
            for (CompletableFuture<?> pull : pulls) {
                Await.value(pull);
            }
            assertThat(landed).containsExactly(0, 1, 2);
            assertThat(puller.stats().queuedPulls()).isZero();
        }
    }

    private static void await(CountDownLatch latch) {
        try {
            assertThat(latch.await(30, TimeUnit.SECONDS)).isTrue();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    @Test
    void shouldKeepConnectionsToAsManyHoldersAsAllowed() throws Exception {
        PullerConfig c = Holder.config();
        var two = new PullerConfig(
                c.maxConcurrentPulls(),
                c.maxQueuedPulls(),
                c.noProgressTimeout(),
                c.deadline(),
                c.flowControlWindow(),
                c.maxHttp2FrameBytes(),
                c.maxFrameBytes(),
                2,
                c.idleTimeout());
        List<Holder> holders = List.of(Holder.small(), Holder.small(), Holder.small());
        try (var puller = new KvPuller(two, Holder.RECEIVER, holders.get(0).layout)) {
            for (int round = 0; round < 2; round++) {
                for (Holder holder : holders) {
                    KvDescriptor d = holder.offer(round);
                    Await.value(puller.pull(d, Holder.target(d)));
                }
            }

            assertThat(puller.stats().channels()).isEqualTo(2);
            assertThat(puller.stats().pulledBlocks()).isEqualTo(6);
        } finally {
            for (Holder holder : holders) {
                holder.close();
            }
        }
    }

    @Test
    void shouldEndThePullOfALeaseThatIsClosed() throws Exception {
        try (Holder holder = Holder.large(32, 1, CONFIG);
                var slow = new RawPull(holder.offer(0))) {
            // Given
            slow.next();
            assertThat(holder.service.stats().openPulls()).isEqualTo(1);

            // When
            holder.lease.close();

            // Then no more is sent, and the receiver hears of it behind what was already on its way
            assertThat(holder.service.stats().openPulls()).isZero();
            slow.takeAll();
            assertThat(Await.value(slow.closed).getCode()).isEqualTo(Status.Code.NOT_FOUND);
            Await.value(holder.lease.drained());
            assertThat(holder.store.stats().pinnedBytes()).isZero();
        }
    }
}
