package io.baton.tls;

import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import java.net.SocketAddress;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/**
 * Tells of a connection that did not become one because of TLS: a peer without a certificate, with one that is not trusted, or
 * that speaks something else.
 *
 * <p><em>Thread-safety:</em> one per connection, on its thread.
 */
final class HandshakeWatch extends ChannelInboundHandlerAdapter {
    private final BiConsumer<@Nullable SocketAddress, TlsFailure> refused;
    private boolean told;

    HandshakeWatch(BiConsumer<@Nullable SocketAddress, TlsFailure> refused) {
        this.refused = refused;
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
        TlsFailure tls = TlsFailure.among(cause);
        if (tls != null && !told) {
            // TLS tells of one failure more than once.
            told = true;
            refused.accept(ctx.channel().remoteAddress(), tls);
        }
        ctx.fireExceptionCaught(cause);
    }
}
