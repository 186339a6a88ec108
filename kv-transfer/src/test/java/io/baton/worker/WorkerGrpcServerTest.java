package io.baton.worker;

import static org.assertj.core.api.Assertions.assertThat;

import io.baton.tls.ServiceTls;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.health.v1.HealthCheckRequest;
import io.grpc.health.v1.HealthGrpc;
import io.grpc.netty.NettyChannelBuilder;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
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

    private final List<ManagedChannel> channels = new ArrayList<>();

    @AfterEach
    void close() {
        channels.forEach(ManagedChannel::shutdownNow);
    }

    /** How a call on a new connection ends; a connection on which it fails is given up. */
    private Status.Code call(int port) {
        ManagedChannel channel =
                NettyChannelBuilder.forAddress("127.0.0.1", port).usePlaintext().build();
        channels.add(channel);
        try {
            HealthGrpc.newBlockingStub(channel)
                    .withDeadlineAfter(30, TimeUnit.SECONDS)
                    .check(HealthCheckRequest.getDefaultInstance());
            return Status.Code.OK;
        } catch (StatusRuntimeException e) {
            channel.shutdownNow();
            return e.getStatus().getCode();
        }
    }

    @Test
    void shouldTakeNoMoreConnectionsThanTheLimitUntilOneLeaves() {
        try (WorkerGrpcServer server =
                new WorkerGrpcServer("127.0.0.1", 0, new Settings(), ServiceTls.plaintext(), List.of(), _ -> {})) {
            // Given
            for (int i = 0; i < CONNECTIONS; i++) {
                assertThat(call(server.port())).isEqualTo(Status.Code.OK);
            }
            // When / Then
            assertThat(call(server.port())).isIn(Status.Code.UNAVAILABLE, Status.Code.INTERNAL);
            assertThat(call(server.port())).isIn(Status.Code.UNAVAILABLE, Status.Code.INTERNAL);
            // When one leaves
            channels.getFirst().shutdownNow();
            // Then there is room again
            long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
            Status.Code last = call(server.port());
            while (last != Status.Code.OK && System.nanoTime() < end) {
                LockSupport.parkNanos(2_000_000);
                last = call(server.port());
            }
            assertThat(last).isEqualTo(Status.Code.OK);
        }
    }
}
