package io.baton.kv.transfer;

import io.netty.channel.socket.SocketChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import java.util.List;
import java.util.function.Consumer;

/** A server's socket that shows each connection that it accepts. */
final class Acceptor extends NioServerSocketChannel {
    private final Consumer<SocketChannel> accepted;

    Acceptor(Consumer<SocketChannel> accepted) {
        this.accepted = accepted;
    }

    @Override
    protected int doReadMessages(List<Object> messages) throws Exception {
        int n = super.doReadMessages(messages);
        messages.forEach(m -> accepted.accept((SocketChannel) m));
        return n;
    }
}
