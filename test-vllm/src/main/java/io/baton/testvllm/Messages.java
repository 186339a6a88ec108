package io.baton.testvllm;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Answers to completions, by {@code vllm-project/vllm:vllm/entrypoints/openai/completion/serving.py}
 * ({@code completion_stream_generator}, {@code request_output_to_completion_response}, {@code _create_completion_logprobs}).
 */
final class Messages {
    static final JsonMapper JSON = new JsonMapper();

    private Messages() {}

    /** A piece of a choice: tokens [from, to) of an output, and the text that is told with them. */
    static ObjectNode choice(
            CompletionBody request, ToyModel.Output output, int from, int to, String text, boolean last) {
        ObjectNode choice = JSON.createObjectNode().put("index", 0).put("text", text);
        List<Integer> ids = output.tokens().subList(from, to);
        if (request.logprobs() >= 0) {
            choice.set("logprobs", logprobs(ids, request.logprobs()));
        } else {
            choice.putNull("logprobs");
        }
        if (last) {
            choice.put("finish_reason", output.reason());
            switch (output.stopReason()) {
                case null -> choice.putNull("stop_reason");
                case Integer id -> choice.put("stop_reason", id);
                default -> choice.put("stop_reason", String.valueOf(output.stopReason()));
            }
        } else {
            choice.putNull("finish_reason").putNull("stop_reason");
        }
        if (request.tokenIds()) {
            ArrayNode list = choice.putArray("token_ids");
            ids.forEach(list::add);
        }
        return choice;
    }

    /** The chosen token first, whether or not it is among the likeliest, then those that are likelier and less likely. */
    private static ObjectNode logprobs(List<Integer> ids, int top) {
        ObjectNode all = JSON.createObjectNode();
        ArrayNode offsets = all.putArray("text_offset");
        ArrayNode values = all.putArray("token_logprobs");
        ArrayNode tokens = all.putArray("tokens");
        ArrayNode tops = all.putArray("top_logprobs");
        int offset = 0;
        for (int id : ids) {
            String text = ToyModel.text(id);
            tokens.add(text);
            values.add(-1.5);
            offsets.add(offset);
            offset += text.length();
            ObjectNode entries = tops.addObject();
            entries.put(text, -1.5);
            for (int i = 0; i < top; i++) {
                entries.put("#" + i, -1.0 - i);
            }
        }
        return all;
    }

    static ObjectNode message(String id, String model, @Nullable ObjectNode choice) {
        ObjectNode message = JSON.createObjectNode()
                .put("id", id)
                .put("object", "text_completion")
                .put("created", 1)
                .put("model", model);
        ArrayNode choices = message.putArray("choices");
        if (choice != null) {
            choices.add(choice);
        }
        return message;
    }

    static ObjectNode usage(int prompt, int completion, int cached, boolean details) {
        ObjectNode usage = JSON.createObjectNode()
                .put("prompt_tokens", prompt)
                .put("total_tokens", prompt + completion)
                .put("completion_tokens", completion);
        if (details) {
            usage.putObject("prompt_tokens_details").put("cached_tokens", cached);
        }
        return usage;
    }

    static JsonNode tree(byte[] body) {
        try {
            return JSON.readTree(body);
        } catch (IOException e) {
            throw new Refusal(400, "the body is no JSON: " + e.getMessage());
        }
    }

    /** Sends tokens by one, by one and by two, as a server does whose client is slow now and then. */
    static void stream(
            String id,
            Behaviour behaviour,
            CompletionBody wanted,
            ToyModel.Output output,
            int cached,
            Http.Answer answer)
            throws IOException, InterruptedException {
        int heldBack =
                wanted.rules().stop().stream().mapToInt(String::length).max().orElse(1) - 1;
        int told = 0;
        int size = output.tokens().size();
        int from = 0;
        for (int n = 0; from < size; n++) {
            Thread.sleep(behaviour.tokenTime());
            int to = Math.min(size, from + (n % 3 == 2 ? 2 : 1));
            boolean last = to == size;
            // Text that could still become a stop string is not told yet.
            int certain = last
                    ? output.text().length()
                    : Math.max(told, Math.min(output.text().length(), to) - heldBack);
            String text = output.text().substring(told, certain);
            told = certain;
            ObjectNode choice = choice(wanted, output, from, to, text, last);
            answer.chunk("data: " + message(id, behaviour.model(), choice) + "\n\n");
            from = to;
        }
        if (wanted.usage()) {
            ObjectNode message = message(id, behaviour.model(), null);
            message.set("usage", usage(wanted.prompt().length, size, cached, behaviour.details()));
            answer.chunk("data: " + message + "\n\n");
        }
        answer.chunk("data: [DONE]\n\n");
        answer.end();
    }
}
