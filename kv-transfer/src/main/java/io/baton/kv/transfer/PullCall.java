package io.baton.kv.transfer;

import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.kv.block.Checksums;
import io.baton.kv.block.HolderAddress;
import io.baton.kv.v1.KvDescriptor;
import io.baton.kv.v1.PullRequest;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.Metadata;
import io.grpc.Status;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * One pull at the receiver. It is its own future, because completing it, in whatever way, must first stop it from
 * writing: when the future is complete nothing touches the target any more, so the caller may free or reuse it.
 *
 * <p><em>Thread-safety:</em> safe; one lock guards the target and the state.
 */
final class PullCall extends CompletableFuture<PulledBlock> {
    private final KvPuller puller;
    private final KvDescriptor descriptor;
    private final HolderAddress holder;
    private final MemorySegment target;

    private final ReentrantLock lock = new ReentrantLock();
    private final java.util.zip.CRC32C crc = new java.util.zip.CRC32C();
    private @Nullable ClientCall<PullRequest, InputStream> call;
    private @Nullable Future<?> supervision;
    private boolean sealed;
    private long received;
    private long receivedAtLastCheck = -1;
    private long startNanos;

    PullCall(KvPuller puller, KvDescriptor descriptor, HolderAddress holder, MemorySegment target) {
        this.puller = puller;
        this.descriptor = descriptor;
        this.holder = holder;
        this.target = target;
    }

    HolderAddress holder() {
        return holder;
    }

    /** Sends the request. Does nothing if the pull was given up while it waited. */
    void start(Channel channel, PullerConfig config, java.util.concurrent.ScheduledExecutorService timer) {
        lock.lock();
        try {
            if (sealed) {
                return;
            }
            startNanos = System.nanoTime();
            ClientCall<PullRequest, InputStream> c = channel.newCall(
                    RowFrames.RECEIVER_METHOD,
                    CallOptions.DEFAULT.withDeadlineAfter(config.deadline().toNanos(), TimeUnit.NANOSECONDS));
            call = c;
            long period = config.noProgressTimeout().toNanos();
            supervision = timer.scheduleAtFixedRate(() -> checkProgress(config), period, period, TimeUnit.NANOSECONDS);
            c.start(new Listener(), new Metadata());
            // One more than what is being handled, so that the next frame is there when this one is done.
            c.request(2);
            c.sendMessage(PullRequest.newBuilder()
                    .setBlock(descriptor)
                    .setReceiver(descriptor.getReceiver())
                    .build());
            c.halfClose();
        } finally {
            lock.unlock();
        }
    }

    private final class Listener extends ClientCall.Listener<InputStream> {
        @Override
        public void onMessage(InputStream frame) {
            take(frame);
        }

        @Override
        public void onClose(Status status, Metadata trailers) {
            lock.lock();
            try {
                // It is over; cancelling it as well would cost an exception and a frame on the wire.
                call = null;
            } finally {
                lock.unlock();
            }
            finish(status, trailers);
        }
    }

    private void take(InputStream frame) {
        BatonException error;
        lock.lock();
        try {
            ClientCall<PullRequest, InputStream> c = call;
            if (sealed || c == null) {
                return;
            }
            int n = RowFrames.read(frame, target, received);
            // While the frame is still in the CPU's cache; over what landed, not over what came.
            Checksums.update(crc, target.asSlice(received, n));
            received += n;
            c.request(1);
            return;
        } catch (BatonException e) {
            error = e;
        } finally {
            lock.unlock();
        }
        completeExceptionally(new BatonException(error.code(), where() + error.getMessage(), error));
    }

    private void finish(Status status, Metadata trailers) {
        if (!status.isOk()) {
            completeExceptionally(failure(status, trailers));
            return;
        }
        long bytes;
        int sum;
        long nanos;
        lock.lock();
        try {
            bytes = received;
            sum = (int) crc.getValue();
            nanos = System.nanoTime() - startNanos;
        } finally {
            lock.unlock();
        }
        if (bytes != target.byteSize()) {
            completeExceptionally(new BatonException(
                    ErrorCode.BLOCK_CORRUPT,
                    where() + "the stream ended after " + bytes + " of " + target.byteSize() + " bytes"));
        } else if (sum != descriptor.getCrc32C()) {
            completeExceptionally(new BatonException(
                    ErrorCode.BLOCK_CORRUPT,
                    where() + "CRC32C of what arrived is " + Integer.toHexString(sum) + ", described was "
                            + Integer.toHexString(descriptor.getCrc32C())));
        } else {
            complete(new PulledBlock(bytes, nanos));
        }
    }

    private BatonException failure(Status status, Metadata trailers) {
        BatonException sent = BatonException.from(status.asRuntimeException(trailers));
        // What the holder says by name stands; anything else (a lost connection, a limit of gRPC) is a failed pull.
        ErrorCode code = trailers.containsKey(BatonException.CODE_KEY) ? sent.code() : ErrorCode.PULL_FAILED;
        return new BatonException(code, where() + sent.getMessage(), sent);
    }

    private void checkProgress(PullerConfig config) {
        boolean stuck;
        lock.lock();
        try {
            stuck = received == receivedAtLastCheck || (receivedAtLastCheck < 0 && received == 0);
            receivedAtLastCheck = received;
        } finally {
            lock.unlock();
        }
        if (stuck) {
            puller.suspect(holder);
            completeExceptionally(new BatonException(
                    ErrorCode.PULL_FAILED,
                    where() + "nothing was received for no-progress-timeout, " + config.noProgressTimeout()
                            + "; the holder hangs or is out of reach"));
        }
    }

    private String where() {
        return "pull of KV block " + descriptor.getBlockIndex() + " of request " + descriptor.getRequestId() + " from "
                + holder + ": ";
    }

    /** Stops writing and gives the call up; false if that was done before. */
    private boolean seal() {
        ClientCall<PullRequest, InputStream> c;
        lock.lock();
        try {
            if (sealed) {
                return false;
            }
            sealed = true;
            c = call;
            if (supervision != null) {
                supervision.cancel(false);
            }
        } finally {
            lock.unlock();
        }
        if (c != null) {
            c.cancel("the pull is over", null);
        }
        return true;
    }

    @Override
    public boolean complete(PulledBlock block) {
        if (!seal()) {
            return false;
        }
        puller.ended(this, block, null);
        return super.complete(block);
    }

    @Override
    public boolean completeExceptionally(Throwable cause) {
        if (!seal()) {
            return false;
        }
        puller.ended(this, null, cause);
        return super.completeExceptionally(cause);
    }

    /** Breaks the pull off. Only this future does so, not one derived from it. */
    @Override
    public boolean cancel(boolean mayInterruptIfRunning) {
        if (!seal()) {
            return false;
        }
        puller.ended(this, null, null);
        return super.cancel(mayInterruptIfRunning);
    }

    @Override
    public void obtrudeValue(PulledBlock block) {
        throw new UnsupportedOperationException("the outcome of a pull is final");
    }

    @Override
    public void obtrudeException(Throwable cause) {
        throw new UnsupportedOperationException("the outcome of a pull is final");
    }

    @Override
    public CompletableFuture<PulledBlock> completeAsync(
            java.util.function.Supplier<? extends PulledBlock> supplier, Executor executor) {
        throw new UnsupportedOperationException("only its holder's bytes complete a pull");
    }
}
