package io.baton.engine.vllm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.baton.engine.text.TokenIds;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.inference.v1.ChatMessage;
import io.baton.inference.v1.ChatPrompt;
import io.baton.inference.v1.FinishReason;
import io.baton.inference.v1.Prompt;
import io.baton.inference.v1.SamplingParams;
import io.baton.inference.v1.StopParams;
import io.baton.testvllm.Behaviour;
import io.baton.testvllm.Fabric;
import io.baton.testvllm.TestVllm;
import io.baton.testvllm.ToyModel;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class VllmClientTest {
    private static final Duration PATIENCE = Duration.ofSeconds(20);

    private final Fabric fabric = new Fabric();
    private final TestVllm prefill = new TestVllm(fabric, Behaviour.usual());
    private final TestVllm decode = new TestVllm(fabric, Behaviour.usual());
    private final VllmClient toPrefill = client(prefill, null, PATIENCE);
    private final VllmClient toDecode = client(decode, null, PATIENCE);

    private static VllmClient client(TestVllm server, @org.jspecify.annotations.Nullable String key, Duration idle) {
        return new VllmClient(new VllmEndpoint(
                URI.create(server.baseUrl()),
                key,
                PATIENCE,
                PATIENCE,
                PATIENCE,
                idle,
                PATIENCE,
                1 << 20,
                1 << 16,
                1 << 16));
    }

    @AfterEach
    void close() {
        toPrefill.close();
        toDecode.close();
        prefill.close();
        decode.close();
    }

    private static Prompt text(String text) {
        return Prompt.newBuilder().setText(text).build();
    }

    private static CompletionRequest request(int[] prompt, int maxTokens, StopParams stop, int logprobs) {
        return new CompletionRequest(
                "toy",
                prompt,
                maxTokens,
                SamplingParams.newBuilder().setTemperature(0.5f).setSeed(7).build(),
                stop,
                logprobs,
                "");
    }

    private byte[] handedOver(int[] prompt) throws InterruptedException {
        return toPrefill
                .prefill("r-1", CompletionRequest.prefill("toy", prompt, ""))
                .kvTransferParams();
    }

    @Test
    void shouldTellTheModels() throws InterruptedException {
        assertThat(toPrefill.models()).containsExactly(new VllmModel("toy", "/models/toy", 4096));
    }

    @Test
    void shouldHaveTextsAndConversationsTokenisedByTheServer() throws InterruptedException {
        // Given
        Prompt chat = Prompt.newBuilder()
                .setChat(ChatPrompt.newBuilder()
                        .addMessages(ChatMessage.newBuilder().setRole("user").setContent("Hi")))
                .build();
        Prompt ids = Prompt.newBuilder().setTokenIds(TokenIds.encode(5, 6, 7)).build();

        // When / Then
        assertThat(toPrefill.tokenize("toy", text("Hé"))).isEqualTo(ToyModel.tokenize("Hé"));
        assertThat(toPrefill.tokenize("toy", chat)).isEqualTo(ToyModel.tokenize("<user>Hi\n<assistant>"));
        assertThat(toPrefill.tokenize("toy", ids)).containsExactly(5, 6, 7);
    }

    @Test
    void shouldHandAKvCacheOverAndGenerateFromIt() throws InterruptedException {
        // Given
        int[] prompt = ToyModel.tokenize("a prompt of more than one block of tokens");

        // When
        byte[] params = handedOver(prompt);
        Recorded recorded = new Recorded();
        toDecode.stream(
                "r-1", request(prompt, 50, StopParams.getDefaultInstance(), -1).decode(params), -1, recorded);

        // Then
        ToyModel.Output expected = ToyModel.expected(prompt, ToyModel.Rules.of(50, 7, 0.5));
        assertThat(recorded.text.toString()).isEqualTo(expected.text());
        assertThat(recorded.tokens).isEqualTo(expected.tokens());
        assertThat(recorded.completion().getCompletionTokens())
                .isEqualTo(expected.tokens().size());
        assertThat(recorded.cachedTokens).isEqualTo(prompt.length - 1);
        assertThat(decode.loaded()).isEqualTo(1);
        assertThat(prefill.leases()).as("decode has read").isZero();
        assertThat(prefill.violations()).isEmpty();
        assertThat(decode.violations()).isEmpty();
    }

    @Test
    void shouldPassTheParametersOnByteForByte() throws InterruptedException {
        // When
        byte[] params = handedOver(ToyModel.tokenize("x"));

        // Then
        assertThat(new String(params, StandardCharsets.UTF_8))
                .as("spaces, order and the form of numbers are the server's")
                .startsWith("{\"do_remote_prefill\": true, ")
                .endsWith("\"weight\": 1.50}");
    }

    @Test
    void shouldGenerateOneTokenWithoutAHandOver() throws InterruptedException {
        // Given
        int[] prompt = ToyModel.tokenize("one token");

        // When
        Recorded recorded = new Recorded();
        toPrefill.generate(
                "r", request(prompt, 1, StopParams.getDefaultInstance(), 3).alone(), 3, recorded);

        // Then
        assertThat(recorded.text.toString())
                .isEqualTo(
                        ToyModel.expected(prompt, ToyModel.Rules.of(1, 7, 0.5)).text());
        assertThat(recorded.completion().getReason()).isEqualTo(FinishReason.FINISH_REASON_LENGTH);
        assertThat(recorded.logprobs).hasSize(1);
    }

    @Test
    void shouldTellWhatStoppedAText() throws InterruptedException {
        // Given
        int[] prompt = ToyModel.tokenize("stop it");
        String whole = ToyModel.expected(prompt, ToyModel.Rules.of(60, 7, 0.5).endless())
                .text();
        String stop = whole.substring(10, 13);
        StopParams params =
                StopParams.newBuilder().addStop(stop).setIgnoreEos(true).build();

        // When
        Recorded recorded = new Recorded();
        toDecode.stream("r-1", request(prompt, 60, params, -1).decode(handedOver(prompt)), -1, recorded);

        // Then
        assertThat(recorded.text.toString()).isEqualTo(whole.substring(0, whole.indexOf(stop)));
        assertThat(recorded.completion().getReason()).isEqualTo(FinishReason.FINISH_REASON_STOP);
        assertThat(recorded.completion().getStopString()).isEqualTo(stop);
    }

    @Test
    void shouldNameTheEndOfTextByItsToken() throws InterruptedException {
        // Given
        int[] prompt = ToyModel.tokenize("ends by itself");

        // When
        Recorded recorded = new Recorded();
        toDecode.stream(
                "r-1",
                request(prompt, 3000, StopParams.getDefaultInstance(), -1).decode(handedOver(prompt)),
                -1,
                recorded);

        // Then
        assertThat(recorded.completion().getReason()).isEqualTo(FinishReason.FINISH_REASON_STOP);
        assertThat(recorded.completion().getStopTokenId()).isEqualTo(ToyModel.EOS);
    }

    @Test
    void shouldGiveAsManyAlternativesAsWereAskedForLikeliestFirst() throws InterruptedException {
        // Given
        int[] prompt = ToyModel.tokenize("log probabilities");

        // When
        Recorded recorded = new Recorded();
        toDecode.stream(
                "r-1",
                request(prompt, 9, StopParams.newBuilder().setIgnoreEos(true).build(), 2)
                        .decode(handedOver(prompt)),
                2,
                recorded);

        // Then
        assertThat(recorded.logprobs).hasSize(9).allSatisfy(l -> {
            assertThat(l.getLogprob()).isEqualTo(-1.5f);
            assertThat(l.getTopList()).extracting(t -> t.getLogprob()).containsExactly(-1f, -1.5f);
            assertThat(l.getTop(1).getTokenId()).isEqualTo(l.getTokenId());
            assertThat(l.getTop(0).getTokenId()).as("vLLM gives its text alone").isEqualTo(-1);
        });
    }

    @Test
    void shouldTellAFailedHandOverFromAStreamThatEndsWell() throws InterruptedException {
        // Given
        int[] prompt = ToyModel.tokenize("its prefill restarts");
        byte[] params = handedOver(prompt);
        prefill.restart();

        // When / Then
        Recorded recorded = new Recorded();
        assertThatThrownBy(() -> toDecode.stream(
                        "r-1",
                        request(prompt, 9, StopParams.getDefaultInstance(), -1).decode(params),
                        -1,
                        recorded))
                .isInstanceOfSatisfying(
                        BatonException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.WORKER_LOST));
        assertThat(recorded.tokens).isEmpty();
    }

    @Test
    void shouldMapRefusalsToDomainErrors() {
        assertCode(ErrorCode.CONTEXT_LENGTH_EXCEEDED, 9999, new int[] {5});
        assertCode(ErrorCode.INVALID_REQUEST, 5, new int[] {100_000});
    }

    private void assertCode(ErrorCode code, int maxTokens, int[] prompt) {
        assertThatThrownBy(() -> toDecode.generate(
                        "r",
                        request(prompt, maxTokens, StopParams.getDefaultInstance(), -1)
                                .alone(),
                        -1,
                        new Recorded()))
                .isInstanceOfSatisfying(
                        BatonException.class, e -> assertThat(e.code()).isEqualTo(code));
    }

    @Test
    void shouldSayThatTheServerWantsAnotherKey() throws InterruptedException {
        // Given
        prefill.behave(Behaviour.usual().withKey("secret"));

        // When / Then
        assertThatThrownBy(toPrefill::models).hasMessageContaining("baton.vllm.api-key");
        try (VllmClient keyed = client(prefill, "secret", PATIENCE)) {
            assertThat(keyed.models()).hasSize(1);
        }
    }

    @Test
    void shouldCallADeadServerLost() {
        // Given
        prefill.die();

        // When / Then
        assertThatThrownBy(toPrefill::health)
                .isInstanceOfSatisfying(
                        BatonException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.WORKER_LOST));
    }

    @Test
    void shouldCallAStreamThatIsBrokenOffLost() throws InterruptedException {
        // Given
        int[] prompt = ToyModel.tokenize("decode dies");
        decode.behave(Behaviour.usual().taking(Duration.ZERO, Duration.ofMillis(5)));
        byte[] body = request(
                        prompt, 3000, StopParams.newBuilder().setIgnoreEos(true).build(), -1)
                .decode(handedOver(prompt));
        Recorded recorded = new Recorded();
        Thread killer = Thread.ofVirtual().start(() -> {
            try {
                recorded.first.await();
                decode.die();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        });

        // When / Then
        assertThatThrownBy(() -> toDecode.stream("r-1", body, -1, recorded))
                .isInstanceOfSatisfying(
                        BatonException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.WORKER_LOST));
        killer.join();
    }

    @Test
    void shouldGiveUpAServerThatFallsSilent() throws InterruptedException {
        // Given
        int[] prompt = ToyModel.tokenize("silence");
        byte[] params = handedOver(prompt);
        decode.behave(Behaviour.usual().taking(Duration.ZERO, Duration.ofMillis(400)));
        try (VllmClient impatient = client(decode, null, Duration.ofMillis(50))) {
            // When / Then
            assertThatThrownBy(() -> impatient.stream(
                            "r-1",
                            request(prompt, 50, StopParams.getDefaultInstance(), -1)
                                    .decode(params),
                            -1,
                            new Recorded()))
                    .hasMessageContaining("nothing came for 50 ms");
        }
        await(() -> decode.aborted() == 1);
    }

    @Test
    void shouldAbortAtTheServerWhatItsThreadGivesUp() throws InterruptedException {
        // Given
        int[] prompt = ToyModel.tokenize("given up");
        byte[] params = handedOver(prompt);
        decode.behave(Behaviour.usual().taking(Duration.ZERO, Duration.ofMillis(5)));
        Recorded recorded = new Recorded();
        Thread asking = Thread.ofVirtual()
                .start(() -> assertThatThrownBy(() -> toDecode.stream(
                                "r-1",
                                request(
                                                prompt,
                                                3000,
                                                StopParams.newBuilder()
                                                        .setIgnoreEos(true)
                                                        .build(),
                                                -1)
                                        .decode(params),
                                -1,
                                recorded))
                        .isInstanceOf(InterruptedException.class));
        recorded.first.await();

        // When
        asking.interrupt();

        // Then
        asking.join();
        await(() -> decode.aborted() == 1 && decode.running() == 0);
    }

    @Test
    void shouldAbortAPrefillThatItsThreadGivesUp() throws InterruptedException {
        // Given
        prefill.behave(Behaviour.usual().taking(Duration.ofMinutes(1), Duration.ZERO));
        Thread asking = Thread.ofVirtual().start(() -> {
            try {
                handedOver(ToyModel.tokenize("x"));
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        });
        await(() -> prefill.running() == 1);

        // When
        asking.interrupt();

        // Then
        asking.join();
        await(() -> prefill.aborted() == 1 && prefill.running() == 0);
        assertThat(prefill.leases()).isZero();
    }

    @Test
    void shouldRefuseParametersThatAreNoJsonObject() {
        for (String bad : List.of("", "[]", "1", "{", "{}}", "{},\"stream\":false")) {
            assertThatThrownBy(() -> request(new int[] {1}, 1, StopParams.getDefaultInstance(), -1)
                            .decode(bad.getBytes(StandardCharsets.UTF_8)))
                    .as(bad)
                    .isInstanceOf(IllegalArgumentException.class);
        }
    }

    private static void await(BooleanSupplier condition) {
        long end = System.nanoTime() + PATIENCE.toNanos();
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime()).isLessThan(end);
            LockSupport.parkNanos(2_000_000);
        }
    }
}
