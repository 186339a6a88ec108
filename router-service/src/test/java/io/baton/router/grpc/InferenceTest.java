package io.baton.router.grpc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import com.google.protobuf.ByteString;
import grpc.health.v1.HealthGrpc;
import grpc.health.v1.HealthOuterClass.HealthCheckRequest;
import grpc.health.v1.HealthOuterClass.HealthCheckResponse.ServingStatus;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.inference.v1.GenerateRequest;
import io.baton.inference.v1.GenerateResponse;
import io.baton.inference.v1.InferenceServiceGrpc;
import io.baton.inference.v1.ListModelsRequest;
import io.baton.inference.v1.Model;
import io.baton.router.fake.Await;
import io.baton.router.fake.FakeDecode;
import io.baton.router.fake.FakePrefill;
import io.baton.router.fake.Fakes;
import io.baton.router.fake.Samples;
import io.baton.router.run.CallInfo;
import io.baton.worker.v1.WorkerState;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.reflection.v1.ServerReflectionGrpc;
import io.grpc.reflection.v1.ServerReflectionRequest;
import io.grpc.reflection.v1.ServerReflectionResponse;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.MetadataUtils;
import io.grpc.stub.StreamObserver;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.eclipse.microprofile.config.ConfigProvider;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

@QuarkusTest
@QuarkusTestResource(Fakes.class)
@SuppressWarnings("NullAway.Init") // Filled in by the test framework.
class InferenceTest {
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
        Await.until(() -> "health", () -> health() == ServingStatus.SERVING);
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

    private ServingStatus health() {
        return health(InferenceServiceGrpc.SERVICE_NAME);
    }

    private ServingStatus health(String service) {
        return HealthGrpc.newBlockingStub(channel)
                .check(HealthCheckRequest.newBuilder().setService(service).build())
                .getStatus();
    }

    private InferenceServiceGrpc.InferenceServiceBlockingStub stub() {
        return InferenceServiceGrpc.newBlockingStub(channel).withDeadlineAfter(60, TimeUnit.SECONDS);
    }

    private List<GenerateResponse> generate(GenerateRequest request) {
        List<GenerateResponse> events = new ArrayList<>();
        stub().generate(request).forEachRemaining(events::add);
        return events;
    }

    private StatusRuntimeException refusal(GenerateRequest request) {
        return catchThrowableOfType(StatusRuntimeException.class, () -> generate(request));
    }

    private static void assertStatus(StatusRuntimeException e, ErrorCode code) {
        assertThat(e.getStatus().getCode()).as(e.getMessage()).isEqualTo(code.grpc());
        Metadata trailers = e.getTrailers();
        assertThat(trailers == null ? null : trailers.get(BatonException.CODE_KEY))
                .isEqualTo(code.name());
    }

    @Test
    void shouldStreamTokensBetweenStartAndEnd() {
        // When
        List<GenerateResponse> events = generate(
                Samples.request("hello", 4).toBuilder().setRequestId("mine").build());
        // Then
        assertThat(events)
                .extracting(GenerateResponse::getEventCase)
                .startsWith(GenerateResponse.EventCase.STARTED, GenerateResponse.EventCase.OUTPUT)
                .endsWith(GenerateResponse.EventCase.OUTPUT, GenerateResponse.EventCase.FINISHED)
                .hasSize(6);
        assertThat(events.getFirst().getStarted().getRequestId()).isEqualTo("mine");
        assertThat(events.getFirst().getStarted().getPromptTokens()).isEqualTo(5);
        assertThat(events.getFirst().getStarted().getSeed()).isEqualTo(42);
        for (int i = 0; i < 4; i++) {
            assertThat(events.get(i + 1).getOutput()).isEqualTo(Samples.token(i));
        }
        assertThat(events.getLast().getFinished().getUsage().getCompletionTokens())
                .isEqualTo(4);
        assertThat(events.getLast().getFinished().getTiming().getKvBytes()).isEqualTo(2048);
    }

    @Test
    void shouldDrawASeedAndFindTheOnlyModel() {
        // When
        GenerateRequest.Builder request =
                Samples.request("hello", 2).toBuilder().clearModel();
        request.getSamplingBuilder().clearSeed();
        long first = generate(request.build()).getFirst().getStarted().getSeed();
        List<GenerateResponse> second = generate(request.build());
        // Then
        assertThat(second.getFirst().getStarted().getSeed()).isNotEqualTo(first);
        assertThat(second.getFirst().getStarted().getModel()).isEqualTo(Samples.MODEL);
        assertThat(second.getFirst().getStarted().getRequestId()).hasSize(32);
    }

    @Test
    void shouldEchoTheNamesOfTheCall() {
        // Given
        String trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        Metadata sent = new Metadata();
        sent.put(CallInfo.REQUEST_ID, "from-header");
        sent.put(CallInfo.TRACEPARENT, trace);
        AtomicReference<Metadata> headers = new AtomicReference<>();
        AtomicReference<Metadata> trailers = new AtomicReference<>();
        // When
        Iterator<GenerateResponse> events = stub().withInterceptors(
                        MetadataUtils.newAttachHeadersInterceptor(sent),
                        MetadataUtils.newCaptureMetadataInterceptor(headers, trailers))
                .generate(Samples.request("x", 2));
        events.forEachRemaining(_ -> {});
        // Then
        Metadata received = java.util.Objects.requireNonNull(headers.get());
        assertThat(received.get(CallInfo.REQUEST_ID)).isEqualTo("from-header");
        assertThat(received.get(CallInfo.PICK)).contains("policy=auto", "prefill=" + prefill.address());
        assertThat(java.util.Objects.requireNonNull(trailers.get()).get(CallInfo.PICK))
                .contains("decode=" + decode.address());
        assertThat(received.get(CallInfo.TRACEPARENT)).isEqualTo(trace);
        assertThat(prefill.leg().headers().get(CallInfo.REQUEST_ID)).isEqualTo("from-header");
    }

    static Stream<Arguments> wrongFields() {
        return Stream.of(
                wrong("prompt", r -> r.clearPrompt()),
                wrong(
                        "prompt.text",
                        r -> r.setPrompt(r.getPrompt().toBuilder().setText("").build())),
                wrong(
                        "prompt.token_ids",
                        r -> r.setPrompt(r.getPrompt().toBuilder()
                                .setTokenIds(ByteString.EMPTY)
                                .build())),
                wrong(
                        "prompt.token_ids",
                        r -> r.setPrompt(r.getPrompt().toBuilder()
                                .setTokenIds(ByteString.copyFromUtf8("abc"))
                                .build())),
                wrong(
                        "prompt.token_ids",
                        r -> r.setPrompt(r.getPrompt().toBuilder()
                                .setTokenIds(Samples.ids(1, -1))
                                .build())),
                wrong(
                        "prompt.chat.messages",
                        r -> r.setPrompt(r.getPrompt().toBuilder()
                                .setChat(io.baton.inference.v1.ChatPrompt.getDefaultInstance())
                                .build())),
                wrong("sampling.temperature", r -> sampling(r, s -> s.setTemperature(Float.NaN))),
                wrong("sampling.temperature", r -> sampling(r, s -> s.setTemperature(Float.POSITIVE_INFINITY))),
                wrong("sampling.temperature", r -> sampling(r, s -> s.setTemperature(-1))),
                wrong("sampling.top_k", r -> sampling(r, s -> s.setTopK(-1))),
                wrong("sampling.top_p", r -> sampling(r, s -> s.setTopP(0))),
                wrong("sampling.min_p", r -> sampling(r, s -> s.setMinP(Float.NaN))),
                wrong("sampling.repetition_penalty", r -> sampling(r, s -> s.setRepetitionPenalty(0))),
                wrong("sampling.presence_penalty", r -> sampling(r, s -> s.setPresencePenalty(3))),
                wrong("sampling.frequency_penalty", r -> sampling(r, s -> s.setFrequencyPenalty(-3))),
                wrong("sampling.logit_bias", r -> sampling(r, s -> s.putLogitBias(1, Float.NaN))),
                wrong("sampling.logit_bias", r -> sampling(r, s -> s.putLogitBias(-1, 1))),
                wrong(
                        "sampling.logit_bias",
                        r -> sampling(r, s -> {
                            for (int i = 0; i < 1025; i++) {
                                s.putLogitBias(i, 1);
                            }
                        })),
                wrong("stop.max_tokens", r -> stop(r, s -> s.setMaxTokens(0))),
                wrong("stop.max_tokens", r -> stop(r, s -> s.setMaxTokens(-5))),
                wrong("stop.min_tokens", r -> stop(r, s -> s.setMinTokens(9))),
                wrong("stop.stop", r -> stop(r, s -> s.addStop(""))),
                wrong("stop.stop", r -> stop(r, s -> s.addStop("x".repeat(257)))),
                wrong("stop.stop", r -> stop(r, s -> s.addAllStop(java.util.Collections.nCopies(17, "x")))),
                wrong("stop.stop_token_ids", r -> stop(r, s -> s.addStopTokenIds(-1))),
                wrong(
                        "stop.stop_token_ids",
                        r -> stop(r, s -> s.addAllStopTokenIds(java.util.Collections.nCopies(65, 1)))),
                wrong("top_logprobs", r -> r.setTopLogprobs(21)),
                wrong("top_logprobs", r -> r.setTopLogprobs(-1)),
                wrong("request_id", r -> r.setRequestId("a b")),
                wrong("request_id", r -> r.setRequestId("x".repeat(129))));
    }

    private static Arguments wrong(String field, UnaryOperator<GenerateRequest.Builder> change) {
        return Arguments.of(
                field, change.apply(Samples.request("hello", 4).toBuilder()).build());
    }

    private static GenerateRequest.Builder sampling(
            GenerateRequest.Builder r, Consumer<io.baton.inference.v1.SamplingParams.Builder> change) {
        change.accept(r.getSamplingBuilder());
        return r;
    }

    private static GenerateRequest.Builder stop(
            GenerateRequest.Builder r, Consumer<io.baton.inference.v1.StopParams.Builder> change) {
        change.accept(r.getStopBuilder());
        return r;
    }

    @ParameterizedTest
    @MethodSource("wrongFields")
    void shouldNameTheWrongField(String field, GenerateRequest request) {
        // When
        StatusRuntimeException e = refusal(request);
        // Then
        assertStatus(e, ErrorCode.INVALID_REQUEST);
        assertThat(e.getStatus().getDescription()).startsWith(field + ": ");
        assertThat(prefill.legs()).isEmpty();
    }

    @Test
    void shouldRefuseAnUnknownModel() {
        // When
        StatusRuntimeException e =
                refusal(Samples.request("x", 2).toBuilder().setModel("other").build());
        // Then
        assertStatus(e, ErrorCode.MODEL_NOT_FOUND);
        assertThat(e.getStatus().getDescription()).contains(Samples.MODEL);
    }

    @Test
    void shouldPassOnWhatAWorkerRefused() {
        // Given
        prefill.script(new FakePrefill.Script()
                .refusing(new BatonException(ErrorCode.CONTEXT_LENGTH_EXCEEDED, "5 tokens are too many")));
        // When
        StatusRuntimeException e = refusal(Samples.request("hello", 2));
        // Then
        assertStatus(e, ErrorCode.CONTEXT_LENGTH_EXCEEDED);
        assertThat(e.getStatus().getDescription()).isEqualTo("5 tokens are too many");
    }

    @Test
    void shouldEndAtTheClientsDeadline() {
        // Given
        prefill.script(new FakePrefill.Script().neverAccepting());
        // When
        StatusRuntimeException e = catchThrowableOfType(
                StatusRuntimeException.class,
                () -> InferenceServiceGrpc.newBlockingStub(channel)
                        .withDeadlineAfter(300, TimeUnit.MILLISECONDS)
                        .generate(Samples.request("x", 2))
                        .forEachRemaining(_ -> {}));
        // Then
        assertThat(e.getStatus().getCode()).isEqualTo(Status.Code.DEADLINE_EXCEEDED);
        assertThat(prefill.leg().end()).isIn("cancel message", "cancelled call");
    }

    @Test
    void shouldReachBothLegsWhenTheClientCancels() {
        // Given
        decode.script(new FakeDecode.Script().stoppingAfter(2));
        Iterator<GenerateResponse> events;
        io.grpc.Context.CancellableContext context = io.grpc.Context.current().withCancellation();
        try {
            events = context.call(() -> stub().generate(Samples.request("hello", 50)));
            for (int i = 0; i < 4; i++) {
                events.next();
            }
        } catch (Exception e) {
            throw new AssertionError(e);
        } finally {
            // When
            context.cancel(null);
        }
        // Then
        assertThat(decode.leg().end()).isEqualTo("cancel message");
        assertThat(prefill.leg().end()).isIn("half-close", "cancelled call");
    }

    @Test
    void shouldCutAClientThatDoesNotRead() {
        // Given: more than the windows and the buffer of 200 outputs take
        decode.script(new FakeDecode.Script().padding(20_000));
        CompletableFuture<Status> end = new CompletableFuture<>();
        ClientCall<GenerateRequest, GenerateResponse> call =
                channel.newCall(InferenceServiceGrpc.getGenerateMethod(), CallOptions.DEFAULT);
        call.start(
                new ClientCall.Listener<>() {
                    @Override
                    public void onMessage(GenerateResponse message) {
                        if (message.hasStarted()) {
                            // Reads on only when the router has given up.
                            Await.until(
                                    () -> "decode's end",
                                    () -> !decode.legs().isEmpty()
                                            && decode.leg().isEnded());
                        }
                        call.request(1);
                    }

                    @Override
                    public void onClose(Status status, Metadata trailers) {
                        end.complete(status.withDescription(String.valueOf(trailers.get(BatonException.CODE_KEY))));
                    }
                },
                new Metadata());
        // When
        call.sendMessage(Samples.request("hello", 2000));
        call.halfClose();
        call.request(1);
        // Then
        Status status = end.orTimeout(60, TimeUnit.SECONDS).join();
        assertThat(status.getCode()).isEqualTo(Status.Code.RESOURCE_EXHAUSTED);
        assertThat(status.getDescription()).isEqualTo("CLIENT_TOO_SLOW");
    }

    @Test
    void shouldRefuseAMessageOver100Megabytes() {
        // Given
        GenerateRequest huge = Samples.request("x", 2).toBuilder()
                .setPrompt(
                        io.baton.inference.v1.Prompt.newBuilder().setTokenIds(ByteString.copyFrom(new byte[100 << 20])))
                .build();
        // When
        StatusRuntimeException e = refusal(huge);
        // Then
        assertThat(e.getStatus().getCode()).as(e.getMessage()).isEqualTo(Status.Code.RESOURCE_EXHAUSTED);
        assertThat(generate(Samples.request("x", 2))).isNotEmpty();
    }

    @Test
    void shouldNameTheErrorOfAMessageOverTheLimit() {
        // Given: over the limit of 8 MiB, and below what gRPC itself takes
        GenerateRequest large = Samples.request("x", 2).toBuilder()
                .setPrompt(
                        io.baton.inference.v1.Prompt.newBuilder().setTokenIds(ByteString.copyFrom(new byte[9 << 20])))
                .build();
        // When / Then
        assertStatus(refusal(large), ErrorCode.REQUEST_TOO_LARGE);
        StatusRuntimeException compressed = catchThrowableOfType(
                StatusRuntimeException.class,
                () -> stub().withCompression("gzip").generate(large).forEachRemaining(_ -> {}));
        assertStatus(compressed, ErrorCode.REQUEST_TOO_LARGE);
        assertThat(prefill.legs()).isEmpty();
        assertThat(generate(Samples.request("x", 2))).isNotEmpty();
    }

    @Test
    void shouldRefuseTextThatIsNotUtf8() {
        // Given: the same call, with bytes that protobuf would not write
        byte[] bytes = Samples.request("a?b", 2).toByteArray();
        for (int i = 0; i < bytes.length; i++) {
            if (bytes[i] == '?') {
                bytes[i] = (byte) 0xff;
            }
        }
        // When
        StatusRuntimeException e = catchThrowableOfType(
                StatusRuntimeException.class,
                () -> ClientCalls.blockingUnaryCall(
                        (Channel) channel,
                        MethodDescriptor.newBuilder(new Raw(), new Raw())
                                .setType(MethodDescriptor.MethodType.UNARY)
                                .setFullMethodName(
                                        InferenceServiceGrpc.getGenerateMethod().getFullMethodName())
                                .build(),
                        CallOptions.DEFAULT,
                        bytes));
        // Then
        assertStatus(e, ErrorCode.INVALID_REQUEST);
        assertThat(generate(Samples.request("x", 2))).isNotEmpty();
    }

    @Test
    void shouldListModelsThatAreServed() {
        // When
        List<Model> models =
                stub().listModels(ListModelsRequest.getDefaultInstance()).getModelsList();
        // Then
        assertThat(models)
                .containsExactly(Model.newBuilder()
                        .setId(Samples.MODEL)
                        .setContextLength(100_000)
                        .setPrefillWorkers(1)
                        .setDecodeWorkers(1)
                        .setCreated(1_700_000_000L)
                        .build());
    }

    @Test
    void shouldSayThatItDoesNotServeWithoutWorkers() {
        try {
            // When
            prefill.state(WorkerState.WORKER_STATE_FAILED);
            // Then
            Await.until(() -> "health", () -> health() == ServingStatus.NOT_SERVING);
            assertThat(health("")).isEqualTo(ServingStatus.NOT_SERVING);
            assertThat(health("liveness"))
                    .as("a restart would not bring workers")
                    .isEqualTo(ServingStatus.SERVING);
            assertThat(stub().listModels(ListModelsRequest.getDefaultInstance()).getModelsList())
                    .isEmpty();
            assertStatus(refusal(Samples.request("x", 2)), ErrorCode.NO_WORKER);
        } finally {
            prefill.state(WorkerState.WORKER_STATE_READY);
        }
    }

    @Test
    void shouldDescribeItselfByReflection() {
        // Given
        CompletableFuture<List<String>> services = new CompletableFuture<>();
        StreamObserver<ServerReflectionRequest> call = ServerReflectionGrpc.newStub(channel)
                .serverReflectionInfo(new StreamObserver<>() {
                    @Override
                    public void onNext(ServerReflectionResponse response) {
                        services.complete(response.getListServicesResponse().getServiceList().stream()
                                .map(s -> s.getName())
                                .toList());
                    }

                    @Override
                    public void onError(Throwable t) {
                        services.completeExceptionally(t);
                    }

                    @Override
                    public void onCompleted() {
                        // The answer has come.
                    }
                });
        // When
        call.onNext(ServerReflectionRequest.newBuilder().setListServices("").build());
        // Then
        assertThat(services.orTimeout(20, TimeUnit.SECONDS).join()).contains(InferenceServiceGrpc.SERVICE_NAME);
        call.onCompleted();
    }

    /** Bytes as they are. */
    private static final class Raw implements MethodDescriptor.Marshaller<byte[]> {
        @Override
        public InputStream stream(byte[] value) {
            return new ByteArrayInputStream(value);
        }

        @Override
        public byte[] parse(InputStream stream) {
            return new byte[0];
        }
    }
}
