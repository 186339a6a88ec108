package io.baton.cli.process;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.google.protobuf.ByteString;
import io.baton.cli.launch.Fleet;
import io.baton.cli.launch.FleetSpec;
import io.baton.cli.launch.RunState;
import io.baton.error.ErrorCode;
import io.baton.inference.v1.ChatPrompt;
import io.baton.inference.v1.GenerateRequest;
import io.baton.inference.v1.InferenceServiceGrpc;
import io.baton.inference.v1.Prompt;
import io.grpc.CallOptions;
import io.grpc.MethodDescriptor;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.ClientCalls;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * A wrong request gets the documented status with a message that says what is wrong, the processes live on, and the next
 * request is right.
 */
@Tag("process")
class BadInputIT {
    private static final List<Integer> PROMPT = Prompts.random(17, 40);
    private static final int MAX_TOKENS = 8;
    private static final int HUGE = 100 << 20;
    /** Over the shared vocabulary of any model here. */
    private static final int NO_TOKEN = 1_000_000_000;

    private static final int CONTEXT = 2048;
    private static final ObjectMapper JSON = new ObjectMapper();

    private final Fleet fleet;
    private final Client client;
    private final HttpClient http;
    private List<Integer> right = List.of();

    BadInputIT() {
        FleetSpec spec = SharedFleet.spec(
                        TestModel.any().exact().withContextCells(CONTEXT + 512).withMaxRequestTokens(CONTEXT))
                .build();
        fleet = SharedFleet.of(spec);
        client = new Client(fleet.grpcAddress());
        http = HttpClient.newHttpClient();
    }

    @BeforeEach
    void knowWhatIsRight() {
        right = client.generate(Client.endless(PROMPT, MAX_TOKENS)).ids();
    }

    @AfterEach
    void close() {
        assertNextIsRight();
        client.close();
        http.close();
    }

    private void assertNextIsRight() {
        assertThat(fleet.state().services()).allMatch(RunState.Service::alive);
        assertThat(client.generate(Client.endless(PROMPT, MAX_TOKENS)).ids()).isEqualTo(right);
        Counters.awaitNothingHeld(fleet);
    }

    private static GenerateRequest.Builder base() {
        return Client.endless(PROMPT, MAX_TOKENS).toBuilder();
    }

    private static GenerateRequest withPrompt(Prompt.Builder prompt) {
        return base().setPrompt(prompt).build();
    }

    private static GenerateRequest withTemperature(float temperature) {
        GenerateRequest.Builder request = base();
        request.getSamplingBuilder().setTemperature(temperature);
        return request.build();
    }

    private static GenerateRequest withMaxTokens(int maxTokens) {
        GenerateRequest.Builder request = base();
        request.getStopBuilder().setMaxTokens(maxTokens);
        return request.build();
    }

    static Stream<Arguments> wrongRequests() {
        ErrorCode invalid = ErrorCode.INVALID_REQUEST;
        return Stream.of(
                Arguments.of("no prompt", base().clearPrompt().build(), invalid, "prompt"),
                Arguments.of("empty text", withPrompt(Prompt.newBuilder().setText("")), invalid, "prompt.text"),
                Arguments.of("no token ids", withPrompt(ids(List.of())), invalid, "prompt.token_ids"),
                Arguments.of(
                        "half a token id",
                        withPrompt(Prompt.newBuilder().setTokenIds(ByteString.copyFrom(new byte[6]))),
                        invalid,
                        "prompt.token_ids"),
                Arguments.of(
                        "no message",
                        withPrompt(Prompt.newBuilder().setChat(ChatPrompt.getDefaultInstance())),
                        invalid,
                        "prompt.chat.messages"),
                Arguments.of("a negative token id", withPrompt(ids(List.of(5, -1))), invalid, "token"),
                Arguments.of("a token id over the vocabulary", withPrompt(ids(List.of(5, NO_TOKEN))), invalid, "token"),
                Arguments.of("max_tokens 0", withMaxTokens(0), invalid, "max_tokens"),
                Arguments.of("max_tokens -3", withMaxTokens(-3), invalid, "max_tokens"),
                Arguments.of("temperature NaN", withTemperature(Float.NaN), invalid, "temperature"),
                Arguments.of("temperature infinite", withTemperature(Float.POSITIVE_INFINITY), invalid, "temperature"),
                Arguments.of("temperature -1", withTemperature(-1), invalid, "temperature"),
                Arguments.of(
                        "an unknown model",
                        base().setModel("no-such-model").build(),
                        ErrorCode.MODEL_NOT_FOUND,
                        "no-such-model"),
                Arguments.of(
                        "a prompt over the context",
                        withPrompt(ids(Prompts.random(3, CONTEXT + 1))),
                        ErrorCode.CONTEXT_LENGTH_EXCEEDED,
                        Integer.toString(CONTEXT)));
    }

    private static Prompt.Builder ids(List<Integer> ids) {
        return Prompt.newBuilder().setTokenIds(Client.bytes(ids));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("wrongRequests")
    void shouldRefuseOverGrpc(String name, GenerateRequest request, ErrorCode code, String named) {
        // When
        StatusRuntimeException refused =
                catchThrowableOfType(StatusRuntimeException.class, () -> client.generate(request));

        // Then
        assertRefused(refused, code);
        assertThat(refused.getStatus().getDescription()).as(name).contains(named);
    }

    @Test
    void shouldRefuseInvalidUtf8OverGrpc() {
        // Given: a text field with a byte that no UTF-8 has
        byte[] prompt = {0x0a, 0x02, 'a', (byte) 0xff};
        byte[] request = {0x1a, (byte) prompt.length, prompt[0], prompt[1], prompt[2], prompt[3]};

        // When
        StatusRuntimeException refused = catchThrowableOfType(StatusRuntimeException.class, () -> sendBytes(request));

        // Then
        assertThat(refused.getStatus().getCode()).isEqualTo(ErrorCode.INVALID_REQUEST.grpc());
    }

    @Test
    void shouldRefuseAHundredMegabytesOverGrpc() {
        // Given
        GenerateRequest request = withPrompt(Prompt.newBuilder().setText("a".repeat(HUGE)));

        // When
        StatusRuntimeException refused =
                catchThrowableOfType(StatusRuntimeException.class, () -> client.generate(request));

        // Then
        assertThat(refused.getStatus().getCode()).isEqualTo(ErrorCode.REQUEST_TOO_LARGE.grpc());
    }

    static Stream<Arguments> wrongBodies() {
        String prompt = "\"prompt\":\"Once\",";
        return Stream.of(
                Arguments.of("empty prompt", "{\"prompt\":\"\"}", ErrorCode.INVALID_REQUEST, "prompt"),
                Arguments.of("no prompt", "{\"max_tokens\":3}", ErrorCode.INVALID_REQUEST, "prompt"),
                Arguments.of(
                        "max_tokens 0", "{" + prompt + "\"max_tokens\":0}", ErrorCode.INVALID_REQUEST, "max_tokens"),
                Arguments.of(
                        "max_tokens -1", "{" + prompt + "\"max_tokens\":-1}", ErrorCode.INVALID_REQUEST, "max_tokens"),
                Arguments.of(
                        "an unknown model",
                        "{" + prompt + "\"model\":\"no-such-model\"}",
                        ErrorCode.MODEL_NOT_FOUND,
                        "no-such-model"),
                Arguments.of(
                        "an unsupported field",
                        "{" + prompt + "\"suffix\":\"x\"}",
                        ErrorCode.INVALID_REQUEST,
                        "suffix"),
                Arguments.of(
                        "temperature as text",
                        "{" + prompt + "\"temperature\":\"hot\"}",
                        ErrorCode.INVALID_REQUEST,
                        "temperature"),
                Arguments.of("temperature NaN", "{" + prompt + "\"temperature\":NaN}", ErrorCode.INVALID_REQUEST, ""),
                Arguments.of(
                        "a token id over the vocabulary",
                        "{\"prompt\":[5," + NO_TOKEN + "]}",
                        ErrorCode.INVALID_REQUEST,
                        "token"),
                Arguments.of(
                        "a prompt over the context",
                        "{\"prompt\":" + Prompts.random(4, CONTEXT + 1) + "}",
                        ErrorCode.CONTEXT_LENGTH_EXCEEDED,
                        Integer.toString(CONTEXT)),
                Arguments.of("no JSON", "hello", ErrorCode.INVALID_REQUEST, ""));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("wrongBodies")
    void shouldRefuseOverHttp(String name, String body, ErrorCode code, String named) throws Exception {
        // When
        HttpResponse<String> response = post(body.getBytes(UTF_8));

        // Then
        assertThat(response.statusCode()).as(name + ": " + response.body()).isEqualTo(code.http());
        JsonNode error = JSON.readTree(response.body()).get("error");
        assertThat(error.get("type").asText()).isEqualTo(code.openAiType());
        assertThat(error.get("message").asText()).isNotBlank().contains(named);
    }

    @Test
    void shouldRefuseInvalidUtf8OverHttp() throws Exception {
        // Given
        byte[] body = "{\"prompt\":\"a?\"}".getBytes(UTF_8);
        body[new String(body, UTF_8).indexOf('?')] = (byte) 0xff;

        // When
        HttpResponse<String> response = post(body);

        // Then
        assertThat(response.statusCode()).isEqualTo(ErrorCode.INVALID_REQUEST.http());
        assertThat(response.body()).contains("UTF-8");
    }

    @Test
    void shouldRefuseAHundredMegabytesOverHttp() throws Exception {
        // Given
        byte[] body = ("{\"prompt\":\"" + "a".repeat(HUGE) + "\"}").getBytes(UTF_8);

        // When
        HttpResponse<String> response = post(body);

        // Then
        assertThat(response.statusCode()).isEqualTo(ErrorCode.REQUEST_TOO_LARGE.http());
    }

    @Test
    void shouldServeWhatDoesNotFitAtOnceOneAfterTheOther() {
        // Given: cells for one and a quarter of the longest request, and one that takes its time
        GenerateRequest longest = Client.endless(Prompts.random(6, CONTEXT / 2), CONTEXT / 2);

        // When: eight of them at once
        List<java.util.concurrent.CompletableFuture<Client.Answer>> all = java.util.stream.IntStream.range(0, 8)
                .mapToObj(i -> client.start(longest))
                .toList();

        // Then: each waited at the router until decode had cells for it
        assertThat(all).allSatisfy(f -> assertThat(f.join().ids()).hasSize(CONTEXT / 2));
        Counters.awaitNothingHeld(fleet);
    }

    private static void assertRefused(StatusRuntimeException refused, ErrorCode code) {
        assertThat(refused).isNotNull();
        assertThat(refused.getStatus().getCode()).isEqualTo(code.grpc());
        io.grpc.Metadata trailers = refused.getTrailers();
        assertThat(trailers).isNotNull();
        assertThat(trailers.get(io.baton.error.BatonException.CODE_KEY)).isEqualTo(code.name());
    }

    private HttpResponse<String> post(byte[] body) throws IOException, InterruptedException {
        return http.send(
                HttpRequest.newBuilder(URI.create(fleet.httpUrl() + "/v1/completions"))
                        .header("Content-Type", "application/json")
                        .timeout(Await.LONG)
                        .POST(HttpRequest.BodyPublishers.ofByteArray(body))
                        .build(),
                HttpResponse.BodyHandlers.ofString());
    }

    private void sendBytes(byte[] request) {
        MethodDescriptor.Marshaller<byte[]> raw = new MethodDescriptor.Marshaller<>() {
            @Override
            public InputStream stream(byte[] value) {
                return new ByteArrayInputStream(value);
            }

            @Override
            public byte[] parse(InputStream stream) {
                try {
                    return stream.readAllBytes();
                } catch (IOException e) {
                    throw new java.io.UncheckedIOException(e);
                }
            }
        };
        MethodDescriptor<byte[], byte[]> method =
                InferenceServiceGrpc.getGenerateMethod().toBuilder(raw, raw).build();
        ClientCalls.blockingServerStreamingCall(client.channel(), method, CallOptions.DEFAULT, request)
                .forEachRemaining(event -> {});
    }
}
