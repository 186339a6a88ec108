package io.baton.kv.transfer;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufHolder;
import io.netty.buffer.CompositeByteBuf;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.netty.buffer.UnpooledDirectByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelOutboundHandlerAdapter;
import io.netty.channel.ChannelPromise;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * Sends rows from where they are: gRPC copies a message into buffers of its own, so it is given a token for the rows
 * ({@link RowFrameStream}), and behind it, in the connection's pipeline, the token is replaced by the rows themselves. The
 * operating system is then the first to copy them.
 *
 * <p>Rows are the network's from {@link #prepare} until their {@link Outgoing} is told that they were released: when the
 * last byte was written, the stream was reset, the connection closed, or the call ended before gRPC had sent the token.
 *
 * <p><em>Thread-safety:</em> safe.
 */
@ChannelHandler.Sharable
final class RowFrameSender extends ChannelOutboundHandlerAdapter {
    /** gRPC's own header of a message: a flag and the length. */
    private static final int GRPC_HEADER = 5;

    /** Whose rows are sent. */
    interface Outgoing {
        /** The rows are about to be written to {@code channel}. On the channel's thread. */
        void leaving(Channel channel);

        /** {@code bytes} of rows are not needed any more. On any thread, once for each frame. */
        void released(long bytes);
    }

    private record Frame(MemorySegment rows, Outgoing owner) {}

    /** The frames that gRPC has and has not sent yet. */
    private final Map<Long, Frame> frames = new ConcurrentHashMap<>();
    /** Begins anywhere, so that no message of another service is ever taken for one of ours. */
    private final AtomicLong tokens = new AtomicLong(new SecureRandom().nextLong());

    /** Whether rows go by token: gRPC takes no more bytes than it was told of, so not if the token is longer than they. */
    static boolean byToken(long rowBytes) {
        return rowBytes >= Long.BYTES;
    }

    /** The message to give gRPC for {@code rows} that go by token, which must stay valid until the owner is told that they are released. */
    RowFrameStream prepare(MemorySegment rows, Outgoing owner) {
        long token = tokens.getAndIncrement();
        frames.put(token, new Frame(rows, owner));
        return new RowFrameStream(rows.byteSize(), token);
    }

    /** The owner's call is over: what gRPC has not sent by now it will not send. */
    void drop(Outgoing owner) {
        List<Long> unsent = new ArrayList<>();
        frames.forEach((token, frame) -> {
            if (frame.owner().equals(owner)) {
                unsent.add(token);
            }
        });
        for (Long token : unsent) {
            Frame frame = frames.remove(token);
            if (frame != null) {
                owner.released(frame.rows().byteSize());
            }
        }
    }

    @Override
    public void write(ChannelHandlerContext ctx, Object message, ChannelPromise promise) {
        Object sent = message;
        if (message instanceof ByteBufHolder holder) {
            Frame frame = take(holder.content());
            if (frame != null) {
                frame.owner().leaving(ctx.channel());
                try {
                    sent = holder.replace(withRows(ctx, holder.content(), frame));
                } catch (OutOfMemoryError e) {
                    frame.owner().released(frame.rows().byteSize());
                    throw e;
                }
                holder.release();
            }
        }
        var _ = ctx.write(sent, promise);
    }

    private @Nullable Frame take(ByteBuf content) {
        int size = content.readableBytes();
        if (size <= GRPC_HEADER + Long.BYTES || size > GRPC_HEADER + RowFrames.MAX_HEADER + Long.BYTES) {
            return null;
        }
        return frames.remove(content.getLong(content.writerIndex() - Long.BYTES));
    }

    private static ByteBuf withRows(ChannelHandlerContext ctx, ByteBuf content, Frame frame) {
        int header = content.readableBytes() - Long.BYTES;
        ByteBuf head = ctx.alloc().directBuffer(header).writeBytes(content, content.readerIndex(), header);
        // HTTP/2's queue adds the next frames to this one; with a bound on its parts it would copy them together.
        CompositeByteBuf whole = ctx.alloc().compositeDirectBuffer(Integer.MAX_VALUE);
        return whole.addComponent(true, head).addComponent(true, new Rows(frame));
    }

    /** The rows as Netty sees them. Owns nothing; says when Netty needs them no more. */
    private static final class Rows extends UnpooledDirectByteBuf {
        private final Frame frame;

        Rows(Frame frame) {
            super(
                    UnpooledByteBufAllocator.DEFAULT,
                    view(frame.rows()),
                    Math.toIntExact(frame.rows().byteSize()));
            this.frame = frame;
        }

        /** Netty takes no read-only buffer here; nothing in a pipeline writes into what it sends. */
        @SuppressWarnings("restricted")
        private static ByteBuffer view(MemorySegment rows) {
            return MemorySegment.ofAddress(rows.address())
                    .reinterpret(rows.byteSize())
                    .asByteBuffer();
        }

        @Override
        protected void deallocate() {
            super.deallocate();
            frame.owner().released(frame.rows().byteSize());
        }
    }
}
