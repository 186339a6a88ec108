package io.baton.cli.process;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.baton.cli.k8s.PodEnvironment;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.inference.v1.GenerateResponse;
import io.baton.inference.v1.InferenceServiceGrpc;
import io.grpc.ClientInterceptors;
import io.grpc.Metadata;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.MetadataUtils;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The services as processes, with exactly the environment and the Secrets' files that a secured overlay gives their pods. */
@Tag("process")
class SecuredManifestsIT {
    private static final String HOST = "127.0.0.1";
    private static final int TOKENS = 8;

    @TempDir
    private Path directory = Path.of("");

    private final List<Service> started = new ArrayList<>();

    @BeforeEach
    void leaveTheMachineToTheProcesses() {
        SharedFleet.close();
    }

    @AfterEach
    void close() {
        started.forEach(Service::close);
    }

    private static int freePort() throws IOException {
        try (ServerSocket socket = new ServerSocket()) {
            socket.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
            return socket.getLocalPort();
        }
    }

    private Service start(String role, Map<String, String> more) throws IOException {
        Map<String, String> environment = PodEnvironment.secured(role, secrets(role));
        assertThat(environment).containsEntry("BATON_TLS_MODE", "mtls");
        environment.putAll(more);
        int grpc = freePort();
        environment.put("BATON_WORKER_ADVERTISED_ADDRESS", HOST + ":" + grpc);
        Service service = new Service(directory, role, HOST, freePort(), grpc, environment);
        started.add(service);
        return service;
    }

    private Path secrets(String role) {
        return directory.resolve("secrets-" + role);
    }

    private Service worker(String role) throws IOException {
        return start(
                role,
                Map.of(
                        "BATON_WORKER_ID", role + "-of-a-pod",
                        "BATON_ENGINE_KIND", "simulated",
                        "BATON_ENGINE_SIMULATED_SPEED", "0",
                        "BATON_KV_BLOCK_SIZE", "32",
                        "BATON_KV_STORE_SIZE", "64M"));
    }

    @Test
    void shouldServeWhoeverHasAnApiKeyOverMutualTlsWithSignedDescriptors() throws Exception {
        // Given
        Service prefill = worker("prefill");
        Service decode = worker("decode");
        Service router = start(
                "router",
                Map.of(
                        "BATON_ROUTER_PREFILL_WORKERS", prefill.grpcAddress(),
                        "BATON_ROUTER_DECODE_WORKERS", decode.grpcAddress(),
                        // So that blocks move, however short the prompt.
                        "BATON_ROUTER_SCHEDULE_DISAGGREGATION", "always"));
        started.forEach(Service::awaitReady);

        try (Client client = new Client(router.grpcAddress())) {
            var request = Client.endless(Prompts.random(1, 100), TOKENS);
            // When / Then
            assertThatThrownBy(() -> client.generate(request))
                    .isInstanceOfSatisfying(
                            StatusRuntimeException.class,
                            e -> assertThat(BatonException.from(e).code()).isEqualTo(ErrorCode.INVALID_API_KEY));

            // When
            String key = Files.readAllLines(secrets("router").resolve("api-keys")).stream()
                    .filter(line -> line.startsWith("example: "))
                    .map(line -> line.substring("example: ".length()))
                    .findFirst()
                    .orElseThrow();
            Metadata headers = new Metadata();
            headers.put(Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER), "Bearer " + key);
            var answers = InferenceServiceGrpc.newBlockingStub(ClientInterceptors.intercept(
                            client.channel(), MetadataUtils.newAttachHeadersInterceptor(headers)))
                    .withDeadlineAfter(Await.LONG.toSeconds(), TimeUnit.SECONDS)
                    .generate(request);
            List<GenerateResponse> events = new ArrayList<>();
            answers.forEachRemaining(events::add);

            // Then
            assertThat(events.stream().filter(GenerateResponse::hasOutput)).hasSize(TOKENS);
            assertThat(decode.metric("baton_kv_transfer_blocks_total", Map.of()))
                    .isPositive();
            for (Service service : started) {
                assertThat(service.metric("baton_tls_certificate_expiry_seconds", Map.of()))
                        .isPositive();
                assertThat(service.metric("baton_tls_refused_total", Map.of())).isZero();
            }
            assertThat(prefill.log()).doesNotContain("not signed");
            assertThat(decode.log()).doesNotContain("not signed");
        }
    }
}
