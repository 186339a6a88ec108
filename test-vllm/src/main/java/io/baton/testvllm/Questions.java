package io.baton.testvllm;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;

/** Answers to questions that compute nothing. */
final class Questions {
    private Questions() {}

    /** By {@code vllm-project/vllm:vllm/entrypoints/openai/models/protocol.py}, {@code ModelCard}. */
    static ObjectNode models(Behaviour behaviour) {
        ObjectNode list = Messages.JSON.createObjectNode().put("object", "list");
        list.putArray("data")
                .addObject()
                .put("id", behaviour.model())
                .put("object", "model")
                .put("owned_by", "vllm")
                .put("root", behaviour.root())
                .put("max_model_len", behaviour.maxModelLen());
        return list;
    }

    /** By {@code vllm-project/vllm:vllm/entrypoints/serve/tokenize/protocol.py}. */
    static ObjectNode tokens(Behaviour behaviour, JsonNode body) {
        if (!body.path("model").asText().equals(behaviour.model())) {
            throw new Refusal(404, "The model `" + body.path("model").asText() + "` does not exist.");
        }
        String text = body.path("prompt").asText();
        if (body.has("messages")) {
            List<String[]> messages = new ArrayList<>();
            body.path("messages")
                    .forEach(m -> messages.add(new String[] {
                        m.path("role").asText(), m.path("content").asText()
                    }));
            text = ToyModel.render(messages, body.path("add_generation_prompt").asBoolean(true));
        }
        int[] ids = ToyModel.tokenize(text);
        ObjectNode answer =
                Messages.JSON.createObjectNode().put("count", ids.length).put("max_model_len", behaviour.maxModelLen());
        ArrayNode list = answer.putArray("tokens");
        for (int id : ids) {
            list.add(id);
        }
        return answer;
    }
}
