package io.baton.kv.transfer;

import static io.baton.kv.transfer.PullTest.assertRefused;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.baton.error.ErrorCode;
import io.baton.kv.Layouts;
import io.baton.kv.v1.KvDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class CancellationTest {
    @Test
    void shouldReachTheHolderInTheMiddleOfABlock() throws Exception {
        // Given a holder that has sent half
        var half = new CountDownLatch(1);
        var cancelled = new CountDownLatch(1);
        try (var holder = new FakeHolder(Layouts.of(256), (rows, out) -> {
                    out.setOnCancelHandler(cancelled::countDown);
                    out.onNext(FakeHolder.frame(rows, 0, rows.length / 2));
                    half.countDown();
                });
                var puller = new KvPuller(Holder.config(), Holder.RECEIVER, holder.layout)) {
            KvDescriptor d = holder.describe(0);
            CompletableFuture<PulledBlock> pull = puller.pull(d, Holder.target(d));
            assertThat(half.await(30, TimeUnit.SECONDS)).isTrue();

            // When
            assertThat(pull.cancel(true)).isTrue();
            assertThat(pull.cancel(true)).isFalse();

            // Then
            assertThat(pull).isCancelled();
            assertThat(cancelled.await(30, TimeUnit.SECONDS)).isTrue();
            assertThat(puller.stats().openPulls()).isZero();
            assertThat(puller.stats().cancelledPulls()).isEqualTo(1);
            assertThat(puller.stats().failed()).isEmpty();
        }
    }

    @Test
    void shouldEndTheReadAtTheHolder() throws Exception {
        try (Holder holder = Holder.large(32, 1, SenderConfig.defaults());
                var pull = new RawPull(holder.offer(0))) {
            // Given a block that is on its way, and whose lease has ended otherwise
            pull.next();
            assertThat(holder.leases.stats().openReads()).isEqualTo(1);

            // When
            pull.cancel();

            // Then
            Await.until("the read ends", () -> holder.leases.stats().openReads() == 0);
            Await.until("the pull ends", () -> holder.service.stats().openPulls() == 0);
            assertThat(holder.service.stats().cancelledPulls()).isEqualTo(1);
            holder.lease.close();
            assertThat(holder.store.stats().pinnedBytes()).isZero();
        }
    }

    @Test
    void shouldTakeAWaitingPullOutOfTheQueue() throws Exception {
        try (var holder = new FakeHolder(Layouts.of(256), (_, _) -> {});
                var puller = new KvPuller(Holder.config().withPulls(1, 1), Holder.RECEIVER, holder.layout)) {
            // Given
            KvDescriptor d = holder.describe(0);
            CompletableFuture<PulledBlock> open = puller.pull(d, Holder.target(d));
            CompletableFuture<PulledBlock> waiting = puller.pull(d, Holder.target(d));

            Await.until("the first one is asked for", () -> holder.pulls.get() == 1);

            // When
            waiting.cancel(true);
            assertThat(puller.stats().queuedPulls()).isZero();
            CompletableFuture<PulledBlock> next = puller.pull(d, Holder.target(d));
            open.cancel(true);

            // Then the next is asked for, the cancelled one never was
            Await.until("the next one is asked for", () -> holder.pulls.get() == 2);
            next.cancel(true);
        }
    }

    @Test
    void shouldFailAllPullsWhenThePullerIsClosed() throws Exception {
        try (var holder = new FakeHolder(Layouts.of(256), (_, _) -> {})) {
            var puller = new KvPuller(Holder.config().withPulls(1, 5), Holder.RECEIVER, holder.layout);
            KvDescriptor d = holder.describe(0);
            List<CompletableFuture<PulledBlock>> pulls = new ArrayList<>();
            for (int i = 0; i < 3; i++) {
                pulls.add(puller.pull(d, Holder.target(d)));
            }

            puller.close();
            puller.close();

            for (CompletableFuture<PulledBlock> pull : pulls) {
                assertRefused(ErrorCode.CANCELLED, pull);
            }
            assertRefused(ErrorCode.CANCELLED, puller.pull(d, Holder.target(d)));
            assertThat(puller.stats().openPulls()).isZero();
        }
    }

    @Test
    void shouldLetNobodyInventAnOutcomeAndGoOnWriting() throws Exception {
        // Given a pull whose second half is still to come
        var half = new CountDownLatch(1);
        var rest = new CompletableFuture<Runnable>();
        var ended = new CountDownLatch(1);
        try (var holder = new FakeHolder(Layouts.of(256), (rows, out) -> {
                    out.setOnCancelHandler(ended::countDown);
                    out.onNext(FakeHolder.frame(rows, 0, rows.length / 2));
                    rest.complete(() -> out.onNext(FakeHolder.frame(rows, rows.length / 2, rows.length)));
                    half.countDown();
                });
                var puller = new KvPuller(Holder.config(), Holder.RECEIVER, holder.layout)) {
            KvDescriptor d = holder.describe(0);
            MemorySegment target = Holder.target(d);
            CompletableFuture<PulledBlock> pull = puller.pull(d, target);
            assertThat(half.await(30, TimeUnit.SECONDS)).isTrue();

            // When the future is completed from outside, and then the rest is sent
            pull.completeExceptionally(new IllegalStateException("outside"));
            target.fill((byte) 0x5a);
            assertThat(ended.await(30, TimeUnit.SECONDS)).isTrue();
            Await.value(rest).run();

            // Then
            assertThat(target.toArray(ValueLayout.JAVA_BYTE)).containsOnly(0x5a);
            assertThatThrownBy(() -> pull.obtrudeValue(new PulledBlock(1, 1))).hasMessageContaining("final");
        }
    }

    @Test
    void shouldNeverTouchTheTargetOnceTheFutureIsComplete() throws Exception {
        try (Holder holder = Holder.large(1, 8, SenderConfig.defaults());
                KvPuller puller = holder.puller()) {
            // Given
            List<KvDescriptor> blocks = new ArrayList<>();
            for (int i = 0; i < 8; i++) {
                blocks.add(holder.offer(i));
            }
            var random = new SplittableRandom(7);
            MemorySegment[] targets = new MemorySegment[8];
            MemorySegment[] rows = new MemorySegment[8];
            for (int i = 0; i < 8; i++) {
                targets[i] = Holder.target(blocks.get(i));
                rows[i] = Holder.rows(blocks.get(i));
            }
            MemorySegment others = Holder.target(blocks.get(0));
            int cancelled = 0;

            // When pulls are cancelled at any moment and their memory gets another owner at once
            for (int round = 0; round < 60; round++) {
                List<CompletableFuture<PulledBlock>> pulls = new ArrayList<>();
                for (int i = 0; i < 8; i++) {
                    pulls.add(puller.pull(blocks.get(i), targets[i]));
                }
                long frames = holder.service.stats().sentFrames() + random.nextInt(20);
                Await.until("some frames", () -> holder.service.stats().sentFrames() >= frames);
                for (int i = 0; i < 8; i++) {
                    CompletableFuture<PulledBlock> pull = pulls.get(i);
                    if (pull.cancel(true)) {
                        cancelled++;
                    } else {
                        assertThat(targets[i].mismatch(Holder.rows(blocks.get(i))))
                                .isEqualTo(-1);
                    }
                    targets[i].fill((byte) round);
                }
                Await.until(
                        "the holder has heard of it",
                        () -> holder.service.stats().openPulls() == 0);

                // Then
                others.fill((byte) round);
                for (MemorySegment target : targets) {
                    assertThat(target.mismatch(others)).isEqualTo(-1);
                }
            }
            assertThat(cancelled).isPositive();
            Await.until("the reads end", () -> holder.leases.stats().openReads() == 0);
            holder.lease.close();
            // A cancelled pull may have begun to read since; it gives its pin back when the network has done with the
            // rows.
            Await.until("nothing is pinned", () -> holder.store.stats().pinnedBytes() == 0);
        }
    }
}
