package io.baton.worker;

import static org.assertj.core.api.Assertions.assertThat;

import io.grpc.ManagedChannel;
import io.grpc.health.v1.HealthCheckRequest;
import io.grpc.health.v1.HealthCheckResponse.ServingStatus;
import io.grpc.health.v1.HealthGrpc;
import io.grpc.netty.NettyChannelBuilder;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class WorkerGrpcServerTest {
    private static final int CONNECTIONS = 3;

    /** The limit that is tested, and room enough for everything else. */
    private static final class Settings implements GrpcSettings {
        @Override
        public MemorySize flowControlWindow() {
            return new MemorySize(1 << 20);
        }

        @Override
        public MemorySize maxInboundMessageSize() {
            return new MemorySize(1 << 20);
        }

        @Override
        public MemorySize maxInboundMetadataSize() {
            return new MemorySize(1 << 14);
        }

        @Override
        public int maxCallsPerConnection() {
            return 16;
        }

        @Override
        public int maxConnections() {
            return CONNECTIONS;
        }

        @Override
        public int threads() {
            return 2;
        }

        @Override
        public Duration permitKeepAliveTime() {
            return Duration.ofMillis(500);
        }
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
        try (WorkerGrpcServer server = new WorkerGrpcServer("127.0.0.1", 0, new Settings(), List.of(), _ -> {})) {
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
