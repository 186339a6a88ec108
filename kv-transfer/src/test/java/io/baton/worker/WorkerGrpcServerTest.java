package io.baton.worker;

import static org.assertj.core.api.Assertions.assertThat;

import io.grpc.ManagedChannel;
import io.grpc.health.v1.HealthCheckRequest;
import io.grpc.health.v1.HealthCheckResponse.ServingStatus;
import io.grpc.health.v1.HealthGrpc;
import io.grpc.netty.NettyChannelBuilder;
import io.smallrye.config.PropertiesConfigSource;
import io.smallrye.config.SmallRyeConfigBuilder;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class WorkerGrpcServerTest {
    private static final int CONNECTIONS = 3;

    private static GrpcSettings settings() {
        return new SmallRyeConfigBuilder()
                .addDiscoveredConverters()
                .withSources(new PropertiesConfigSource(
                        Map.of("baton.grpc.max-connections", Integer.toString(CONNECTIONS)), "test", 1000))
                .withMapping(GrpcSettings.class, "baton.grpc")
                .build()
                .getConfigMapping(GrpcSettings.class, "baton.grpc");
    }

    /** Whether the server greets, which it does only on a connection that it takes. */
    private static boolean isTaken(Socket socket) throws IOException {
        socket.setSoTimeout(30_000);
        try {
            return socket.getInputStream().read() >= 0;
        } catch (SocketException e) {
            return false;
        }
    }

    @Test
    void shouldTakeNoMoreConnectionsThanTheLimitUntilOneLeaves() throws IOException {
        try (WorkerGrpcServer server = new WorkerGrpcServer("127.0.0.1", 0, settings(), List.of(), _ -> {})) {
            // Given
            List<Socket> sockets = new ArrayList<>();
            int taken = 0;
            for (int i = 0; i < CONNECTIONS + 2; i++) {
                Socket socket = new Socket(InetAddress.getLoopbackAddress(), server.port());
                sockets.add(socket);
                taken += isTaken(socket) ? 1 : 0;
            }
            // Then
            assertThat(taken).isEqualTo(CONNECTIONS);
            // When
            for (Socket socket : sockets) {
                socket.close();
            }
            // Then
            ManagedChannel channel = NettyChannelBuilder.forAddress("127.0.0.1", server.port())
                    .usePlaintext()
                    .build();
            try {
                assertThat(HealthGrpc.newBlockingStub(channel)
                                .withWaitForReady()
                                .withDeadlineAfter(30, TimeUnit.SECONDS)
                                .check(HealthCheckRequest.getDefaultInstance())
                                .getStatus())
                        .isEqualTo(ServingStatus.SERVING);
            } finally {
                channel.shutdownNow();
            }
        }
    }
}
