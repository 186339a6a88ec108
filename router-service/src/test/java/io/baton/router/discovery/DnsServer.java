package io.baton.router.discovery;

import io.netty.bootstrap.Bootstrap;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.nio.NioEventLoopGroup;
import io.netty.channel.socket.nio.NioDatagramChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.handler.codec.dns.DatagramDnsQuery;
import io.netty.handler.codec.dns.DatagramDnsQueryDecoder;
import io.netty.handler.codec.dns.DatagramDnsResponse;
import io.netty.handler.codec.dns.DatagramDnsResponseEncoder;
import io.netty.handler.codec.dns.DefaultDnsQuery;
import io.netty.handler.codec.dns.DefaultDnsRawRecord;
import io.netty.handler.codec.dns.DefaultDnsResponse;
import io.netty.handler.codec.dns.DnsQuestion;
import io.netty.handler.codec.dns.DnsRecordType;
import io.netty.handler.codec.dns.DnsResponse;
import io.netty.handler.codec.dns.DnsResponseCode;
import io.netty.handler.codec.dns.DnsSection;
import io.netty.handler.codec.dns.TcpDnsQueryDecoder;
import io.netty.handler.codec.dns.TcpDnsResponseEncoder;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/** A DNS server on loopback, over UDP and TCP at one port, whose records and manners a test changes. */
final class DnsServer implements AutoCloseable {
    /** How it answers. */
    enum Manner {
        /** As a DNS server should. */
        PROPER,
        /** Not at all. */
        SILENT,
        /** With SERVFAIL. */
        FAILING,
        /** Over UDP without records and with the flag that says so; over TCP in full. */
        TRUNCATING_UDP,
        /** Without records and with that flag, over TCP too. */
        TRUNCATING
    }

    private static final int TTL_SECONDS = 5;
    private static final int BIND_TRIES = 20;

    private final NioEventLoopGroup group = new NioEventLoopGroup(1);
    private final Map<String, List<String>> records = new ConcurrentHashMap<>();
    private final AtomicInteger udp = new AtomicInteger();
    private final AtomicInteger tcp = new AtomicInteger();
    private final int port;
    private volatile Manner manner = Manner.PROPER;

    DnsServer() {
        this.port = bind();
    }

    /** The same port for both; a free one of UDP may be taken for TCP, then another is tried. */
    private int bind() {
        for (int i = 0; ; i++) {
            Channel datagrams = new Bootstrap()
                    .group(group)
                    .channel(NioDatagramChannel.class)
                    .handler(new ChannelInitializer<>() {
                        @Override
                        protected void initChannel(Channel channel) {
                            channel.pipeline()
                                    .addLast(
                                            new DatagramDnsQueryDecoder(),
                                            new DatagramDnsResponseEncoder(),
                                            new OverUdp());
                        }
                    })
                    .bind("127.0.0.1", 0)
                    .syncUninterruptibly()
                    .channel();
            int free = ((InetSocketAddress) datagrams.localAddress()).getPort();
            var streams = new ServerBootstrap()
                    .group(group)
                    .channel(NioServerSocketChannel.class)
                    .childHandler(new ChannelInitializer<>() {
                        @Override
                        protected void initChannel(Channel channel) {
                            channel.pipeline()
                                    .addLast(new TcpDnsQueryDecoder(), new TcpDnsResponseEncoder(), new OverTcp());
                        }
                    })
                    .bind("127.0.0.1", free)
                    .awaitUninterruptibly();
            if (streams.isSuccess()) {
                return free;
            }
            datagrams.close().syncUninterruptibly();
            if (i == BIND_TRIES) {
                throw new AssertionError("no port is free over UDP and TCP", streams.cause());
            }
        }
    }

    String address() {
        return "127.0.0.1:" + port;
    }

    /** The addresses of a name from now on; a name without addresses exists. */
    void set(String name, String... addresses) {
        records.put(name + ".", List.of(addresses));
    }

    /** The name does not exist from now on. */
    void forget(String name) {
        records.remove(name + ".");
    }

    void manner(Manner now) {
        manner = now;
    }

    int udpQueries() {
        return udp.get();
    }

    int tcpQueries() {
        return tcp.get();
    }

    private final class OverUdp extends SimpleChannelInboundHandler<DatagramDnsQuery> {
        @Override
        protected void channelRead0(ChannelHandlerContext context, DatagramDnsQuery query) throws UnknownHostException {
            udp.incrementAndGet();
            if (manner != Manner.SILENT) {
                boolean cut = manner == Manner.TRUNCATING || manner == Manner.TRUNCATING_UDP;
                DnsQuestion question = query.recordAt(DnsSection.QUESTION);
                // The answer goes back the way that the question came.
                var _ = context.writeAndFlush(fill(
                        new DatagramDnsResponse(
                                /* sender= */ query.recipient(), /* recipient= */ query.sender(), query.id()),
                        question,
                        cut));
            }
        }
    }

    private final class OverTcp extends SimpleChannelInboundHandler<DefaultDnsQuery> {
        @Override
        protected void channelRead0(ChannelHandlerContext context, DefaultDnsQuery query) throws UnknownHostException {
            tcp.incrementAndGet();
            DnsQuestion question = query.recordAt(DnsSection.QUESTION);
            var _ = context.writeAndFlush(
                    fill(new DefaultDnsResponse(query.id()), question, manner == Manner.TRUNCATING));
        }
    }

    private DnsResponse fill(DnsResponse response, DnsQuestion question, boolean cut) throws UnknownHostException {
        response.addRecord(DnsSection.QUESTION, question);
        List<String> addresses = records.get(question.name().toLowerCase(Locale.ROOT));
        if (manner == Manner.FAILING) {
            return response.setCode(DnsResponseCode.SERVFAIL);
        }
        if (addresses == null) {
            return response.setCode(DnsResponseCode.NXDOMAIN);
        }
        if (cut) {
            return response.setTruncated(true);
        }
        for (String address : new ArrayList<>(addresses)) {
            byte[] bytes = InetAddress.getByName(address).getAddress();
            DnsRecordType type = bytes.length == 4 ? DnsRecordType.A : DnsRecordType.AAAA;
            if (type.equals(question.type())) {
                response.addRecord(
                        DnsSection.ANSWER,
                        new DefaultDnsRawRecord(question.name(), type, TTL_SECONDS, Unpooled.wrappedBuffer(bytes)));
            }
        }
        return response;
    }

    @Override
    public void close() {
        group.shutdownGracefully(0, 1, TimeUnit.SECONDS).awaitUninterruptibly();
    }
}
