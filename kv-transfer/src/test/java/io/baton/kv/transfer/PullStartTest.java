package io.baton.kv.transfer;

import static io.baton.kv.transfer.PullTest.assertRefused;
import static org.assertj.core.api.Assertions.assertThat;

import io.baton.error.ErrorCode;
import io.baton.kv.Layouts;
import io.baton.kv.block.HolderAddress;
import io.baton.kv.v1.KvDescriptor;
import io.baton.kv.v1.PullResponse;
import io.baton.tls.ServiceTls;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Pulls that fail, or are given up, before their call is made. */
class PullStartTest {
    private static final int MANY = 20_000;

    @Test
    void shouldFailALongQueueOfPullsOneAfterTheOther() throws Exception {
        // Given a receiver with one connection at most, in use, and a long queue of pulls from another holder
        PullerConfig c = Holder.config();
        var one = new PullerConfig(
                2,
                MANY,
                c.noProgressTimeout(),
                c.deadline(),
                c.flowControlWindow(),
                c.maxHttp2FrameBytes(),
                c.maxFrameBytes(),
                1,
                c.idleTimeout());
        try (var holder = new FakeHolder(Layouts.of(256), (_, _) -> {});
                var puller = new KvPuller(one, Holder.RECEIVER, holder.layout)) {
            KvDescriptor d = holder.describe(0);
            KvDescriptor other = d.toBuilder().setHolderAddress("127.0.0.1:1").build();
            MemorySegment target = Holder.target(d);
            CompletableFuture<PulledBlock> first = puller.pull(d, target);
            CompletableFuture<PulledBlock> second = puller.pull(d, target);
            List<CompletableFuture<PulledBlock>> waiting = new ArrayList<>();
            for (int i = 0; i < MANY; i++) {
                waiting.add(puller.pull(other, target));
            }

            // When there is room for one
            second.cancel(true);

            // Then each of them has failed
            for (CompletableFuture<PulledBlock> pull : waiting) {
                assertThat(pull).isCompletedExceptionally();
            }
            assertRefused(ErrorCode.QUEUE_FULL, waiting.getLast());
            assertThat(puller.stats().failed()).containsEntry(ErrorCode.QUEUE_FULL, (long) MANY);
            assertThat(puller.stats().channelUses()).isEqualTo(1);
            first.cancel(true);
            assertThat(puller.stats().channelUses()).isZero();
        }
    }

    @Test
    void shouldUseNoConnectionForAPullThatWasGivenUpBeforeItsStart() {
        try (var pool = new ChannelPool(Holder.config(), ServiceTls.plaintext());
                var timer = new ScheduledThreadPoolExecutor(1);
                var holder = new FakeHolder(Layouts.of(256), (_, _) -> {});
                var puller = new KvPuller(Holder.config(), Holder.RECEIVER, holder.layout)) {
            // Given
            KvDescriptor d = holder.describe(0);
            var pull = new PullCall(puller, d, HolderAddress.parse(d.getHolderAddress()), Holder.target(d));
            pull.cancel(true);

            // When
            pull.start(pool, Holder.config(), timer);

            // Then
            assertThat(pool.uses()).isZero();
            assertThat(pool.size()).isZero();
            assertThat(timer.getQueue()).isEmpty();
        }
    }

    @Test
    void shouldFailWhenTheTimerHasEnded() throws Exception {
        try (var pool = new ChannelPool(Holder.config(), ServiceTls.plaintext());
                var timer = new ScheduledThreadPoolExecutor(1);
                var holder = new FakeHolder(Layouts.of(256), (_, _) -> {});
                var puller = new KvPuller(Holder.config(), Holder.RECEIVER, holder.layout)) {
            // Given
            KvDescriptor d = holder.describe(0);
            var pull = new PullCall(puller, d, HolderAddress.parse(d.getHolderAddress()), Holder.target(d));
            timer.shutdownNow();

            // When
            pull.start(pool, Holder.config(), timer);

            // Then
            assertRefused(ErrorCode.PULL_FAILED, pull);
            assertThat(pool.uses()).isZero();
            assertThat(holder.pulls).hasValue(0);
        }
    }

    @ParameterizedTest
    @EnumSource(BrokenChannel.At.class)
    void shouldFailAndLeaveTheTargetAloneWhenTheConnectionBreaksAtTheStart(BrokenChannel.At at) throws Exception {
        // Given
        var channel = new BrokenChannel(at);
        try (var holder = new FakeHolder(Layouts.of(256), (_, _) -> {});
                var puller = new KvPuller(
                        Holder.config().withPulls(1, 0),
                        Holder.RECEIVER,
                        holder.layout,
                        new ChannelPool(1, _ -> channel))) {
            KvDescriptor d = holder.describe(0);
            MemorySegment target = Holder.target(d);

            // When
            CompletableFuture<PulledBlock> pull = puller.pull(d, target);

            // Then
            assertRefused(ErrorCode.PULL_FAILED, pull);
            assertThat(puller.stats().openPulls()).isZero();
            assertThat(puller.stats().channelUses()).isZero();
            assertThat(puller.stats().failed()).containsOnlyKeys(ErrorCode.PULL_FAILED);
            if (at != BrokenChannel.At.NEW_CALL && at != BrokenChannel.At.CLOSED_WITHIN_START) {
                assertThat(channel.cancelled).isTrue();
            }

            // When the memory has another owner and a frame still comes
            target.fill((byte) 0x5a);
            byte[] rows = Holder.rows(d).toArray(ValueLayout.JAVA_BYTE);
            PullResponse frame = FakeHolder.frame(rows, 0, rows.length);
            channel.<InputStream>deliver(frame.toByteString().newInput());

            // Then
            assertThat(target.toArray(ValueLayout.JAVA_BYTE)).containsOnly(0x5a);
        }
    }

    @ParameterizedTest
    @EnumSource(BrokenChannel.At.class)
    void shouldFailAnAcknowledgementWhenTheConnectionBreaksAtItsStart(BrokenChannel.At at) {
        try (var holder = new FakeHolder(Layouts.of(256), (_, _) -> {});
                var puller = new KvPuller(
                        Holder.config(),
                        Holder.RECEIVER,
                        holder.layout,
                        new ChannelPool(1, _ -> new BrokenChannel(at)))) {
            CompletableFuture<Integer> acknowledged = puller.acknowledge(holder.describe(0));

            assertRefused(ErrorCode.WORKER_LOST, acknowledged);
            assertThat(puller.stats().channelUses()).isZero();
        }
    }
}
