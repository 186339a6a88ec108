package io.baton.router.grpc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import grpc.health.v1.HealthGrpc;
import grpc.health.v1.HealthOuterClass.HealthCheckRequest;
import io.baton.inference.v1.GenerateRequest;
import io.baton.inference.v1.GenerateResponse;
import io.baton.inference.v1.InferenceServiceGrpc;
import io.baton.router.fake.Await;
import io.baton.router.fake.FakeDecode;
import io.baton.router.fake.FakePrefill;
import io.baton.router.fake.Fakes;
import io.baton.router.fake.Samples;
import io.baton.router.fake.WithTightBounds;
import io.grpc.Context;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.MetadataUtils;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import io.quarkus.test.junit.TestProfile;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.eclipse.microprofile.config.ConfigProvider;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

@QuarkusTest
@TestProfile(WithTightBounds.class)
@QuarkusTestResource(Fakes.class)
@SuppressWarnings("NullAway.Init") // Filled in by the test framework.
class BoundsTest {
    FakePrefill prefill;
    FakeDecode decode;
    private int port;
    private final List<ManagedChannel> channels = new ArrayList<>();

    @BeforeEach
    void reset() {
        port = ConfigProvider.getConfig().getValue("quarkus.grpc.server.test-port", Integer.class);
        prefill.reset();
        decode.reset();
        Await.until(() -> "a worker", () -> !generate(channel(), "first").isEmpty());
        prefill.reset();
        close();
    }

    @AfterEach
    void close() {
        for (ManagedChannel channel : channels) {
            channel.shutdownNow();
            Await.until(() -> "the end of a connection", channel::isTerminated);
        }
        channels.clear();
    }

    private ManagedChannel channel() {
        ManagedChannel channel =
                NettyChannelBuilder.forAddress("127.0.0.1", port).usePlaintext().build();
        channels.add(channel);
        return channel;
    }

    private static List<GenerateResponse> generate(ManagedChannel channel, String prompt) {
        List<GenerateResponse> events = new ArrayList<>();
        try {
            InferenceServiceGrpc.newBlockingStub(channel)
                    .withDeadlineAfter(30, TimeUnit.SECONDS)
                    .generate(Samples.request(prompt, 2))
                    .forEachRemaining(events::add);
        } catch (StatusRuntimeException e) {
            return List.of();
        }
        return events;
    }

    /** How a call of health on a connection ends; a connection on which it fails is given up. */
    private static Status.Code health(ManagedChannel channel) {
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
    void shouldTakeNoMoreConnectionsThanTheLimit() {
        // Given: the connections of other tests may take a moment to end
        for (int i = 0; i < WithTightBounds.GRPC_CONNECTIONS; i++) {
            Await.until(() -> "a connection", () -> health(channel()) == Status.Code.OK);
        }
        // When / Then
        assertThat(health(channel())).isIn(Status.Code.UNAVAILABLE, Status.Code.INTERNAL);
        assertThat(health(channel())).isIn(Status.Code.UNAVAILABLE, Status.Code.INTERNAL);
        // When one leaves, there is room again
        channels.stream().filter(c -> !c.isShutdown()).findFirst().orElseThrow().shutdownNow();
        Await.until(() -> "a new connection", () -> health(channel()) == Status.Code.OK);
    }

    @Test
    void shouldLetACallWaitAtTheClientWhereItsConnectionHasAsManyAsItMay() {
        // Given
        prefill.script(new FakePrefill.Script().neverAccepting());
        ManagedChannel busy = channel();
        try (Context.CancellableContext context = Context.current().withCancellation()) {
            context.run(() -> {
                for (int i = 0; i < WithTightBounds.CALLS + 1; i++) {
                    InferenceServiceGrpc.newStub(busy).generate(named("busy"), new Ignore());
                }
            });
            Await.until(
                    () -> "legs " + prefill.legs().size(), () -> prefill.legs().size() >= WithTightBounds.CALLS);
            // When: another connection asks later
            context.run(() -> InferenceServiceGrpc.newStub(channel()).generate(named("other"), new Ignore()));
            // Then: it comes first
            Await.until(
                    () -> "the other one",
                    () -> prefill.legs().size() == WithTightBounds.CALLS + 1
                            && !prefill.legs().getLast().received().isEmpty());
            assertThat(prefill.legs()
                            .getLast()
                            .received()
                            .getFirst()
                            .getStart()
                            .getPrompt()
                            .getText())
                    .isEqualTo("other");
        }
        Await.until(() -> "legs " + prefill.open(), () -> prefill.open() == 0);
    }

    private static GenerateRequest named(String prompt) {
        return Samples.request(prompt, 2);
    }

    private static final class Ignore implements io.grpc.stub.StreamObserver<GenerateResponse> {
        @Override
        public void onNext(GenerateResponse value) {}

        @Override
        public void onError(Throwable t) {}

        @Override
        public void onCompleted() {}
    }

    @Test
    void shouldRefuseHeadersOverTheLimitAndGoOn() {
        // Given
        ManagedChannel channel = channel();
        Metadata headers = new Metadata();
        headers.put(Metadata.Key.of("x-long", Metadata.ASCII_STRING_MARSHALLER), "x".repeat(3000));
        // When
        StatusRuntimeException e = catchThrowableOfType(
                StatusRuntimeException.class,
                () -> InferenceServiceGrpc.newBlockingStub(channel)
                        .withDeadlineAfter(30, TimeUnit.SECONDS)
                        .withInterceptors(MetadataUtils.newAttachHeadersInterceptor(headers))
                        .generate(named("x"))
                        .forEachRemaining(_ -> {}));
        // Then
        assertThat(e).isNotNull();
        assertThat(prefill.legs()).isEmpty();
        assertThat(generate(channel, "again")).isNotEmpty();
    }
}
