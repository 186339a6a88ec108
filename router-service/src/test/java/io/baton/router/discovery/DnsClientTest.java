package io.baton.router.discovery;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.InstanceOfAssertFactories.STRING;

import io.netty.channel.nio.NioEventLoopGroup;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.List;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DnsClientTest {
    private static final String NAME = "workers.test";
    private static final Duration TIMEOUT = Duration.ofMillis(300);

    private final NioEventLoopGroup group = new NioEventLoopGroup(1);
    private final DnsServer dns = new DnsServer();
    private final DnsServer second = new DnsServer();

    @AfterEach
    void close() {
        dns.close();
        second.close();
        group.shutdownGracefully(0, 1, TimeUnit.SECONDS).awaitUninterruptibly();
    }

    private Lookup lookup(String name, List<String> search, DnsServer... servers) throws InterruptedException {
        List<String> addresses =
                java.util.Arrays.stream(servers).map(DnsServer::address).toList();
        try (DnsClient client = new DnsClient(new ResolvConf(List.of(), search, 1), addresses, TIMEOUT, group.next())) {
            return client.lookup(name);
        }
    }

    private Lookup lookup(DnsServer... servers) throws InterruptedException {
        return lookup(NAME, List.of(), servers);
    }

    private static Lookup found(String... hosts) {
        return new Lookup.Found(new TreeSet<>(List.of(hosts)));
    }

    @Test
    void shouldFindAllAddresses() throws InterruptedException {
        // Given
        dns.set(NAME, "127.0.0.3", "127.0.0.2");
        // When / Then
        assertThat(lookup(dns)).isEqualTo(found("127.0.0.2", "127.0.0.3"));
    }

    @Test
    void shouldCountAHostWithBothFamiliesOnce() throws InterruptedException {
        // Given
        dns.set(NAME, "fd00::2", "127.0.0.2");
        // When / Then
        assertThat(lookup(dns)).isEqualTo(found("127.0.0.2"));
    }

    @Test
    void shouldTakeIpv6WhereThereIsNothingElse() throws InterruptedException {
        // Given
        dns.set(NAME, "fd00::2");
        // When / Then
        assertThat(lookup(dns)).isEqualTo(found("[fd00:0:0:0:0:0:0:2]"));
    }

    @Test
    void shouldSayThatANameDoesNotExistOrHasNoAddress() throws InterruptedException {
        // When
        Lookup unknown = lookup(dns);
        dns.set(NAME);
        Lookup empty = lookup(dns);
        // Then
        assertThat(unknown)
                .isInstanceOfSatisfying(
                        Lookup.Absent.class, a -> assertThat(a.why()).contains("workers.test. does not exist"));
        assertThat(empty)
                .isInstanceOfSatisfying(
                        Lookup.Absent.class, a -> assertThat(a.why()).contains("workers.test. has no A record"));
    }

    @Test
    void shouldNotTakeAFailureOrSilenceForAnAnswer() throws InterruptedException {
        // Given
        dns.set(NAME, "127.0.0.2");
        // When
        dns.manner(DnsServer.Manner.FAILING);
        Lookup failing = lookup(dns);
        dns.manner(DnsServer.Manner.SILENT);
        Lookup silent = lookup(dns);
        // Then
        assertThat(failing)
                .isInstanceOfSatisfying(
                        Lookup.Failed.class, f -> assertThat(f.why()).contains(dns.address(), "ServFail"));
        assertThat(silent)
                .isInstanceOfSatisfying(
                        Lookup.Failed.class, f -> assertThat(f.why()).contains(dns.address(), "no answer in time"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"SILENT", "FAILING"})
    void shouldAskTheNextServerWhenOneDoesNotKnow(String manner) throws InterruptedException {
        // Given
        dns.manner(DnsServer.Manner.valueOf(manner));
        second.set(NAME, "127.0.0.9");
        // When / Then
        assertThat(lookup(dns, second)).isEqualTo(found("127.0.0.9"));
        assertThat(dns.udpQueries()).isPositive();
    }

    @Test
    void shouldNotAskTheNextServerWhenOneSaysThatThereIsNone() throws InterruptedException {
        // Given
        second.set(NAME, "127.0.0.9");
        // When / Then
        assertThat(lookup(dns, second)).isInstanceOf(Lookup.Absent.class);
        assertThat(second.udpQueries()).isZero();
    }

    @Test
    void shouldAskOverTcpWhereAnAnswerIsTruncated() throws InterruptedException {
        // Given
        String[] many =
                IntStream.rangeClosed(1, 200).mapToObj(i -> "10.1.2." + i).toArray(String[]::new);
        dns.set(NAME, many);
        dns.manner(DnsServer.Manner.TRUNCATING_UDP);
        // When / Then
        assertThat(lookup(dns)).isEqualTo(found(many));
        assertThat(dns.tcpQueries()).isEqualTo(1);
    }

    @Test
    void shouldNotTakeATruncatedAnswerForTheWhole() throws InterruptedException {
        // Given
        dns.set(NAME, "127.0.0.2");
        dns.manner(DnsServer.Manner.TRUNCATING);
        // When / Then
        assertThat(lookup(dns))
                .isInstanceOfSatisfying(
                        Lookup.Failed.class, f -> assertThat(f.why()).contains("truncated"));
    }

    @Test
    void shouldGoThroughTheSearchList() throws InterruptedException {
        // Given
        dns.set("short.b.test", "127.0.0.4");
        // When / Then
        assertThat(lookup("short", List.of("a.test", "b.test"), dns)).isEqualTo(found("127.0.0.4"));
    }

    @Test
    void shouldReadServersWithAndWithoutPort() {
        assertThat(DnsClient.server("10.0.0.1")).isEqualTo(new InetSocketAddress("10.0.0.1", 53));
        assertThat(DnsClient.server("10.0.0.1:5353")).isEqualTo(new InetSocketAddress("10.0.0.1", 5353));
        assertThat(DnsClient.server("fd00::a")).isEqualTo(new InetSocketAddress("fd00::a", 53));
        assertThat(DnsClient.server("[fd00::a]:5353")).isEqualTo(new InetSocketAddress("fd00::a", 5353));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"", "localhost", "dns.example:53", "10.0.0.1:0", "10.0.0.1:65536", "10.0.0.1:x", "10.0.0.300"})
    void shouldRefuseAServerThatIsNoAddress(String server) {
        assertThatThrownBy(() -> DnsClient.server(server))
                .isInstanceOf(IllegalArgumentException.class)
                .extracting(Throwable::getMessage, STRING)
                .contains("'" + server + "'", "baton.router.dns.servers");
    }

    @Test
    void shouldRefuseToStartWithoutAServer() {
        assertThatThrownBy(
                        () -> new DnsClient(new ResolvConf(List.of(), List.of(), 1), List.of(), TIMEOUT, group.next()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("baton.router.dns.servers");
    }
}
