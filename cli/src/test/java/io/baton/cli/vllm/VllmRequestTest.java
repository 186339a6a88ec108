package io.baton.cli.vllm;

import static org.assertj.core.api.Assertions.assertThat;

import io.baton.engine.text.TokenIds;
import io.baton.error.ErrorCode;
import io.baton.inference.v1.ChatMessage;
import io.baton.inference.v1.FinishReason;
import io.baton.inference.v1.GenerateRequest;
import io.baton.testvllm.ToyModel;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What a client may ask, answered by two servers as by one. */
class VllmRequestTest {
    private static final VllmFleet FLEET = new VllmFleet(1, 1);

    @AfterEach
    void settle() {
        FLEET.settle();
    }

    @AfterAll
    static void close() {
        FLEET.close();
    }

    private static String expected(int[] prompt, ToyModel.Rules rules) {
        return ToyModel.expected(prompt, rules).text();
    }

    @Test
    void shouldServe200RequestsAtOnceEachWithItsOwnText() {
        // When
        List<Answer> answers = new ArrayList<>();
        for (int i = 0; i < 200; i++) {
            answers.add(FLEET.start(VllmFleet.text(prompt(i), 30 + i % 50)));
        }

        // Then
        for (int i = 0; i < 200; i++) {
            var finished = answers.get(i).finished();
            assertThat(answers.get(i).text())
                    .as("request %d", i)
                    .isEqualTo(expected(ToyModel.tokenize(prompt(i)), ToyModel.Rules.of(30 + i % 50, 7, 1)));
            assertThat(finished.getUsage().getPromptTokens()).isEqualTo(ToyModel.tokenize(prompt(i)).length);
        }
        FLEET.settle();
        assertThat(FLEET.prefill().leases()).as("every KV cache was taken over").isZero();
        assertThat(FLEET.decode().failedLoads()).isZero();
        assertThat(FLEET.retries).hasValue(0);
    }

    private static String prompt(int i) {
        return "Request number " + i + " has a text of its own. ".repeat(1 + i % 7);
    }

    @Test
    void shouldTakeTokenIdsAsTheyAre() {
        // Given
        int[] ids = {9, 8, 7, 100, 101, 102};
        GenerateRequest.Builder request = VllmFleet.text("", 20);
        request.getPromptBuilder().setTokenIds(TokenIds.encode(ids));

        // When
        Answer answer = FLEET.start(request);

        // Then
        answer.finished();
        assertThat(answer.text()).isEqualTo(expected(ids, ToyModel.Rules.of(20, 7, 1)));
    }

    @Test
    void shouldRenderAConversationWithTheServersTemplate() {
        // Given
        GenerateRequest.Builder request = VllmFleet.text("", 20);
        request.getPromptBuilder()
                .getChatBuilder()
                .addMessages(ChatMessage.newBuilder().setRole("system").setContent("Be brief."))
                .addMessages(ChatMessage.newBuilder().setRole("user").setContent("Hi"));

        // When
        Answer answer = FLEET.start(request);

        // Then
        answer.finished();
        int[] ids = ToyModel.tokenize("<system>Be brief.\n<user>Hi\n<assistant>");
        assertThat(answer.text()).isEqualTo(expected(ids, ToyModel.Rules.of(20, 7, 1)));
    }

    @Test
    void shouldTellTheUsageWithCachedTokens() {
        // Given
        String prompt = "The same beginning, long enough for several blocks of the server's cache: ";
        FLEET.start(VllmFleet.text(prompt, 5)).finished();

        // When
        var finished = FLEET.start(VllmFleet.text(prompt + "again", 5)).finished();

        // Then
        int tokens = ToyModel.tokenize(prompt + "again").length;
        assertThat(finished.getUsage().getPromptTokens()).isEqualTo(tokens);
        assertThat(finished.getUsage().getPrefillCachedTokens()).isBetween(64, tokens - 1);
        assertThat(finished.getTiming().getPrefillComputedTokens())
                .isEqualTo(tokens - finished.getUsage().getPrefillCachedTokens());
        assertThat(finished.getTiming().getDecodeComputedTokens())
                .as("the last token of a prompt is always computed")
                .isEqualTo(1);
        assertThat(finished.getTiming().getPrefillWorker()).isNotEmpty();
        assertThat(finished.getTiming().getDecodeWorker()).isNotEmpty();
    }

    @Test
    void shouldAnswerARequestForOneTokenWithPrefillAlone() {
        // Given
        int loaded = FLEET.decode().loaded();

        // When
        Answer answer = FLEET.start(VllmFleet.text("just one", 1).setTopLogprobs(2));

        // Then
        var finished = answer.finished();
        assertThat(answer.text()).isEqualTo(expected(ToyModel.tokenize("just one"), ToyModel.Rules.of(1, 7, 1)));
        assertThat(answer.outputs().getFirst().getLogprobsCount()).isEqualTo(1);
        assertThat(finished.getCompletion().getReason()).isEqualTo(FinishReason.FINISH_REASON_LENGTH);
        assertThat(FLEET.decode().loaded()).isEqualTo(loaded);
    }

    @Test
    void shouldStopAtAStringThatMayBeginInAnyToken() {
        // Given
        int[] ids = ToyModel.tokenize("stop");
        String whole = expected(ids, ToyModel.Rules.of(80, 7, 1).endless());
        String stop = whole.substring(20, 24);
        GenerateRequest.Builder request = VllmFleet.text("stop", 80);
        request.getStopBuilder().addStop(stop).setIgnoreEos(true);

        // When
        Answer answer = FLEET.start(request);

        // Then
        var completion = answer.finished().getCompletion();
        assertThat(answer.text()).isEqualTo(whole.substring(0, whole.indexOf(stop)));
        assertThat(completion.getReason()).isEqualTo(FinishReason.FINISH_REASON_STOP);
        assertThat(completion.getStopString()).isEqualTo(stop);
    }

    @Test
    void shouldPassEveryParameterOnToDecode() {
        // Given
        GenerateRequest.Builder request = VllmFleet.text("parameters", 25).setTopLogprobs(3);
        request.getSamplingBuilder()
                .setTemperature(0.25f)
                .setTopK(5)
                .setTopP(0.5f)
                .setMinP(0.125f)
                .setRepetitionPenalty(1.5f)
                .setPresencePenalty(0.5f)
                .setFrequencyPenalty(-0.5f)
                .setSeed(-3)
                .putLogitBias(17, -2f);
        request.getStopBuilder().setMinTokens(4).addStopTokenIds(200).setIgnoreEos(true);

        // When
        Answer answer = FLEET.start(request);

        // Then
        answer.finished();
        var body = FLEET.decode().completions().getLast();
        assertThat(body.path("temperature").asDouble()).isEqualTo(0.25);
        assertThat(body.path("top_k").asInt()).isEqualTo(5);
        assertThat(body.path("top_p").asDouble()).isEqualTo(0.5);
        assertThat(body.path("min_p").asDouble()).isEqualTo(0.125);
        assertThat(body.path("repetition_penalty").asDouble()).isEqualTo(1.5);
        assertThat(body.path("presence_penalty").asDouble()).isEqualTo(0.5);
        assertThat(body.path("frequency_penalty").asDouble()).isEqualTo(-0.5);
        assertThat(body.path("seed").asLong()).isEqualTo(-3);
        assertThat(body.path("logit_bias").toString()).isEqualTo("{\"17\":-2.0}");
        assertThat(body.path("min_tokens").asInt()).isEqualTo(4);
        assertThat(body.path("stop_token_ids").toString()).isEqualTo("[200]");
        assertThat(body.path("ignore_eos").asBoolean()).isTrue();
        assertThat(body.path("max_tokens").asInt()).isEqualTo(25);
        assertThat(body.path("logprobs").asInt()).isEqualTo(3);
        assertThat(answer.outputs())
                .allSatisfy(o -> assertThat(o.getLogprobsCount())
                        .isEqualTo(o.getTokenIds().size() / Integer.BYTES));
    }

    @Test
    void shouldRefuseAPromptThatDoesNotFit() {
        // When
        Answer answer = FLEET.start(VllmFleet.text("x".repeat(5000), 5));

        // Then
        assertThat(answer.error().code()).isEqualTo(ErrorCode.CONTEXT_LENGTH_EXCEEDED);
    }

    @Test
    void shouldShortenTheOutputToTheRoomThatThePromptLeaves() {
        // Given
        GenerateRequest.Builder request = VllmFleet.text("x".repeat(4050), 3000);
        request.getStopBuilder().setIgnoreEos(true);

        // When
        var completion = FLEET.start(request).finished().getCompletion();

        // Then
        assertThat(completion.getReason()).isEqualTo(FinishReason.FINISH_REASON_LENGTH);
        assertThat(completion.getCompletionTokens()).isEqualTo(4096 - 4051);
    }

    @Test
    void shouldRefuseATokenThatTheModelDoesNotHave() {
        // Given
        GenerateRequest.Builder request = VllmFleet.text("", 5);
        request.getPromptBuilder().setTokenIds(TokenIds.encode(5, 70_000));

        // When / Then
        assertThat(FLEET.start(request).error().code()).isEqualTo(ErrorCode.INVALID_REQUEST);
    }
}
