package io.baton.cli.process;

import static org.assertj.core.api.Assertions.assertThat;

import io.baton.cli.k8s.PodEnvironment;
import io.baton.inference.v1.GenerateRequest;
import io.grpc.health.v1.HealthCheckRequest;
import io.grpc.health.v1.HealthCheckResponse.ServingStatus;
import io.grpc.health.v1.HealthGrpc;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What kubectl scale does, with processes for pods: each worker has an address of loopback for itself and the port of its role, a
 * DNS server tells the addresses, and the router gets nothing but the names. The environment is that of the generated manifests.
 */
@Tag("process")
class ScaleIT {
    private static final String PREFILL = "modelservice-prefill.test";
    private static final String DECODE = "modelservice-decode.test";
    private static final int CLIENTS = 8;
    private static final int PROMPTS = 6;
    private static final int PROMPT_TOKENS = 150;
    private static final int OUTPUT_TOKENS = 30;

    @TempDir
    private Path directory = Path.of("");

    private final List<AutoCloseable> open = new ArrayList<>();
    private final Random random = new Random();
    /** Addresses that no other test uses at the same time, with great likelihood. */
    private final String network = "127." + random.nextInt(16, 250) + "." + random.nextInt(256) + ".";

    private int nextHost = 2;
    private final int ports = freePorts();

    private static int freePorts() {
        Random random = new Random();
        while (true) {
            int base = random.nextInt(20_000, 32_000);
            if (IntStream.range(base, base + 7).allMatch(ScaleIT::isFree)) {
                return base;
            }
        }
    }

    private static boolean isFree(int port) {
        try (ServerSocket socket = new ServerSocket()) {
            socket.bind(new InetSocketAddress("0.0.0.0", port));
            return true;
        } catch (IOException e) {
            return false;
        }
    }

    @BeforeEach
    void leaveTheMachineToTheProcesses() {
        SharedFleet.close();
    }

    @AfterEach
    void close() throws Exception {
        for (AutoCloseable each : open.reversed()) {
            each.close();
        }
    }

    private <T extends AutoCloseable> T opened(T each) {
        open.add(each);
        return each;
    }

    /** Starts a worker as a pod of its deployment would be; nobody knows of it yet. */
    private Service startWorker(String role, String speed) throws IOException {
        String host = network + nextHost++;
        int port = ports + (role.equals("prefill") ? 0 : 2);
        Map<String, String> environment = PodEnvironment.of(role, host);
        assertThat(environment).containsKeys("BATON_WORKER_ADVERTISED_ADDRESS", "BATON_KV_STORE_SIZE");
        environment.putAll(Map.of(
                "BATON_WORKER_ADVERTISED_ADDRESS", host + ":" + (port + 1),
                "BATON_WORKER_ID", role + "-" + host,
                "BATON_ENGINE_KIND", "simulated",
                "BATON_ENGINE_SIMULATED_SPEED", speed,
                "BATON_ENGINE_MAX_REQUEST_TOKENS", "4096",
                "BATON_KV_BLOCK_SIZE", "32",
                "BATON_KV_STORE_SIZE", "64M"));
        return opened(new Service(directory, role, host, port, port + 1, environment));
    }

    private Service startRouter(Dnsmasq dns) throws IOException {
        Map<String, String> environment = PodEnvironment.of("router", "127.0.0.1");
        assertThat(environment.get("BATON_ROUTER_PREFILL_WORKERS")).startsWith("dns:///");
        environment.putAll(Map.of(
                // The dot makes a name complete, so that the machine's search list plays no part.
                "BATON_ROUTER_PREFILL_WORKERS",
                "dns:///" + PREFILL + ".:" + (ports + 1),
                "BATON_ROUTER_DECODE_WORKERS",
                "dns:///" + DECODE + ".:" + (ports + 3),
                "BATON_ROUTER_SCHEDULE_DISAGGREGATION",
                "always",
                "BATON_ROUTER_DNS_SERVERS",
                dns.address()));
        return opened(new Service(directory, "router", "127.0.0.1", ports + 4, ports + 5, environment));
    }

    private List<Service> scaleOut(Dnsmasq dns, String role, int count, String speed) throws IOException {
        List<Service> started = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            started.add(startWorker(role, speed));
        }
        for (Service worker : started) {
            worker.awaitReady();
            // Kubernetes publishes the address of a pod when it is ready.
            dns.add(role.equals("prefill") ? PREFILL : DECODE, worker.host());
        }
        return started;
    }

    private static void awaitWorkers(Service router, String role, int count) {
        Await.untilEmpty(() -> {
            var workers = router.metrics().samples().stream()
                    .filter(s -> s.name().equals("baton_router_worker_healthy")
                            && role.equals(s.labels().get("role")))
                    .toList();
            return workers.size() == count && workers.stream().allMatch(s -> s.value() == 1)
                    ? ""
                    : "the router's " + role + " workers are " + workers + ", not " + count + " healthy ones";
        });
    }

    private static void awaitUsed(List<Service> workers, String metric) {
        Await.untilEmpty(() -> workers.stream().allMatch(w -> w.metric(metric, Map.of()) > 0)
                ? ""
                : "not every new worker has " + metric);
    }

    /** Clients that send one request after the other and compare what comes. */
    private static final class Load implements AutoCloseable {
        private final ConcurrentLinkedQueue<String> failures = new ConcurrentLinkedQueue<>();
        private final AtomicInteger answers = new AtomicInteger();
        private final AtomicBoolean stop = new AtomicBoolean();
        private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
        private final List<CompletableFuture<Void>> clients = new ArrayList<>();

        Load(Client client) {
            List<GenerateRequest> requests = IntStream.range(0, PROMPTS)
                    .mapToObj(i -> Client.endless(Prompts.random(i, PROMPT_TOKENS), OUTPUT_TOKENS))
                    .toList();
            Map<GenerateRequest, List<Integer>> expected = new HashMap<>();
            requests.forEach(r -> expected.put(r, client.generate(r).ids()));
            for (int i = 0; i < CLIENTS; i++) {
                int first = i;
                clients.add(CompletableFuture.runAsync(
                        () -> {
                            for (int n = first; !stop.get(); n++) {
                                GenerateRequest request = requests.get(n % PROMPTS);
                                try {
                                    List<Integer> ids = client.generate(request).ids();
                                    if (!ids.equals(expected.get(request))) {
                                        failures.add("wrong tokens: " + ids);
                                    }
                                    answers.incrementAndGet();
                                } catch (RuntimeException | AssertionError e) {
                                    failures.add(e.toString());
                                }
                            }
                        },
                        threads));
            }
        }

        /** Waits until as many further requests were answered as there are clients, twice. */
        void awaitTurnover() {
            int before = answers.get();
            Await.untilEmpty(() -> answers.get() >= before + 2 * CLIENTS || !failures.isEmpty()
                    ? ""
                    : answers.get() - before + " answers since");
        }

        @Override
        public void close() {
            stop.set(true);
            CompletableFuture.allOf(clients.toArray(CompletableFuture<?>[]::new))
                    .orTimeout(Await.LONG.toSeconds(), TimeUnit.SECONDS)
                    .join();
            threads.close();
        }
    }

    @Test
    void shouldFailNoRequestWhileWorkersComeAndGo() throws Exception {
        // Given three prefill and two decode workers under load
        Dnsmasq dns = opened(new Dnsmasq(directory, ports + 6));
        Service router = startRouter(dns);
        List<Service> prefill = new ArrayList<>(scaleOut(dns, "prefill", 3, "20"));
        List<Service> decode = new ArrayList<>(scaleOut(dns, "decode", 2, "20"));
        router.awaitReady();
        awaitWorkers(router, "prefill", 3);
        awaitWorkers(router, "decode", 2);
        try (Client client = new Client(router.grpcAddress())) {
            Load load = new Load(client);
            try (load) {
                load.awaitTurnover();

                // When prefill goes from three to five
                List<Service> newPrefill = scaleOut(dns, "prefill", 2, "20");
                prefill.addAll(newPrefill);
                awaitWorkers(router, "prefill", 5);
                awaitUsed(newPrefill, "vllm:prompt_tokens_total");

                // And decode from two to four
                List<Service> newDecode = scaleOut(dns, "decode", 2, "20");
                decode.addAll(newDecode);
                awaitWorkers(router, "decode", 4);
                awaitUsed(newDecode, "vllm:generation_tokens_total");
                load.awaitTurnover();

                // And decode from four to one, all three at once and without a preStop, which is harder than it will be
                List<Service> leaving = List.copyOf(decode.subList(0, 3));
                for (Service worker : leaving) {
                    dns.remove(DECODE, worker.host());
                    worker.terminate();
                }
                leaving.forEach(Service::awaitEnd);
                awaitWorkers(router, "decode", 1);
                load.awaitTurnover();

                // And prefill back to three
                for (Service worker : prefill.subList(0, 2)) {
                    dns.remove(PREFILL, worker.host());
                    worker.terminate();
                }
                prefill.subList(0, 2).forEach(Service::awaitEnd);
                awaitWorkers(router, "prefill", 3);
                load.awaitTurnover();
            }

            // Then
            assertThat(load.failures).isEmpty();
            assertThat(load.answers.get()).isGreaterThan(10 * CLIENTS);
        }
    }

    @Test
    void shouldAnswerTheProbesThroughADrainAsTheManifestsExpect() throws Exception {
        // Given a decode worker in the middle of a long generation
        Dnsmasq dns = opened(new Dnsmasq(directory, ports + 6));
        Service router = startRouter(dns);
        scaleOut(dns, "prefill", 1, "20");
        Service decode = scaleOut(dns, "decode", 1, "1").getFirst();
        router.awaitReady();
        try (Client client = new Client(router.grpcAddress());
                Client probe = new Client(decode.grpcAddress())) {
            assertThat(health(probe, "")).isEqualTo(ServingStatus.SERVING);
            CompletableFuture<Client.Answer> answer =
                    client.start(Client.endless(Prompts.random(1, PROMPT_TOKENS), 5 * OUTPUT_TOKENS));
            Await.untilEmpty(() -> decode.metric("vllm:num_requests_running", Map.of()) > 0 ? "" : "nothing runs yet");

            // When
            decode.terminate();

            // Then readiness goes off, and liveness does not
            Await.untilEmpty(() -> health(probe, "") == ServingStatus.NOT_SERVING ? "" : "it is ready still");
            assertThat(health(probe, "liveness")).isEqualTo(ServingStatus.SERVING);
            assertThat(decode.isAlive()).isTrue();
            assertThat(answer.get(Await.LONG.toSeconds(), TimeUnit.SECONDS).ids())
                    .hasSize(5 * OUTPUT_TOKENS);
            decode.awaitEnd();
        }
    }

    private static ServingStatus health(Client client, String service) {
        return HealthGrpc.newBlockingStub(client.channel())
                .withDeadlineAfter(Await.LONG.toSeconds(), TimeUnit.SECONDS)
                .check(HealthCheckRequest.newBuilder().setService(service).build())
                .getStatus();
    }
}
