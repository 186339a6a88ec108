package io.baton.router.grpc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import grpc.health.v1.HealthGrpc;
import grpc.health.v1.HealthOuterClass.HealthCheckRequest;
import grpc.health.v1.HealthOuterClass.HealthCheckResponse.ServingStatus;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.inference.v1.InferenceServiceGrpc;
import io.baton.inference.v1.ListModelsRequest;
import io.baton.router.fake.Await;
import io.baton.router.fake.FakeDecode;
import io.baton.router.fake.FakePrefill;
import io.baton.router.fake.Fakes;
import io.baton.router.fake.Samples;
import io.baton.router.fake.WithApiKeys;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.MetadataUtils;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import io.quarkus.test.junit.TestProfile;
import java.util.concurrent.TimeUnit;
import org.eclipse.microprofile.config.ConfigProvider;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

@QuarkusTest
@TestProfile(WithApiKeys.class)
@QuarkusTestResource(Fakes.class)
@SuppressWarnings("NullAway.Init") // Filled in by the test framework.
class ApiKeyGrpcTest {
    FakePrefill prefill;
    FakeDecode decode;
    private ManagedChannel channel;

    @BeforeEach
    void connect() {
        int port = ConfigProvider.getConfig().getValue("quarkus.grpc.server.test-port", Integer.class);
        channel =
                NettyChannelBuilder.forAddress("127.0.0.1", port).usePlaintext().build();
        prefill.reset();
        decode.reset();
        // Health needs no key.
        Await.until(
                () -> "health",
                () -> HealthGrpc.newBlockingStub(channel)
                                .check(HealthCheckRequest.getDefaultInstance())
                                .getStatus()
                        == ServingStatus.SERVING);
    }

    @AfterEach
    void close() {
        channel.shutdownNow();
    }

    private InferenceServiceGrpc.InferenceServiceBlockingStub stub(@Nullable String authorization) {
        Metadata headers = new Metadata();
        if (authorization != null) {
            headers.put(ApiKeyCheck.AUTHORIZATION, authorization);
        }
        return InferenceServiceGrpc.newBlockingStub(channel)
                .withDeadlineAfter(60, TimeUnit.SECONDS)
                .withInterceptors(MetadataUtils.newAttachHeadersInterceptor(headers));
    }

    private static void assertUnauthenticated(StatusRuntimeException e) {
        assertThat(e.getStatus().getCode()).as(e.getMessage()).isEqualTo(ErrorCode.INVALID_API_KEY.grpc());
        Metadata trailers = e.getTrailers();
        assertThat(trailers == null ? null : trailers.get(BatonException.CODE_KEY))
                .isEqualTo("INVALID_API_KEY");
    }

    @Test
    void shouldTellTheWorkersWhoseRequestItIs() {
        // When
        stub("Bearer " + WithApiKeys.OTHER)
                .generate(Samples.request("hello", 3))
                .forEachRemaining(_ -> {});
        // Then
        assertThat(prefill.leg().received().getFirst().getStart().getTenant()).isEqualTo("other");
        assertThat(decode.leg().received().getFirst().getReserve().getTenant()).isEqualTo("other");
        assertThat(stub("Bearer " + WithApiKeys.ACME)
                        .listModels(ListModelsRequest.getDefaultInstance())
                        .getModelsList())
                .hasSize(1);
    }

    @Test
    void shouldRefuseCallsWithoutAKeyThatIsKnown() {
        for (String authorization : new String[] {null, "Bearer sk-acme-0123456789abcdeg", WithApiKeys.ACME}) {
            assertUnauthenticated(catchThrowableOfType(
                    StatusRuntimeException.class,
                    () -> stub(authorization)
                            .generate(Samples.request("hello", 3))
                            .forEachRemaining(_ -> {})));
            assertUnauthenticated(catchThrowableOfType(
                    StatusRuntimeException.class,
                    () -> stub(authorization).listModels(ListModelsRequest.getDefaultInstance())));
        }
        assertThat(prefill.legs()).isEmpty();
    }
}
