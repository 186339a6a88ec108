package io.baton.router.grpc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import grpc.health.v1.HealthGrpc;
import grpc.health.v1.HealthOuterClass.HealthCheckRequest;
import grpc.health.v1.HealthOuterClass.HealthCheckResponse.ServingStatus;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.inference.v1.GenerateResponse;
import io.baton.inference.v1.InferenceServiceGrpc;
import io.baton.router.fake.Await;
import io.baton.router.fake.FakeDecode;
import io.baton.router.fake.FakePrefill;
import io.baton.router.fake.Fakes;
import io.baton.router.fake.Samples;
import io.baton.router.fake.WithApiKeys;
import io.baton.router.fake.WithLittleRoom;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptors;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.MetadataUtils;
import io.grpc.stub.StreamObserver;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import io.quarkus.test.junit.TestProfile;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.eclipse.microprofile.config.ConfigProvider;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A fleet that takes one request at a time, and what becomes of the others. */
@QuarkusTest
@TestProfile(WithLittleRoom.class)
@QuarkusTestResource(Fakes.class)
@SuppressWarnings("NullAway.Init") // Filled in by the test framework.
class AdmissionGrpcTest {
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
        Await.until(
                () -> "health",
                () -> HealthGrpc.newBlockingStub(channel)
                                .check(HealthCheckRequest.getDefaultInstance())
                                .getStatus()
                        == ServingStatus.SERVING);
    }

    @AfterEach
    void nothingIsLeftOpen() {
        Await.until(
                () -> "prefill " + prefill.open() + ", decode " + decode.open(),
                () -> prefill.open() == 0 && decode.open() == 0);
        channel.shutdownNow();
        assertThat(prefill.violations()).isEmpty();
        assertThat(decode.violations()).isEmpty();
    }

    private Channel with(String... headers) {
        Metadata metadata = new Metadata();
        metadata.put(ApiKeyCheck.AUTHORIZATION, "Bearer " + WithApiKeys.ACME);
        for (int i = 0; i < headers.length; i += 2) {
            metadata.put(Metadata.Key.of(headers[i], Metadata.ASCII_STRING_MARSHALLER), headers[i + 1]);
        }
        return ClientInterceptors.intercept(channel, MetadataUtils.newAttachHeadersInterceptor(metadata));
    }

    /** A call, and what becomes of it. */
    private static final class Call implements StreamObserver<GenerateResponse> {
        final CompletableFuture<Boolean> end = new CompletableFuture<>();
        final ClientCall<io.baton.inference.v1.GenerateRequest, GenerateResponse> call;

        Call(Channel channel, String prompt) {
            call = channel.newCall(
                    InferenceServiceGrpc.getGenerateMethod(),
                    CallOptions.DEFAULT.withDeadlineAfter(60, TimeUnit.SECONDS));
            ClientCalls.asyncServerStreamingCall(call, Samples.request(prompt, 3), this);
        }

        @Override
        public void onNext(GenerateResponse value) {
            // Only the end matters here.
        }

        @Override
        public void onError(Throwable t) {
            end.completeExceptionally(t);
        }

        @Override
        public void onCompleted() {
            end.complete(true);
        }

        StatusRuntimeException error() {
            return (StatusRuntimeException) end.handle((_, e) -> e).join();
        }
    }

    private Call busy() {
        prefill.script(new FakePrefill.Script().neverAccepting());
        Call stuck = new Call(with(), "stuck");
        Await.until(() -> "prefill " + prefill.open(), () -> prefill.open() == 1);
        prefill.script(new FakePrefill.Script());
        return stuck;
    }

    private static void assertRefused(StatusRuntimeException e, ErrorCode code) {
        assertThat(e.getStatus().getCode()).as(e.getMessage()).isEqualTo(code.grpc());
        Metadata trailers = e.getTrailers();
        assertThat(trailers).isNotNull();
        assertThat(trailers.get(BatonException.CODE_KEY)).isEqualTo(code.name());
    }

    @Test
    void shouldServeByClassAndForgetWhoLeaves() {
        // Given: no more may wait than three of a class
        Call stuck = busy();
        Call normal = new Call(with(), "normal");
        Call second = new Call(with(), "second");
        Call leaves = new Call(with(), "leaves");
        Call batch = new Call(with("baton-priority", "batch"), "batch");
        Call high = new Call(with("baton-priority", "high"), "high");
        assertRefused(new Call(with(), "too many").error(), ErrorCode.QUEUE_FULL);
        // When
        leaves.call.cancel("enough", null);
        assertThat(leaves.error().getStatus().getCode()).isEqualTo(Status.Code.CANCELLED);
        Await.until(() -> "its place is free", () -> {
            Call probe = new Call(with("baton-ttft-timeout", "600ms"), "probe");
            return BatonException.from(probe.error()).code() == ErrorCode.TTFT_DEADLINE;
        });
        stuck.call.cancel("enough", null);
        // Then
        assertThat(List.of(high.end.join(), normal.end.join(), second.end.join(), batch.end.join()))
                .containsOnly(true);
        assertThat(prefill.legs().stream()
                        .map(leg ->
                                leg.received().getFirst().getStart().getPrompt().getText())
                        .toList())
                .isEqualTo(List.of("stuck", "high", "normal", "second", "batch"));
    }

    @Test
    void shouldSayInATrailerWhenToComeAgain() {
        StatusRuntimeException e = catchThrowableOfType(
                StatusRuntimeException.class,
                () -> InferenceServiceGrpc.newBlockingStub(with("baton-ttft-timeout", "1ms"))
                        .withDeadlineAfter(60, TimeUnit.SECONDS)
                        .generate(Samples.request("x", 3))
                        .forEachRemaining(_ -> {}));
        assertRefused(e, ErrorCode.TTFT_DEADLINE);
        Metadata trailers = e.getTrailers();
        assertThat(trailers == null ? null : trailers.get(BatonException.RETRY_AFTER))
                .isEqualTo("1");
        assertThat(prefill.legs()).isEmpty();
    }

    @Test
    void shouldNameMetadataThatIsWrong() {
        for (String[] header : new String[][] {{"baton-priority", "urgent"}, {"baton-ttft-timeout", "soon"}}) {
            StatusRuntimeException e = new Call(with(header), "x").error();
            assertRefused(e, ErrorCode.INVALID_REQUEST);
            assertThat(e).hasMessageContaining(header[0]);
        }
    }
}
