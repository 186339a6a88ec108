package io.baton.kv.transfer;

import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.kv.lease.BlockRead;
import io.baton.kv.lease.LeaseTable;
import io.baton.kv.v1.PullRequest;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * One pull at the holder: waits for the request, then sends frame after frame whenever the network is ready.
 *
 * <p><em>Thread-safety:</em> gRPC's callbacks, a revoked lease and the timer come from different threads; one lock
 * guards everything, and the call is closed exactly once. Owns the {@link BlockRead} and closes it with the call.
 */
final class PullServerCall extends ServerCall.Listener<PullRequest> {
    private final KvTransferServer server;
    private final LeaseTable leases;
    private final SenderConfig config;
    private final ScheduledExecutorService timer;
    private final ServerCall<PullRequest, MemorySegment> call;

    private final ReentrantLock lock = new ReentrantLock();
    private @Nullable PullRequest request;
    private @Nullable BlockRead read;
    private @Nullable Future<?> supervision;
    private boolean admitted;
    private boolean revoked;
    private boolean ended;
    private long sent;
    private long sentAtLastCheck = -1;

    PullServerCall(
            KvTransferServer server,
            LeaseTable leases,
            SenderConfig config,
            ScheduledExecutorService timer,
            ServerCall<PullRequest, MemorySegment> call) {
        this.server = server;
        this.leases = leases;
        this.config = config;
        this.timer = timer;
        this.call = call;
        call.setOnReadyThreshold(config.readyBytes());
        call.request(2);
    }

    @Override
    public void onMessage(PullRequest message) {
        lock.lock();
        try {
            if (request != null) {
                fail(new BatonException(ErrorCode.PROTOCOL_VIOLATION, "a pull has one request"));
            }
            request = message;
        } finally {
            unlock();
        }
    }

    @Override
    public void onHalfClose() {
        lock.lock();
        try {
            if (!ended) {
                open();
                pump();
            }
        } catch (BatonException e) {
            fail(e);
        } finally {
            unlock();
        }
    }

    private void open() {
        PullRequest r = request;
        if (r == null || !r.hasBlock()) {
            throw new BatonException(ErrorCode.PROTOCOL_VIOLATION, "a pull must name a block");
        }
        server.admit();
        admitted = true;
        read = leases.read(r.getBlock(), r.getReceiver(), this::revoke);
        long period = Math.max(1, config.stallTimeout().toNanos());
        try {
            supervision = timer.scheduleAtFixedRate(this::checkProgress, period, period, TimeUnit.NANOSECONDS);
        } catch (RejectedExecutionException e) {
            throw new BatonException(ErrorCode.DRAINING, "the holder is shutting down; prefill elsewhere", e);
        }
        call.sendHeaders(new Metadata());
    }

    @Override
    public void onReady() {
        lock.lock();
        try {
            pump();
        } finally {
            unlock();
        }
    }

    private void pump() {
        BlockRead from = read;
        if (from == null || ended) {
            return;
        }
        if (revoked) {
            fail(revokedError());
            return;
        }
        MemorySegment rows = from.rows();
        long size = rows.byteSize();
        while (sent < size && call.isReady()) {
            long n = Math.min(config.frameBytes(), size - sent);
            call.sendMessage(rows.asSlice(sent, n));
            sent += n;
            server.sentFrames.increment();
            server.sentBytes.add(n);
        }
        if (sent == size) {
            server.sentBlocks.increment();
            end(Status.OK, new Metadata());
        }
    }

    /** The lease has given the block up; may come from within {@link LeaseTable#read}'s caller or any other thread. */
    private void revoke() {
        lock.lock();
        try {
            revoked = true;
            if (read != null && !ended) {
                server.cancelledPulls.increment();
                fail(revokedError());
            }
        } finally {
            unlock();
        }
    }

    private static BatonException revokedError() {
        return new BatonException(
                ErrorCode.BLOCK_NOT_FOUND, "the block was acknowledged or given up while it was being pulled");
    }

    private void checkProgress() {
        lock.lock();
        try {
            if (sent == sentAtLastCheck) {
                fail(new BatonException(
                        ErrorCode.DEADLINE_EXCEEDED,
                        "the receiver took nothing for stall-timeout, " + config.stallTimeout()));
            }
            sentAtLastCheck = sent;
        } finally {
            unlock();
        }
    }

    private void fail(BatonException e) {
        if (!ended) {
            server.refused.add(e.code());
            StatusRuntimeException status = e.toStatus();
            Metadata trailers = status.getTrailers();
            end(status.getStatus(), trailers == null ? new Metadata() : trailers);
        }
    }

    private void end(Status status, Metadata trailers) {
        release();
        call.close(status, trailers);
    }

    @Override
    public void onCancel() {
        lock.lock();
        try {
            if (!ended) {
                server.cancelledPulls.increment();
                release();
            }
        } finally {
            unlock();
        }
    }

    private void release() {
        ended = true;
        if (supervision != null) {
            supervision.cancel(false);
        }
        if (admitted) {
            admitted = false;
            server.openPulls.decrementAndGet();
        }
    }

    /**
     * Leaves the lock and closes the read of a call that has ended: outside, because the lease may then tell others.
     * gRPC copies a frame within sendMessage, so nothing reads the rows any more.
     */
    private void unlock() {
        BlockRead over = ended && lock.getHoldCount() == 1 ? read : null;
        if (over != null) {
            read = null;
        }
        lock.unlock();
        if (over != null) {
            over.close();
        }
    }
}
