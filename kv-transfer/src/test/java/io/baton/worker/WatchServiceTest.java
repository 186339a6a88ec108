package io.baton.worker;

import static org.assertj.core.api.Assertions.assertThat;

import io.baton.engine.KvLayout;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.worker.v1.WatchRequest;
import io.baton.worker.v1.WatchResponse;
import io.baton.worker.v1.WorkerCapacity;
import io.baton.worker.v1.WorkerLoad;
import io.baton.worker.v1.WorkerRole;
import io.baton.worker.v1.WorkerState;
import io.grpc.stub.ServerCallStreamObserver;
import java.time.Instant;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class WatchServiceTest {
    private static final WorkerIdentity IDENTITY = new WorkerIdentity(
            "prefill-1",
            WorkerRole.WORKER_ROLE_PREFILL,
            42,
            "127.0.0.1:1",
            "model",
            new KvLayout("ab".repeat(32), 0, 0, new int[] {8}, new int[] {8}, false),
            256,
            "simulated",
            Instant.EPOCH);
    private static final WorkerCapacity CAPACITY =
            WorkerCapacity.newBuilder().setCells(4096).build();

    private final ScheduledThreadPoolExecutor timer = new ScheduledThreadPoolExecutor(1);
    private final AtomicReference<WatchService.Snapshot> now = new AtomicReference<>(snapshot(0));
    private final WatchService service = new WatchService(IDENTITY.toProto(), CAPACITY, 2, now::get, null, timer);

    @AfterEach
    void close() {
        service.close();
        timer.shutdown();
    }

    private static WatchService.Snapshot snapshot(int running) {
        return new WatchService.Snapshot(
                WorkerLoad.newBuilder().setRunning(running).build(), WorkerState.WORKER_STATE_READY);
    }

    /** A call of which the test says whether it can be written to. */
    private static final class Call extends ServerCallStreamObserver<WatchResponse> {
        final BlockingQueue<WatchResponse> heard = new LinkedBlockingQueue<>();
        final CompletableFuture<@Nullable Throwable> ended = new CompletableFuture<>();
        volatile boolean ready = true;
        volatile @Nullable Runnable onCancel;

        WatchResponse next() throws InterruptedException {
            WatchResponse r = heard.poll(30, TimeUnit.SECONDS);
            if (r == null) {
                throw new AssertionError("nothing was heard for 30 s");
            }
            return r;
        }

        @Override
        public boolean isCancelled() {
            return false;
        }

        @Override
        public void setOnCancelHandler(Runnable handler) {
            onCancel = handler;
        }

        @Override
        public void setCompression(String compression) {}

        @Override
        public boolean isReady() {
            return ready;
        }

        @Override
        public void setOnReadyHandler(Runnable handler) {}

        @Override
        public void request(int count) {}

        @Override
        public void setMessageCompression(boolean enable) {}

        @Override
        public void disableAutoInboundFlowControl() {}

        @Override
        public void onNext(WatchResponse value) {
            heard.add(value);
        }

        @Override
        public void onError(Throwable t) {
            ended.complete(t);
        }

        @Override
        public void onCompleted() {
            ended.complete(null);
        }
    }

    private Call watch() {
        Call call = new Call();
        service.watch(WatchRequest.getDefaultInstance(), call);
        return call;
    }

    @Test
    void shouldTellEverythingAtOnce() throws Exception {
        WatchResponse first = watch().next();
        assertThat(first.getSequence()).isEqualTo(1);
        assertThat(first.getIdentity()).isEqualTo(IDENTITY.toProto());
        assertThat(first.getCapacity()).isEqualTo(CAPACITY);
        assertThat(first.getState()).isEqualTo(WorkerState.WORKER_STATE_READY);
    }

    @Test
    void shouldTellWhatNeverChangesOnlyOncePerStream() throws Exception {
        // Given
        Call call = watch();
        call.next();
        // When
        WatchResponse second = call.next();
        WatchResponse ofAnother = watch().next();
        // Then
        assertThat(second.hasIdentity()).isFalse();
        assertThat(second.hasCapacity()).isFalse();
        assertThat(second.hasLoad()).isTrue();
        assertThat(second.getState()).isEqualTo(WorkerState.WORKER_STATE_READY);
        assertThat(ofAnother.getIdentity()).isEqualTo(IDENTITY.toProto());
        assertThat(ofAnother.getCapacity()).isEqualTo(CAPACITY);
    }

    @Test
    void shouldTellAChange() throws Exception {
        // Given
        Call call = watch();
        call.next();

        // When
        now.set(snapshot(7));

        // Then
        WatchResponse r;
        do {
            r = call.next();
        } while (r.getLoad().getRunning() != 7);
        assertThat(r.getSequence()).isGreaterThan(1);
    }

    @Test
    void shouldTellWithoutAnyChangeToo() throws Exception {
        Call call = watch();
        assertThat(call.next().getSequence()).isEqualTo(1);
        assertThat(call.next().getSequence()).isEqualTo(2);
    }

    @Test
    void shouldQueueNothingForAWatcherThatDoesNotRead() throws Exception {
        // Given
        Call deaf = watch();
        deaf.next();
        deaf.ready = false;
        Call other = watch();
        other.next();

        // When another watcher hears of several changes
        for (int i = 1; i <= 3; i++) {
            now.set(snapshot(i));
            while (other.next().getLoad().getRunning() != i) {}
        }

        // Then
        assertThat(deaf.heard).isEmpty();
        deaf.ready = true;
        assertThat(deaf.next().getLoad().getRunning()).isEqualTo(3);
    }

    @Test
    void shouldRefuseMoreWatchersThanTheLimitUntilOneHasGone() throws Exception {
        // Given
        Call one = watch();
        one.next();
        watch().next();
        Throwable refusal = watch().ended.get(30, TimeUnit.SECONDS);
        assertThat(BatonException.from(java.util.Objects.requireNonNull(refusal))
                        .code())
                .isEqualTo(ErrorCode.QUEUE_FULL);

        // When
        java.util.Objects.requireNonNull(one.onCancel).run();

        // Then
        assertThat(service.watchers()).isEqualTo(1);
        assertThat(watch().next().getSequence()).isEqualTo(1);
    }

    @Test
    void shouldEndEveryStreamWhenTheWorkerGoes() throws Exception {
        // Given
        Call call = watch();
        call.next();

        // When
        service.close();

        // Then
        assertThat(call.ended.get(30, TimeUnit.SECONDS)).isNull();
    }
}
