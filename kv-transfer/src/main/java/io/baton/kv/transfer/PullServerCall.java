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
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import java.io.InputStream;
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
final class PullServerCall extends ServerCall.Listener<PullRequest> implements RowFrameSender.Outgoing {
    private final KvTransferServer server;
    private final LeaseTable leases;
    private final SenderConfig config;
    private final ScheduledExecutorService timer;
    private final ServerCall<PullRequest, InputStream> call;

    private final ReentrantLock lock = new ReentrantLock();
    private @Nullable PullRequest request;
    private @Nullable BlockRead read;
    private @Nullable Future<?> supervision;
    private boolean admitted;
    private boolean revoked;
    private boolean ended;
    private @Nullable Channel channel;
    /** Bytes of rows that gRPC was given. */
    private long sent;
    /** Bytes of rows that the network was given and does not need any more. */
    private long left;

    private long leftAtLastCheck = -1;

    PullServerCall(
            KvTransferServer server,
            LeaseTable leases,
            SenderConfig config,
            ScheduledExecutorService timer,
            ServerCall<PullRequest, InputStream> call) {
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
        PeerIdentity.check(r.getReceiver());
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
        // gRPC counts only the token of each frame, so what waits for the network is counted here.
        while (!ended && sent < size && sent - left < config.readyBytes() && call.isReady()) {
            long n = Math.min(config.frameBytes(), size - sent);
            MemorySegment piece = rows.asSlice(sent, n);
            sent += n;
            if (RowFrameSender.byToken(n)) {
                call.sendMessage(server.frames.prepare(piece, this));
            } else {
                call.sendMessage(new RowFrameStream(piece));
                left += n;
            }
            server.sentFrames.increment();
            server.sentBytes.add(n);
        }
        if (!ended && sent == size) {
            server.sentBlocks.increment();
            end(Status.OK, new Metadata());
        }
    }

    @Override
    public void leaving(Channel on) {
        lock.lock();
        try {
            channel = on;
        } finally {
            lock.unlock();
        }
    }

    @Override
    public void released(long bytes) {
        lock.lock();
        try {
            left += bytes;
            pump();
        } finally {
            unlock();
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
        Channel dead = null;
        lock.lock();
        try {
            if (left == leftAtLastCheck) {
                if (ended) {
                    // The rows that it was sent stay pinned as long as its connection has them.
                    dead = channel;
                }
                fail(new BatonException(
                        ErrorCode.DEADLINE_EXCEEDED,
                        "the receiver took nothing for stall-timeout, " + config.stallTimeout()));
            }
            leftAtLastCheck = left;
        } finally {
            unlock();
        }
        if (dead != null) {
            abort(dead);
        }
    }

    /** Closes a connection at once; gRPC's own way of closing would first send what waits. */
    private static void abort(Channel channel) {
        ChannelHandlerContext first = channel.pipeline().firstContext();
        var _ = first == null ? channel.close() : first.close();
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
    public void onComplete() {
        server.frames.drop(this);
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
        server.frames.drop(this);
    }

    private void release() {
        ended = true;
        if (admitted) {
            admitted = false;
            server.openPulls.decrementAndGet();
        }
    }

    /**
     * Leaves the lock. A call that has ended and whose rows have all left is over: its read is closed and its supervision
     * with it, outside the lock, because the lease may then tell others.
     */
    private void unlock() {
        boolean over = ended && left == sent && lock.getHoldCount() == 1;
        BlockRead closing = over ? read : null;
        if (over) {
            read = null;
            if (supervision != null) {
                supervision.cancel(false);
            }
        }
        lock.unlock();
        if (closing != null) {
            closing.close();
        }
    }
}
