package io.baton.decode.service;

import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.hamcrest.Matchers.containsString;

import io.baton.decode.v1.DecodeServiceGrpc;
import io.baton.worker.WorkerGrpcServer;
import io.baton.worker.v1.WatchRequest;
import io.baton.worker.v1.WatchResponse;
import io.baton.worker.v1.WorkerRole;
import io.baton.worker.v1.WorkerServiceGrpc;
import io.baton.worker.v1.WorkerState;
import io.grpc.ManagedChannel;
import io.grpc.health.v1.HealthCheckRequest;
import io.grpc.health.v1.HealthCheckResponse.ServingStatus;
import io.grpc.health.v1.HealthGrpc;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.reflection.v1.ServerReflectionGrpc;
import io.grpc.reflection.v1.ServerReflectionRequest;
import io.grpc.reflection.v1.ServerReflectionResponse;
import io.grpc.reflection.v1.ServiceResponse;
import io.grpc.stub.StreamObserver;
import io.quarkus.test.common.http.TestHTTPResource;
import io.quarkus.test.junit.QuarkusTest;
import java.io.IOException;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.eclipse.microprofile.config.ConfigProvider;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

@QuarkusTest
class DecodeServiceTest {
    /** quarkus.http.limits.max-connections of the service. */
    private static final int HTTP_CONNECTIONS = 256;

    private final int port = ConfigProvider.getConfig().getValue("quarkus.grpc.server.port", Integer.class);

    @SuppressWarnings("NullAway.Init")
    private ManagedChannel channel;

    @BeforeEach
    void open() {
        channel =
                NettyChannelBuilder.forAddress("127.0.0.1", port).usePlaintext().build();
    }

    @AfterEach
    void close() {
        channel.shutdownNow();
    }

    @Test
    void shouldBeReadyAndAlive() {
        given().get("/q/health/ready").then().statusCode(200).body(containsString("takes requests"));
        given().get("/q/health/live").then().statusCode(200).body(containsString("engine"));
    }

    @Test
    void shouldSayThatThereIsNoVllmWhoseMetricsItCouldTell() {
        given().get("/vllm/metrics").then().statusCode(404).body(containsString("/q/metrics"));
    }

    @Test
    void shouldTellTheSameOverGrpcHealth() {
        var health = HealthGrpc.newBlockingStub(channel);
        for (String service : List.of("", WorkerGrpcServer.LIVENESS, DecodeServiceGrpc.SERVICE_NAME)) {
            assertThat(health.check(HealthCheckRequest.newBuilder()
                                    .setService(service)
                                    .build())
                            .getStatus())
                    .isEqualTo(ServingStatus.SERVING);
        }
    }

    @Test
    void shouldReflectItsServices() throws Exception {
        // Given
        CompletableFuture<ServerReflectionResponse> answer = new CompletableFuture<>();
        StreamObserver<ServerReflectionRequest> call = ServerReflectionGrpc.newStub(channel)
                .serverReflectionInfo(new StreamObserver<>() {
                    @Override
                    public void onNext(ServerReflectionResponse value) {
                        answer.complete(value);
                    }

                    @Override
                    public void onError(Throwable t) {
                        answer.completeExceptionally(t);
                    }

                    @Override
                    public void onCompleted() {}
                });

        // When
        call.onNext(ServerReflectionRequest.newBuilder().setListServices("").build());

        // Then
        assertThat(answer.get(30, TimeUnit.SECONDS).getListServicesResponse().getServiceList())
                .extracting(ServiceResponse::getName)
                .contains(DecodeServiceGrpc.SERVICE_NAME, WorkerServiceGrpc.SERVICE_NAME, HealthGrpc.SERVICE_NAME);
        call.onCompleted();
    }

    @Test
    void shouldTellWatchersWhatItIs() {
        // When
        Iterator<WatchResponse> watch =
                WorkerServiceGrpc.newBlockingStub(channel).watch(WatchRequest.getDefaultInstance());
        WatchResponse first = watch.next();

        // Then at once, and again without any change
        assertThat(first.getSequence()).isEqualTo(1);
        assertThat(first.getState()).isEqualTo(WorkerState.WORKER_STATE_READY);
        assertThat(first.getIdentity().getRole()).isEqualTo(WorkerRole.WORKER_ROLE_DECODE);
        assertThat(first.getIdentity().getAddress()).endsWith(":" + port);
        assertThat(first.getIdentity().getBlockSize()).isEqualTo(256);
        assertThat(first.getCapacity().getCells()).isEqualTo(16384);
        assertThat(watch.next().getSequence()).isEqualTo(2);
    }

    @Test
    void shouldNameItsMetricsAsVllmDoesWhereTheyMeanTheSame() {
        String metrics =
                given().get("/q/metrics").then().statusCode(200).extract().asString();
        assertThat(metrics)
                .contains(
                        "vllm:num_requests_running{",
                        "vllm:num_requests_waiting{",
                        "vllm:kv_cache_usage_perc{",
                        "vllm:prompt_tokens_total{",
                        "vllm:generation_tokens_total{",
                        "vllm:prefix_cache_queries_total{",
                        "vllm:prefix_cache_hits_total{",
                        "baton_kv_pinned_bytes{",
                        "baton_kv_store_bytes{",
                        "baton_engine_reserved_cells{",
                        "baton_engine_open_sequences{",
                        "baton_open_streams{",
                        "baton_open_legs{",
                        "baton_prefix_hit_tokens_total{",
                        "baton_decode_computed_prompt_tokens_total{",
                        "vllm:inter_token_latency_seconds_bucket{",
                        "baton_kv_transfer_bytes_total{",
                        "baton_kv_transfer_seconds_bucket{",
                        "baton_queue_seconds_bucket{",
                        "baton_errors_total{code=\"KV_FULL\"");
    }

    @TestHTTPResource
    @SuppressWarnings("NullAway.Init") // Filled in by the test framework.
    private URI http;

    @Test
    void shouldTakeNoMoreHttpConnectionsThanTheLimit() throws IOException {
        List<Socket> sockets = new ArrayList<>();
        try {
            // When: other tests may have some open
            int taken = 0;
            for (int i = 0; i < HTTP_CONNECTIONS + 1; i++) {
                sockets.add(new Socket(http.getHost(), http.getPort()));
                taken += isTaken(sockets.getLast()) ? 1 : 0;
            }
            // Then
            assertThat(taken).isBetween(HTTP_CONNECTIONS / 2, HTTP_CONNECTIONS);
            // When one leaves
            sockets.removeFirst().close();
            // Then there is room again
            long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
            boolean again = false;
            while (!again && System.nanoTime() < end) {
                try (Socket socket = new Socket(http.getHost(), http.getPort())) {
                    again = isTaken(socket);
                }
            }
            assertThat(again).isTrue();
        } finally {
            for (Socket socket : sockets) {
                socket.close();
            }
        }
    }

    /** Whether a request on the connection is answered; one too many is closed. */
    private static boolean isTaken(Socket socket) {
        try {
            socket.setSoTimeout(30_000);
            socket.getOutputStream()
                    .write("GET /q/health/live HTTP/1.1\r\nHost: x\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
            return socket.getInputStream().read() >= 0;
        } catch (IOException e) {
            return false;
        }
    }
}
