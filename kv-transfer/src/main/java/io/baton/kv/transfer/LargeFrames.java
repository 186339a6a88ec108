package io.baton.kv.transfer;

import io.grpc.netty.GrpcHttp2ConnectionHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.handler.codec.ByteToMessageDecoder;
import io.netty.handler.codec.http2.Http2ConnectionPrefaceAndSettingsFrameWrittenEvent;
import io.netty.handler.codec.http2.Http2Settings;

/**
 * Announces to the holder that it may send HTTP/2 DATA frames of more than 16 KiB, the limit until a receiver says
 * otherwise (SETTINGS_MAX_FRAME_SIZE, RFC 9113 section 6.5.2), and takes what arrives without copying it together. gRPC
 * has no setting for either: a message of 256 KiB is sixteen frames otherwise, each with its header, its buffers and its
 * way through both pipelines, and every read is copied once more to make it one buffer with the rest of the last.
 *
 * <p>The announcement is a second SETTINGS frame behind the connection's first, as a peer may send at any time.
 *
 * <p><em>Thread-safety:</em> one per connection, on its thread.
 */
final class LargeFrames extends ChannelInboundHandlerAdapter {
    /** Smallest size that HTTP/2 lets a peer announce. */
    static final int MIN = 1 << 14;
    /** Largest size that HTTP/2 lets a peer announce. */
    static final int MAX = (1 << 24) - 1;

    private final GrpcHttp2ConnectionHandler connection;
    private final int maxFrameSize;

    /**
     * The handler of a connection.
     *
     * @param maxFrameSize bytes of payload, in [{@link #MIN}, {@link #MAX}]
     */
    LargeFrames(GrpcHttp2ConnectionHandler connection, int maxFrameSize) {
        this.connection = connection;
        this.maxFrameSize = maxFrameSize;
        connection.setCumulator(ByteToMessageDecoder.COMPOSITE_CUMULATOR);
    }

    @Override
    public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
        if (event instanceof Http2ConnectionPrefaceAndSettingsFrameWrittenEvent) {
            ChannelHandlerContext http2 = ctx.pipeline().context(connection);
            connection
                    .encoder()
                    .writeSettings(http2, new Http2Settings().maxFrameSize(maxFrameSize), http2.newPromise())
                    .addListener(written -> {
                        if (!written.isSuccess()) {
                            ctx.fireExceptionCaught(written.cause());
                        }
                    });
            http2.flush();
        }
        ctx.fireUserEventTriggered(event);
    }
}
