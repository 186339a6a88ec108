package io.baton.router.http;

import com.fasterxml.jackson.databind.JsonNode;
import com.google.protobuf.ByteString;
import com.google.protobuf.UnsafeByteOperations;
import io.baton.inference.v1.ChatMessage;
import io.baton.inference.v1.ChatPrompt;
import io.baton.inference.v1.Prompt;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Reads prompts in their several forms.
 *
 * <p><em>Thread-safety:</em> stateless.
 */
final class Prompts {
    private static final String FORMS =
            "must be a string, an array of strings, an array of token ids, or an array of arrays of token ids";

    private Prompts() {}

    /** One prompt per choice group: a string or token ids give one, an array of these several. */
    static List<Prompt> completion(@Nullable JsonNode value, int most) {
        if (value == null) {
            throw ApiError.field("prompt", "is missing; " + FORMS);
        }
        if (value.isTextual()) {
            return List.of(text(value, "prompt"));
        }
        if (!value.isArray()) {
            throw ApiError.field("prompt", FORMS);
        }
        if (value.isEmpty()) {
            throw ApiError.field("prompt", "is empty; " + FORMS);
        }
        if (value.get(0).isNumber()) {
            return List.of(tokens(value, "prompt"));
        }
        if (value.size() > most) {
            throw ApiError.field(
                    "prompt",
                    "has " + value.size() + " prompts; at most " + most + " choices are allowed in a request");
        }
        List<Prompt> prompts = new ArrayList<>(value.size());
        for (int i = 0; i < value.size(); i++) {
            JsonNode one = value.get(i);
            String name = "prompt[" + i + "]";
            if (one.isTextual() && value.get(0).isTextual()) {
                prompts.add(text(one, name));
            } else if (one.isArray() && value.get(0).isArray()) {
                prompts.add(tokens(one, name));
            } else {
                throw ApiError.field("prompt", FORMS);
            }
        }
        return prompts;
    }

    private static Prompt text(JsonNode value, String name) {
        String text = Fields.text(value, name);
        if (text.isEmpty()) {
            throw ApiError.field(name, "must have at least one character");
        }
        return Prompt.newBuilder().setText(text).build();
    }

    private static Prompt tokens(JsonNode value, String name) {
        if (value.isEmpty()) {
            throw ApiError.field(name, "must have at least one token");
        }
        ByteBuffer ids = ByteBuffer.allocate(Math.multiplyExact(value.size(), Integer.BYTES))
                .order(ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < value.size(); i++) {
            int id = Fields.integer(value.get(i), name + "[" + i + "]");
            if (id < 0) {
                throw ApiError.field(name + "[" + i + "]", "is " + id + "; a token id is not negative");
            }
            ids.putInt(id);
        }
        ByteString bytes = UnsafeByteOperations.unsafeWrap(ids.flip());
        return Prompt.newBuilder().setTokenIds(bytes).build();
    }

    /** A conversation. Content is a string or an array of text parts. */
    static Prompt chat(@Nullable JsonNode messages, @Nullable Boolean addGenerationPrompt) {
        if (messages == null || messages.isEmpty()) {
            throw ApiError.field("messages", "must have at least one message");
        }
        ChatPrompt.Builder chat = ChatPrompt.newBuilder();
        for (int i = 0; i < messages.size(); i++) {
            Fields message = new Fields(messages.get(i), "messages[" + i + "]");
            String role = message.string("role");
            JsonNode content = message.any("content");
            message.refuseOthers();
            if (role == null) {
                throw ApiError.field(message.name("role"), "is missing");
            }
            if (content == null) {
                throw ApiError.field(message.name("content"), "is missing");
            }
            chat.addMessages(
                    ChatMessage.newBuilder().setRole(role).setContent(content(content, message.name("content"))));
        }
        if (addGenerationPrompt != null) {
            chat.setAddGenerationPrompt(addGenerationPrompt);
        }
        return Prompt.newBuilder().setChat(chat).build();
    }

    private static String content(JsonNode content, String name) {
        if (content.isTextual()) {
            return Fields.text(content, name);
        }
        if (!content.isArray()) {
            throw ApiError.field(name, "must be a string or an array of text parts");
        }
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < content.size(); i++) {
            Fields part = new Fields(content.get(i), name + "[" + i + "]");
            String type = part.string("type");
            if (!"text".equals(type)) {
                throw ApiError.field(part.name("type"), "is supported only as text");
            }
            String piece = part.string("text");
            part.refuseOthers();
            if (piece == null) {
                throw ApiError.field(part.name("text"), "is missing");
            }
            text.append(piece);
        }
        return text.toString();
    }
}
