package io.baton.grpc;

import io.grpc.netty.GrpcHttp2ConnectionHandler;
import io.grpc.netty.InternalProtocolNegotiator.ProtocolNegotiator;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.util.AsciiString;
import java.util.function.Function;

/**
 * Negotiates as {@code negotiator} does, and puts one more handler behind the connection's HTTP/2 handler, where what
 * gRPC sends passes by before it becomes HTTP/2 frames.
 *
 * <p>gRPC's negotiators are internal to it and may change with its version; there is no other way to a connection's
 * pipeline.
 *
 * <p><em>Thread-safety:</em> stateless.
 *
 * @param handler makes the handler of one connection
 */
public record AddedHandler(ProtocolNegotiator negotiator, Function<GrpcHttp2ConnectionHandler, ChannelHandler> handler)
        implements ProtocolNegotiator {
    @Override
    public AsciiString scheme() {
        return negotiator.scheme();
    }

    @Override
    public ChannelHandler newHandler(GrpcHttp2ConnectionHandler connection) {
        ChannelHandler added = handler.apply(connection);
        ChannelHandler negotiation = negotiator.newHandler(connection);
        return new ChannelInboundHandlerAdapter() {
            @Override
            public void handlerAdded(ChannelHandlerContext ctx) {
                // The HTTP/2 handler takes the place of the negotiation's when that is done.
                ctx.pipeline().addAfter(ctx.name(), null, added);
                ctx.pipeline().replace(this, null, negotiation);
            }
        };
    }

    @Override
    public void close() {
        negotiator.close();
    }
}
