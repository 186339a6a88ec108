package io.baton.router.discovery;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.baton.router.config.Disaggregation;
import io.baton.router.config.RouterConfig;
import io.baton.router.fake.Await;
import io.baton.router.fake.FakeDecode;
import io.baton.router.fake.FakePrefill;
import io.baton.router.fake.FakeWorker;
import io.baton.router.fleet.Fleet;
import io.baton.router.fleet.LegHandle;
import io.baton.router.fleet.Worker;
import io.baton.router.fleet.WorkerView;
import io.baton.tls.ServiceTls;
import io.netty.channel.nio.NioEventLoopGroup;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** The fleet follows the records of a DNS server; the workers listen on addresses of loopback at one port, like pods. */
class DiscoveryTest {
    private static final String PREFILL = "prefill.test";
    private static final String DECODE = "decode.test";

    private final NioEventLoopGroup group = new NioEventLoopGroup(2);
    private final DnsServer dns = new DnsServer();
    private final List<FakeWorker> workers = new ArrayList<>();
    private final List<AutoCloseable> open = new ArrayList<>();
    private int port;

    @AfterEach
    void close() throws Exception {
        for (AutoCloseable each : open.reversed()) {
            each.close();
        }
        workers.forEach(FakeWorker::close);
        dns.close();
        group.shutdownGracefully(0, 1, TimeUnit.SECONDS).awaitUninterruptibly();
    }

    /** A prefill worker at an address; all have the port of the first. */
    private void prefillAt(String host) {
        FakePrefill worker = new FakePrefill(host, port);
        port = worker.port();
        workers.add(worker);
    }

    private RouterConfig settings(String... more) {
        List<String> all = new ArrayList<>(List.of(
                "baton.router.dns.servers", dns.address(),
                "baton.router.dns.refresh", "50ms",
                "baton.router.dns.timeout", "200ms"));
        all.addAll(List.of(more));
        return Settings.of(all.toArray(String[]::new));
    }

    private Fleet fleet(List<String> fixed, RouterConfig settings) {
        Fleet fleet =
                new Fleet(fixed, List.of(), settings.workers(), Disaggregation.ALWAYS, group, ServiceTls.plaintext());
        open.add(fleet);
        fleet.start();
        return fleet;
    }

    private Discovery discover(Fleet fleet, RouterConfig settings) {
        Discovery discovery =
                new Discovery(fleet, List.of(new WorkerNames.Name(PREFILL, port)), List.of(), settings.dns(), group);
        open.add(discovery);
        discovery.start();
        return discovery;
    }

    private static Set<String> healthy(Fleet fleet) {
        return fleet.views().stream()
                .filter(WorkerView::healthy)
                .map(WorkerView::address)
                .collect(Collectors.toSet());
    }

    private static Set<String> known(Fleet fleet) {
        return fleet.views().stream().map(WorkerView::address).collect(Collectors.toSet());
    }

    private void awaitHealthy(Fleet fleet, String... hosts) {
        Set<String> wanted = List.of(hosts).stream().map(h -> h + ":" + port).collect(Collectors.toSet());
        Await.until(
                () -> "workers " + fleet.views() + ", wanted " + wanted,
                () -> healthy(fleet).equals(wanted) && known(fleet).equals(wanted));
    }

    /** Waits until a further lookup has begun and ended. */
    private void awaitLookups(int more) {
        int before = dns.udpQueries();
        Await.until(() -> "queries " + dns.udpQueries(), () -> dns.udpQueries() >= before + more);
    }

    @Test
    void shouldUseWorkersThatComeAndDropThoseThatGo() {
        // Given
        prefillAt("127.0.0.2");
        prefillAt("127.0.0.3");
        prefillAt("127.0.0.4");
        dns.set(PREFILL, "127.0.0.2");
        Fleet fleet = fleet(List.of(), settings());
        discover(fleet, settings());
        awaitHealthy(fleet, "127.0.0.2");

        // When / Then
        dns.set(PREFILL, "127.0.0.2", "127.0.0.3", "127.0.0.4");
        awaitHealthy(fleet, "127.0.0.2", "127.0.0.3", "127.0.0.4");

        // When / Then
        dns.set(PREFILL, "127.0.0.4");
        awaitHealthy(fleet, "127.0.0.4");
    }

    @Test
    void shouldKeepAConnectionUntilItsLegsHaveEnded() {
        // Given
        prefillAt("127.0.0.2");
        dns.set(PREFILL, "127.0.0.2");
        Fleet fleet = fleet(List.of(), settings());
        discover(fleet, settings());
        awaitHealthy(fleet, "127.0.0.2");
        Worker worker = java.util.Objects.requireNonNull(fleet.worker("127.0.0.2:" + port));
        LegHandle leg = _ -> {};
        worker.add(leg);

        // When
        dns.set(PREFILL);
        Await.until(() -> "workers " + fleet.views(), () -> fleet.views().isEmpty());

        // Then
        assertThat(worker.view().healthy()).isTrue();
        assertThat(worker.channel().isShutdown()).isFalse();

        // When / Then
        worker.remove(leg);
        Await.until(() -> "the channel is open", () -> worker.channel().isShutdown());
    }

    @Test
    void shouldKeepTheLastKnownWorkersWhileNoServerKnows() {
        // Given
        prefillAt("127.0.0.2");
        dns.set(PREFILL, "127.0.0.2");
        Fleet fleet = fleet(List.of(), settings());
        Discovery discovery = discover(fleet, settings());
        awaitHealthy(fleet, "127.0.0.2");

        for (DnsServer.Manner manner :
                List.of(DnsServer.Manner.FAILING, DnsServer.Manner.SILENT, DnsServer.Manner.TRUNCATING)) {
            // When
            dns.manner(manner);
            Await.until(
                    () -> manner + ": " + discovery.status(),
                    () -> discovery.status().values().iterator().next().contains("the last known workers stay"));
            awaitLookups(2);

            // Then
            assertThat(healthy(fleet)).as("%s", manner).containsExactly("127.0.0.2:" + port);
            dns.manner(DnsServer.Manner.PROPER);
            Await.until(
                    () -> manner + ": " + discovery.status(),
                    () -> discovery.status().values().iterator().next().equals("addresses 127.0.0.2"));
        }
    }

    @Test
    void shouldHaveNoWorkersWhenTheAnswerIsThatThereAreNone() {
        // Given
        prefillAt("127.0.0.2");
        Fleet fleet = fleet(List.of(), settings());
        Discovery discovery = discover(fleet, settings());

        for (Runnable none : List.<Runnable>of(() -> dns.set(PREFILL), () -> dns.forget(PREFILL))) {
            dns.set(PREFILL, "127.0.0.2");
            awaitHealthy(fleet, "127.0.0.2");

            // When
            none.run();

            // Then
            Await.until(() -> "workers " + fleet.views(), () -> fleet.views().isEmpty());
            Await.until(
                    () -> discovery.status().toString(),
                    () -> discovery.status().values().iterator().next().startsWith("no workers: "));
        }
    }

    @Test
    void shouldCountAWorkerOnceThatIsNamedAndFound() {
        // Given
        prefillAt("127.0.0.2");
        prefillAt("127.0.0.3");
        dns.set(PREFILL, "127.0.0.2", "127.0.0.3");
        Fleet fleet = fleet(List.of("127.0.0.2:" + port), settings());
        discover(fleet, settings());
        awaitHealthy(fleet, "127.0.0.2", "127.0.0.3");
        Worker named = fleet.worker("127.0.0.2:" + port);

        // When the name no longer has it
        dns.set(PREFILL, "127.0.0.3");
        awaitLookups(3);

        // Then it is there still, because the settings name it
        awaitHealthy(fleet, "127.0.0.2", "127.0.0.3");
        assertThat(fleet.worker("127.0.0.2:" + port)).isSameAs(named);
    }

    @Test
    void shouldFollowANamePerRole() {
        // Given
        prefillAt("127.0.0.2");
        FakeDecode decode = new FakeDecode("127.0.0.3", 0);
        workers.add(decode);
        dns.set(PREFILL, "127.0.0.2");
        dns.set(DECODE, "127.0.0.3");
        Fleet fleet = fleet(List.of(), settings());
        Discovery discovery = new Discovery(
                fleet,
                List.of(new WorkerNames.Name(PREFILL, port)),
                List.of(new WorkerNames.Name(DECODE, decode.port())),
                settings().dns(),
                group);
        open.add(discovery);

        // When
        discovery.start();

        // Then
        Await.until(() -> "workers " + fleet.views(), fleet::canServe);
        assertThat(discovery.status())
                .isEqualTo(Map.of(
                        "prefill dns:///prefill.test:" + port, "addresses 127.0.0.2",
                        "decode dns:///decode.test:" + decode.port(), "addresses 127.0.0.3"));
    }

    @Test
    void shouldTakeNoMoreWorkersThanTheSettingAllows() {
        // Given
        port = 9100;
        dns.set(PREFILL, "127.0.0.2", "127.0.0.3", "127.0.0.4");
        Fleet fleet = fleet(List.of(), settings());

        // When
        discover(fleet, settings("baton.router.dns.max-workers", "2"));

        // Then
        Await.until(
                () -> "workers " + known(fleet), () -> known(fleet).equals(Set.of("127.0.0.2:9100", "127.0.0.3:9100")));
    }

    @Test
    void shouldTellOfMembersOneAfterTheOther() {
        // Given
        port = 9100;
        List<String> told = new java.util.concurrent.CopyOnWriteArrayList<>();
        Fleet fleet = fleet(List.of("127.0.0.9:9100"), settings());
        fleet.onMembers(new Fleet.Members() {
            @Override
            public void joined(Worker worker) {
                told.add("+" + worker.view().address());
            }

            @Override
            public void left(Worker worker) {
                told.add("-" + worker.view().address());
            }
        });
        dns.set(PREFILL, "127.0.0.2");
        discover(fleet, settings());
        Await.until(() -> told.toString(), () -> told.size() == 2);

        // When
        dns.set(PREFILL, "127.0.0.3");
        Await.until(() -> told.toString(), () -> told.size() == 4);

        // Then
        assertThat(told).containsExactly("+127.0.0.9:9100", "+127.0.0.2:9100", "-127.0.0.2:9100", "+127.0.0.3:9100");
    }

    @Test
    void shouldRefuseSettingsThatMakeNoSense() {
        Fleet fleet = fleet(List.of(), settings());
        for (String[] wrong : new String[][] {
            {"baton.router.dns.refresh", "0s"},
            {"baton.router.dns.timeout", "0s"},
            {"baton.router.dns.max-workers", "0"}
        }) {
            assertThatThrownBy(() -> new Discovery(
                            fleet, List.of(), List.of(), settings(wrong).dns(), group))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageStartingWith(wrong[0] + "=");
        }
    }
}
