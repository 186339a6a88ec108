package io.baton.worker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.baton.tls.ServiceTls;
import io.grpc.CallOptions;
import io.grpc.ClientCall;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.health.v1.HealthCheckRequest;
import io.grpc.health.v1.HealthCheckResponse;
import io.grpc.health.v1.HealthGrpc;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.MetadataUtils;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class WorkerGrpcServerTest {
    private static final int CONNECTIONS = 3;
    private static final int CALLS = 16;
    private static final int MESSAGE = 1 << 20;
    private static final int HEADERS = 1 << 14;

    /** The limit that is tested, and room enough for everything else. */
    private static final class Settings implements GrpcSettings {
        @Override
        public MemorySize flowControlWindow() {
            return new MemorySize(1 << 20);
        }

        @Override
        public MemorySize maxInboundMessageSize() {
            return new MemorySize(MESSAGE);
        }

        @Override
        public MemorySize maxInboundMetadataSize() {
            return new MemorySize(HEADERS);
        }

        @Override
        public int maxCallsPerConnection() {
            return CALLS;
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

    private ManagedChannel channel(WorkerGrpcServer server) {
        ManagedChannel channel = NettyChannelBuilder.forAddress("127.0.0.1", server.port())
                .usePlaintext()
                .build();
        channels.add(channel);
        return channel;
    }

    /** A call that stays open until it is cancelled; done with its first answer. */
    private static final class Watch extends ClientCall.Listener<HealthCheckResponse> {
        final CompletableFuture<HealthCheckResponse> first = new CompletableFuture<>();
        private final ClientCall<HealthCheckRequest, HealthCheckResponse> call;

        Watch(ManagedChannel channel) {
            call = channel.newCall(HealthGrpc.getWatchMethod(), CallOptions.DEFAULT);
            call.start(this, new Metadata());
            call.sendMessage(HealthCheckRequest.getDefaultInstance());
            call.halfClose();
            call.request(1);
        }

        @Override
        public void onMessage(HealthCheckResponse message) {
            first.complete(message);
        }

        @Override
        public void onClose(Status status, Metadata trailers) {
            first.completeExceptionally(status.asException(trailers));
        }

        void cancel() {
            call.cancel("the test is over", null);
        }
    }

    private static boolean comes(Watch watch) throws Exception {
        try {
            return watch.first.get(2, TimeUnit.SECONDS) != null;
        } catch (TimeoutException e) {
            return false;
        }
    }

    @Test
    void shouldLetACallWaitAtTheCallerWhereItsConnectionHasAsManyAsItMay() throws Exception {
        try (WorkerGrpcServer server =
                new WorkerGrpcServer("127.0.0.1", 0, new Settings(), ServiceTls.plaintext(), List.of(), _ -> {})) {
            // Given a connection with as many calls as it may have
            ManagedChannel busy = channel(server);
            List<Watch> calls = new ArrayList<>();
            for (int i = 0; i < CALLS; i++) {
                calls.add(new Watch(busy));
                assertThat(calls.getLast().first.get(30, TimeUnit.SECONDS)).isNotNull();
            }
            // When one more is made there, and then one on another connection
            Watch waiting = new Watch(busy);
            assertThat(call(server.port())).isEqualTo(Status.Code.OK);
            // Then the later one comes first
            assertThat(waiting.first).isNotDone();
            // When others end: gRPC sends all of what waited for a cancelled call only with whatever it sends next
            for (Watch other : calls) {
                other.cancel();
                if (comes(waiting)) {
                    break;
                }
            }
            // Then
            assertThat(waiting.first).isCompleted();
            calls.forEach(Watch::cancel);
            waiting.cancel();
        }
    }

    @Test
    void shouldRefuseAMessageOverTheLimitAndGoOn() {
        try (WorkerGrpcServer server =
                new WorkerGrpcServer("127.0.0.1", 0, new Settings(), ServiceTls.plaintext(), List.of(), _ -> {})) {
            HealthGrpc.HealthBlockingStub health =
                    HealthGrpc.newBlockingStub(channel(server)).withDeadlineAfter(30, TimeUnit.SECONDS);
            // When
            StatusRuntimeException over =
                    catchThrowableOfType(StatusRuntimeException.class, () -> health.check(named("x".repeat(MESSAGE))));
            HealthCheckResponse within =
                    health.watch(named("x".repeat(MESSAGE - 100))).next();
            // Then the latter is read: there is no such service
            assertThat(over.getStatus().getCode()).isEqualTo(Status.Code.RESOURCE_EXHAUSTED);
            assertThat(within.getStatus()).isEqualTo(HealthCheckResponse.ServingStatus.SERVICE_UNKNOWN);
        }
    }

    private static HealthCheckRequest named(String service) {
        return HealthCheckRequest.newBuilder().setService(service).build();
    }

    @Test
    void shouldRefuseHeadersOverTheLimitAndGoOn() {
        try (WorkerGrpcServer server =
                new WorkerGrpcServer("127.0.0.1", 0, new Settings(), ServiceTls.plaintext(), List.of(), _ -> {})) {
            ManagedChannel channel = channel(server);
            Metadata headers = new Metadata();
            headers.put(Metadata.Key.of("x-long", Metadata.ASCII_STRING_MARSHALLER), "x".repeat(HEADERS));
            HealthGrpc.HealthBlockingStub health =
                    HealthGrpc.newBlockingStub(channel).withDeadlineAfter(30, TimeUnit.SECONDS);
            // When
            StatusRuntimeException over = catchThrowableOfType(
                    StatusRuntimeException.class,
                    () -> health.withInterceptors(MetadataUtils.newAttachHeadersInterceptor(headers))
                            .check(HealthCheckRequest.getDefaultInstance()));
            // Then
            assertThat(over).isNotNull();
            assertThat(health.check(HealthCheckRequest.getDefaultInstance()).getStatus())
                    .isEqualTo(HealthCheckResponse.ServingStatus.SERVING);
        }
    }
}
