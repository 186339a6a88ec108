package io.baton.kv.transfer;

import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.kv.block.Checksums;
import io.baton.kv.block.HolderAddress;
import io.baton.kv.v1.KvDescriptor;
import io.baton.kv.v1.PullRequest;
import io.grpc.CallOptions;
import io.grpc.ClientCall;
import io.grpc.Metadata;
import io.grpc.Status;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledExecutorService;
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
    private ChannelPool.@Nullable Use use;
    private @Nullable ClientCall<PullRequest, InputStream> call;
    private boolean started;
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

    /** Sends the request, or fails the pull. Does nothing if it was given up while it waited. */
    void start(ChannelPool channels, PullerConfig config, ScheduledExecutorService timer) {
        try {
            ClientCall<PullRequest, InputStream> c = open(channels, config, timer);
            if (c != null) {
                request(c);
            }
        } catch (BatonException e) {
            completeExceptionally(e);
        } catch (RuntimeException | Error e) {
            // The connection can break meanwhile, and network memory can run out; whoever waits must hear of it.
            completeExceptionally(
                    new BatonException(ErrorCode.PULL_FAILED, where() + "could not be begun: " + e.getMessage(), e));
        }
    }

    private @Nullable ClientCall<PullRequest, InputStream> open(
            ChannelPool channels, PullerConfig config, ScheduledExecutorService timer) {
        lock.lock();
        try {
            if (sealed) {
                return null;
            }
            // Within the lock: whoever seals the pull finds all that there is to give back.
            ChannelPool.Use u = channels.acquire(holder);
            use = u;
            startNanos = System.nanoTime();
            call = u.channel()
                    .newCall(
                            RowFrames.METHOD,
                            CallOptions.DEFAULT.withDeadlineAfter(
                                    config.deadline().toNanos(), TimeUnit.NANOSECONDS));
            long period = config.noProgressTimeout().toNanos();
            supervision = timer.scheduleAtFixedRate(() -> checkProgress(config), period, period, TimeUnit.NANOSECONDS);
            return call;
        } finally {
            lock.unlock();
        }
    }

    /** Without the lock: gRPC may end the call here, and whoever waits for the pull is then told by this thread. */
    private void request(ClientCall<PullRequest, InputStream> c) {
        try {
            c.start(new Listener(), new Metadata());
            // One more than what is being handled, so that the next frame is there when this one is done.
            c.request(2);
            c.sendMessage(PullRequest.newBuilder()
                    .setBlock(descriptor)
                    .setReceiver(descriptor.getReceiver())
                    .build());
            c.halfClose();
        } finally {
            cancelIfSealed();
        }
    }

    /** gRPC does not let a call be cancelled while it is being started; who gives the pull up then leaves it to this. */
    private void cancelIfSealed() {
        ClientCall<PullRequest, InputStream> c;
        lock.lock();
        try {
            started = true;
            c = sealed ? call : null;
        } finally {
            lock.unlock();
        }
        cancel(c);
    }

    private static void cancel(@Nullable ClientCall<?, ?> c) {
        if (c != null) {
            try {
                c.cancel("the pull is over", null);
            } catch (RuntimeException e) {
                // Its connection's thread has ended, and the call with it.
            }
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
        ChannelPool.Use u;
        lock.lock();
        try {
            if (sealed) {
                return false;
            }
            sealed = true;
            c = started ? call : null;
            u = use;
            if (supervision != null) {
                supervision.cancel(false);
            }
        } finally {
            lock.unlock();
        }
        cancel(c);
        if (u != null) {
            u.close();
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
