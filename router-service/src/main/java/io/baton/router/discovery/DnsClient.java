package io.baton.router.discovery;

import io.netty.buffer.ByteBufUtil;
import io.netty.channel.AddressedEnvelope;
import io.netty.channel.EventLoop;
import io.netty.channel.socket.nio.NioDatagramChannel;
import io.netty.channel.socket.nio.NioSocketChannel;
import io.netty.handler.codec.dns.DefaultDnsQuestion;
import io.netty.handler.codec.dns.DnsRawRecord;
import io.netty.handler.codec.dns.DnsRecord;
import io.netty.handler.codec.dns.DnsRecordType;
import io.netty.handler.codec.dns.DnsResponse;
import io.netty.handler.codec.dns.DnsResponseCode;
import io.netty.handler.codec.dns.DnsSection;
import io.netty.resolver.dns.DnsNameResolver;
import io.netty.resolver.dns.DnsNameResolverBuilder;
import io.netty.resolver.dns.DnsNameResolverTimeoutException;
import io.netty.resolver.dns.DnsServerAddressStreamProvider;
import io.netty.resolver.dns.DnsServerAddresses;
import io.netty.util.concurrent.Future;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedSet;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * Asks DNS servers for all addresses of a name, without a cache: what was true a moment ago is what a caller wants to check.
 *
 * <p>It tells a name that does not exist from a server that does not answer, which the resolvers of the JDK and of Netty do not;
 * Netty does the queries, over UDP, and over TCP where an answer was truncated.
 *
 * <p><em>Thread-safety:</em> safe; {@link #lookup} blocks and must not run on an event loop.
 */
final class DnsClient implements AutoCloseable {
    private static final int DNS_PORT = 53;

    private final ResolvConf conf;
    private final List<InetSocketAddress> servers;
    private final DnsNameResolver resolver;

    /**
     * A client.
     *
     * @param conf search list, and the servers unless others are given
     * @param named servers of the settings; empty for those of {@code conf}
     * @param timeout how long one server may take for one question
     * @param loop event loop of the sockets; stays the caller's
     * @throws IllegalArgumentException if a server's address is none, or if there is no server
     */
    DnsClient(ResolvConf conf, List<String> named, Duration timeout, EventLoop loop) {
        this.conf = conf;
        this.servers = (named.isEmpty() ? conf.servers() : named)
                .stream().map(DnsClient::server).toList();
        if (servers.isEmpty()) {
            throw new IllegalArgumentException("a worker list has a dns:/// entry, but " + ResolvConf.SYSTEM
                    + " names no DNS server; set baton.router.dns.servers");
        }
        this.resolver = new DnsNameResolverBuilder(loop)
                .datagramChannelType(NioDatagramChannel.class)
                .socketChannelType(NioSocketChannel.class)
                .nameServerProvider(provider(DnsServerAddresses.sequential(servers)))
                .queryTimeoutMillis(Math.max(1, timeout.toMillis()))
                .build();
    }

    private static DnsServerAddressStreamProvider provider(DnsServerAddresses addresses) {
        return _ -> addresses.stream();
    }

    static InetSocketAddress server(String address) {
        String host = address;
        int port = DNS_PORT;
        int colon = address.lastIndexOf(':');
        boolean bareIpv6 = !address.startsWith("[") && address.indexOf(':') != colon;
        if (colon > 0 && !bareIpv6 && !address.endsWith("]")) {
            String digits = address.substring(colon + 1);
            port = digits.matches("\\d{1,5}") ? Integer.parseInt(digits) : -1;
            host = address.substring(0, colon);
        }
        // The names of DNS servers cannot be looked up in DNS.
        if (port >= 1 && port <= 65535 && host.matches("[0-9.]+|\\[?[0-9A-Fa-f:.]+(%\\w+)?]?")) {
            try {
                return new InetSocketAddress(InetAddress.getByName(host), port);
            } catch (UnknownHostException e) {
                throw refused(address, e);
            }
        }
        throw refused(address, null);
    }

    private static IllegalArgumentException refused(String address, @Nullable Throwable cause) {
        return new IllegalArgumentException(
                "the DNS server '" + address + "' is neither an IP address nor address:port; correct "
                        + "baton.router.dns.servers",
                cause);
    }

    /**
     * All addresses of a name: its IPv4 addresses, or its IPv6 addresses if it has no others, because a host with both would
     * otherwise count twice.
     */
    Lookup lookup(String name) throws InterruptedException {
        List<String> absent = new ArrayList<>();
        for (String candidate : conf.candidates(name)) {
            for (DnsRecordType type : List.of(DnsRecordType.A, DnsRecordType.AAAA)) {
                Lookup answer = ask(candidate, type);
                if (answer instanceof Lookup.Absent(String why)) {
                    absent.add(why);
                } else {
                    return answer;
                }
            }
        }
        return new Lookup.Absent(String.join(", ", absent));
    }

    /** Asks one server after the other until one knows. */
    private Lookup ask(String name, DnsRecordType type) throws InterruptedException {
        List<String> failures = new ArrayList<>();
        for (InetSocketAddress server : servers) {
            Future<AddressedEnvelope<DnsResponse, InetSocketAddress>> query =
                    resolver.query(server, new DefaultDnsQuestion(name, type));
            query.await();
            Lookup answer;
            if (query.isSuccess()) {
                AddressedEnvelope<DnsResponse, InetSocketAddress> envelope = query.getNow();
                try {
                    answer = read(name, type, envelope.content());
                } finally {
                    envelope.release();
                }
            } else {
                // The message of a timeout carries the number of the query, and would be another one each time.
                answer = new Lookup.Failed(
                        query.cause() instanceof DnsNameResolverTimeoutException
                                ? "no answer in time"
                                : "no answer (" + query.cause().getClass().getSimpleName() + ")");
            }
            if (!(answer instanceof Lookup.Failed(String why))) {
                return answer;
            }
            failures.add(server.getAddress().getHostAddress() + ":" + server.getPort() + " for " + name + " "
                    + type.name() + ": " + why);
        }
        return new Lookup.Failed(String.join("; ", failures));
    }

    private static Lookup read(String name, DnsRecordType type, DnsResponse response) {
        if (DnsResponseCode.NXDOMAIN.equals(response.code())) {
            return new Lookup.Absent(name + " does not exist");
        }
        if (!DnsResponseCode.NOERROR.equals(response.code())) {
            return new Lookup.Failed("it answered " + response.code());
        }
        if (response.isTruncated()) {
            return new Lookup.Failed("its answer is truncated, over TCP too");
        }
        SortedSet<String> hosts = new TreeSet<>();
        for (int i = 0; i < response.count(DnsSection.ANSWER); i++) {
            DnsRecord each = response.recordAt(DnsSection.ANSWER, i);
            if (each instanceof DnsRawRecord raw && type.equals(raw.type())) {
                try {
                    String host = InetAddress.getByAddress(ByteBufUtil.getBytes(raw.content()))
                            .getHostAddress();
                    hosts.add(host.contains(":") ? "[" + host + "]" : host);
                } catch (UnknownHostException e) {
                    return new Lookup.Failed("its answer holds an address of a wrong length");
                }
            }
        }
        return hosts.isEmpty()
                ? new Lookup.Absent(name + " has no " + type.name() + " record")
                : new Lookup.Found(hosts);
    }

    @Override
    public void close() {
        resolver.close();
    }
}
