package io.baton.router.http;

import static io.baton.router.http.Http.CHAT;
import static io.baton.router.http.Http.COMPLETIONS;
import static io.baton.router.http.Http.events;
import static io.baton.router.http.Http.json;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.baton.inference.v1.Prompt;
import io.baton.inference.v1.SamplingParams;
import io.baton.inference.v1.StopParams;
import io.baton.prefill.v1.PrefillStart;
import io.baton.router.fake.FakePrefill;
import io.baton.router.fake.Fakes;
import io.baton.router.fake.Samples;
import io.baton.router.request.Seeds;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

@QuarkusTest
@QuarkusTestResource(Fakes.class)
class CompletionsTest extends WithFakes {
    private PrefillStart started() {
        return prefill.leg().received().getFirst().getStart();
    }

    @Test
    void shouldCompleteAPrompt() {
        // When
        HttpResponse<String> response = http.post(
                COMPLETIONS, "{\"model\":\"fake-model\",\"prompt\":\"hello world\",\"max_tokens\":5,\"seed\":7}");
        // Then
        assertThat(response.statusCode()).isEqualTo(200);
        JsonNode body = json(response);
        String id = response.headers().firstValue("X-Request-Id").orElseThrow();
        assertThat(body.get("id").asText()).isEqualTo("cmpl-" + id);
        assertThat(body.get("object").asText()).isEqualTo("text_completion");
        assertThat(body.get("model").asText()).isEqualTo("fake-model");
        assertThat(body.get("choices")).hasSize(1);
        JsonNode choice = body.get("choices").get(0);
        assertThat(choice.get("text").asText()).isEqualTo(Samples.text(5));
        assertThat(choice.get("finish_reason").asText()).isEqualTo("length");
        assertThat(choice.get("logprobs").isNull()).isTrue();
        assertThat(body.get("usage"))
                .isEqualTo(json("{\"prompt_tokens\":11,\"completion_tokens\":5,\"total_tokens\":16,"
                        + "\"prompt_tokens_details\":{\"cached_tokens\":1},\"decode_cached_tokens\":2}"));
        assertThat(body.get("timing").get("prefill_us").asLong()).isEqualTo(17);
        assertThat(body.get("timing").get("decode_worker").asText()).isEqualTo(decode.id());
        assertThat(body.get("timing").size())
                .isEqualTo(
                        io.baton.inference.v1.Timing.getDescriptor().getFields().size());
        assertThat(started().getSampling().getSeed()).isEqualTo(7);
    }

    @Test
    void shouldPassEveryFieldOn() {
        // When
        HttpResponse<String> response = http.post(COMPLETIONS, """
            {"prompt": "x", "max_tokens": 9, "min_tokens": 2, "ignore_eos": true, "stop": ["a", "b"],
             "stop_token_ids": [5, 6], "temperature": 0.5, "top_k": 40, "top_p": 0.9, "min_p": 0.05,
             "repetition_penalty": 1.1, "presence_penalty": -1, "frequency_penalty": 1.5,
             "logit_bias": {"17": -100, "18": 3.5}, "seed": -3, "logprobs": 2, "user": "me", "n": 1,
             "best_of": 1, "echo": false, "stream": false, "suffix": null, "metadata": {"a": "b"}}
            """);
        // Then
        assertThat(response.statusCode()).as(response.body()).isEqualTo(200);
        assertThat(started().getSampling())
                .isEqualTo(SamplingParams.newBuilder()
                        .setTemperature(0.5f)
                        .setTopK(40)
                        .setTopP(0.9f)
                        .setMinP(0.05f)
                        .setRepetitionPenalty(1.1f)
                        .setPresencePenalty(-1)
                        .setFrequencyPenalty(1.5f)
                        .setSeed(-3)
                        .putLogitBias(17, -100)
                        .putLogitBias(18, 3.5f)
                        .build());
        assertThat(started().getStop())
                .isEqualTo(StopParams.newBuilder()
                        .setMaxTokens(9)
                        .setMinTokens(2)
                        .addStop("a")
                        .addStop("b")
                        .addStopTokenIds(5)
                        .addStopTokenIds(6)
                        .setIgnoreEos(true)
                        .build());
        assertThat(started().getTopLogprobs()).isEqualTo(2);
    }

    @Test
    void shouldUseOpenAisDefaults() {
        // When
        http.post(COMPLETIONS, "{\"prompt\":\"x\",\"max_tokens\":null}");
        // Then
        assertThat(started().getStop().getMaxTokens()).isEqualTo(16);
        assertThat(started().hasTopLogprobs()).isFalse();
        assertThat(started().getSampling().hasTemperature()).isFalse();
        assertThat(started().getSampling().hasSeed()).isTrue();
    }

    @Test
    void shouldLetAChatRunUntilTheContextsEnd() {
        // Given
        prefill.script(new FakePrefill.Script().context(30));
        // When
        JsonNode body = json(http.post(CHAT, """
            {"messages": [{"role": "system", "content": "be kind"},
             {"role": "user", "content": [{"type": "text", "text": "he"}, {"type": "text", "text": "llo"}]}]}
            """));
        // Then
        assertThat(started().getStop().getMaxTokens()).isEqualTo(8192);
        assertThat(started().getPrompt().getChat().getMessages(1).getContent()).isEqualTo("hello");
        assertThat(body.get("object").asText()).isEqualTo("chat.completion");
        assertThat(body.get("usage").get("completion_tokens").asInt()).isEqualTo(30 - "be kindhello".length());
        assertThat(body.get("choices").get(0).get("message").get("role").asText())
                .isEqualTo("assistant");
        assertThat(body.get("choices").get(0).get("message").get("content").asText())
                .startsWith("t0 t1 ");
        assertThat(body.get("id").asText()).startsWith("chatcmpl-");
    }

    @Test
    void shouldTakeTokenIds() {
        // When
        JsonNode body = json(http.post(COMPLETIONS, "{\"prompt\":[1,2,300000],\"max_tokens\":2}"));
        // Then
        assertThat(started().getPrompt().getTokenIds()).isEqualTo(Samples.ids(1, 2, 300000));
        assertThat(body.get("usage").get("prompt_tokens").asInt()).isEqualTo(3);
    }

    @Test
    void shouldAnswerSeveralPromptsAndChoicesInOrder() {
        // When
        JsonNode body =
                json(http.post(COMPLETIONS, "{\"prompt\":[\"ab\",\"cde\"],\"n\":2,\"max_tokens\":2,\"seed\":5}"));
        // Then
        assertThat(body.get("choices")).hasSize(4);
        for (int i = 0; i < 4; i++) {
            assertThat(body.get("choices").get(i).get("index").asInt()).isEqualTo(i);
            assertThat(body.get("choices").get(i).get("text").asText()).isEqualTo(Samples.text(2));
            assertThat(body.get("choices").get(i).has("timing")).isTrue();
        }
        assertThat(body.get("usage").get("prompt_tokens").asInt())
                .as("each prompt once")
                .isEqualTo(5);
        assertThat(body.get("usage").get("completion_tokens").asInt()).isEqualTo(8);
        List<String> asked = new ArrayList<>();
        prefill.legs().forEach(leg -> {
            PrefillStart start = leg.received().getFirst().getStart();
            asked.add(start.getPrompt().getText() + " " + start.getSampling().getSeed());
        });
        assertThat(asked)
                .containsExactlyInAnyOrder("ab 5", "cde 5", "ab " + Seeds.derive(5, 1), "cde " + Seeds.derive(5, 1));
    }

    @Test
    void shouldTakeArraysOfTokenIds() {
        // When
        JsonNode body = json(http.post(COMPLETIONS, "{\"prompt\":[[1,2],[3]],\"max_tokens\":2}"));
        // Then
        assertThat(body.get("choices")).hasSize(2);
        assertThat(prefill.legs())
                .extracting(
                        leg -> leg.received().getFirst().getStart().getPrompt().getTokenIds())
                .containsExactlyInAnyOrder(Samples.ids(1, 2), Samples.ids(3));
    }

    @Test
    void shouldStreamCompletions() {
        // When
        HttpResponse<String> response =
                http.post(COMPLETIONS, "{\"prompt\":\"hello\",\"max_tokens\":3,\"stream\":true}");
        // Then
        assertThat(response.headers().firstValue("Content-Type").orElseThrow()).startsWith("text/event-stream");
        List<String> events = events(response.body());
        assertThat(events).hasSize(5).last().isEqualTo("[DONE]");
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < 4; i++) {
            JsonNode chunk = json(events.get(i));
            assertThat(chunk.has("usage")).isFalse();
            assertThat(chunk.has("timing")).isEqualTo(i == 3);
            assertThat(chunk.get("choices").get(0).get("finish_reason").asText("null"))
                    .isEqualTo(i == 3 ? "length" : "null");
            text.append(chunk.get("choices").get(0).get("text").asText());
        }
        assertThat(text).hasToString(Samples.text(3));
    }

    @Test
    void shouldStreamChatsWithUsage() {
        // When
        List<String> events = events(http.post(CHAT, """
            {"messages": [{"role": "user", "content": "hello"}], "max_completion_tokens": 2, "stream": true,
             "stream_options": {"include_usage": true}}
            """).body());
        // Then
        assertThat(events).hasSize(6);
        assertThat(json(events.get(0)).get("choices").get(0).get("delta"))
                .isEqualTo(json("{\"role\":\"assistant\",\"content\":\"\"}"));
        assertThat(json(events.get(1)).get("choices").get(0).get("delta")).isEqualTo(json("{\"content\":\"t0 \"}"));
        assertThat(json(events.get(3)).get("choices").get(0).get("delta")).isEmpty();
        assertThat(json(events.get(3))
                        .get("choices")
                        .get(0)
                        .get("finish_reason")
                        .asText())
                .isEqualTo("length");
        for (int i = 0; i < 4; i++) {
            assertThat(json(events.get(i)).get("usage").isNull()).isTrue();
            assertThat(json(events.get(i)).get("object").asText()).isEqualTo("chat.completion.chunk");
        }
        JsonNode last = json(events.get(4));
        assertThat(last.get("choices")).isEmpty();
        assertThat(last.get("usage").get("total_tokens").asInt()).isEqualTo(7);
        assertThat(last.get("timing").get("total_us").asLong()).isPositive();
        assertThat(events.get(5)).isEqualTo("[DONE]");
    }

    @Test
    void shouldStreamSeveralChoices() {
        // When
        List<String> events = events(http.post(CHAT, """
            {"messages": [{"role": "user", "content": "hello"}], "max_tokens": 3, "stream": true, "n": 3}
            """).body());
        // Then
        assertThat(events.getLast()).isEqualTo("[DONE]");
        String[] texts = {"", "", ""};
        int roles = 0;
        int ends = 0;
        for (String event : events.subList(0, events.size() - 1)) {
            JsonNode choice = json(event).get("choices").get(0);
            texts[choice.get("index").asInt()] +=
                    choice.get("delta").path("content").asText("");
            roles += choice.get("delta").has("role") ? 1 : 0;
            ends += choice.get("finish_reason").isNull() ? 0 : 1;
        }
        assertThat(texts).containsOnly(Samples.text(3));
        assertThat(roles).isEqualTo(3);
        assertThat(ends).isEqualTo(3);
        assertThat(Set.copyOf(prefill.legs().stream()
                        .map(leg -> leg.received()
                                .getFirst()
                                .getStart()
                                .getSampling()
                                .getSeed())
                        .toList()))
                .hasSize(3);
    }

    @Test
    void shouldEchoTheNamesOfTheCall() {
        // Given
        String trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        // When
        HttpResponse<String> response = http.send(http.to(COMPLETIONS)
                .header("X-Request-Id", "my-request/1")
                .header("traceparent", trace)
                .POST(HttpRequest.BodyPublishers.ofString("{\"prompt\":\"x\"}"))
                .build());
        // Then
        assertThat(response.headers().firstValue("X-Request-Id")).contains("my-request/1");
        assertThat(response.headers().firstValue("baton-pick").orElseThrow())
                .as("why its workers were picked")
                .contains("policy=auto", "prefill=" + prefill.address(), "; ", "decode=" + decode.address());
        assertThat(response.headers().firstValue("traceparent")).contains(trace);
        assertThat(json(response).get("id").asText()).isEqualTo("cmpl-my-request/1");
        assertThat(prefill.leg().headers().get(io.baton.router.run.CallInfo.TRACEPARENT))
                .isEqualTo(trace);
    }

    @Test
    void shouldListModels() {
        // When
        JsonNode models = json(http.get("/v1/models"));
        // Then
        assertThat(models.get("object").asText()).isEqualTo("list");
        assertThat(models.get("data")).hasSize(1);
        assertThat(models.get("data").get(0).get("id").asText()).isEqualTo("fake-model");
        assertThat(models.get("data").get(0).get("max_model_len").asInt()).isEqualTo(100_000);
        assertThat(json(http.get("/v1/models/fake-model")))
                .isEqualTo(models.get("data").get(0));
    }

    @Test
    void shouldCountWhatItServes() {
        // Given
        double prompt = http.metric("vllm:prompt_tokens_total");
        double generated = http.metric("vllm:generation_tokens_total");
        double ended = http.metric("vllm:request_success_total");
        double first = http.metric("vllm:time_to_first_token_seconds_count");
        double between = http.metric("vllm:inter_token_latency_seconds_count");
        // When
        http.post(COMPLETIONS, "{\"prompt\":\"hello\",\"max_tokens\":3}");
        // Then
        assertThat(http.metric("vllm:prompt_tokens_total") - prompt).isEqualTo(5);
        assertThat(http.metric("vllm:generation_tokens_total") - generated).isEqualTo(3);
        assertThat(http.metric("vllm:request_success_total") - ended).isEqualTo(1);
        assertThat(http.metric("vllm:time_to_first_token_seconds_count") - first)
                .isEqualTo(1);
        assertThat(http.metric("vllm:inter_token_latency_seconds_count") - between)
                .isEqualTo(2);
        assertThat(http.metric("baton_router_worker_healthy")).isEqualTo(2);
        assertThat(http.metric("vllm:e2e_request_latency_seconds_count")).isPositive();
        assertThat(http.metric("vllm:request_queue_time_seconds_count")).isPositive();
        assertThat(http.metric("vllm:request_prefill_time_seconds_sum")).isPositive();
        assertThat(http.metric("vllm:request_decode_time_seconds_sum")).isPositive();
        assertThat(http.get("/q/metrics").body()).contains("vllm:time_to_first_token_seconds_bucket{");
    }

    @Test
    void shouldPassTextOnAsItIs() {
        // When
        http.post(COMPLETIONS, "{\"prompt\":\"grüße 😀\",\"max_tokens\":2}");
        // Then
        assertThat(started().getPrompt())
                .isEqualTo(Prompt.newBuilder().setText("grüße 😀").build());
    }
}
