package io.baton.router.grpc;

import com.google.protobuf.ByteString;
import com.google.protobuf.CodedInputStream;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.WireFormat;
import io.baton.grpc.AliasingMarshaller;
import io.baton.inference.v1.ChatMessage;
import io.baton.inference.v1.ChatPrompt;
import io.baton.inference.v1.GenerateRequest;
import io.baton.inference.v1.Prompt;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * Reads a GenerateRequest so that its prompt is a view of the message's bytes. The generated parser would make a String of a
 * text, and the router needs the bytes again at once: to hash them and to send them on.
 *
 * <p>Only the plain form of a prompt is read here, which is the one that every client sends: one prompt of one kind without
 * unknown fields. Everything else, and whatever is wrong, is left to the generated parser.
 *
 * <p><em>Thread-safety:</em> stateless.
 */
final class PromptInPlace {
    private static final int PROMPT = delimited(GenerateRequest.PROMPT_FIELD_NUMBER);
    private static final int TEXT = delimited(Prompt.TEXT_FIELD_NUMBER);
    private static final int TOKEN_IDS = delimited(Prompt.TOKEN_IDS_FIELD_NUMBER);
    private static final int CHAT = delimited(Prompt.CHAT_FIELD_NUMBER);
    private static final int MESSAGES = delimited(ChatPrompt.MESSAGES_FIELD_NUMBER);
    private static final int ADD_GENERATION_PROMPT =
            tag(ChatPrompt.ADD_GENERATION_PROMPT_FIELD_NUMBER, WireFormat.WIRETYPE_VARINT);
    private static final int ROLE = delimited(ChatMessage.ROLE_FIELD_NUMBER);
    private static final int CONTENT = delimited(ChatMessage.CONTENT_FIELD_NUMBER);

    private PromptInPlace() {}

    private static int delimited(int field) {
        return tag(field, WireFormat.WIRETYPE_LENGTH_DELIMITED);
    }

    private static int tag(int field, int wireType) {
        return field << 3 | wireType;
    }

    /** The request; it keeps views of {@code bytes}. */
    static GenerateRequest read(ByteString bytes) throws InvalidProtocolBufferException {
        GenerateRequest plain = plain(bytes);
        return plain != null ? plain : AliasingMarshaller.read(bytes, GenerateRequest.getDefaultInstance());
    }

    /** The request if its prompt is plain; else null, as for a request that is wrong. */
    private static @Nullable GenerateRequest plain(ByteString bytes) {
        GenerateRequest.Builder request = GenerateRequest.newBuilder();
        CodedInputStream in = bytes.newCodedInput();
        in.enableAliasing(true);
        try {
            // The fields beside the prompt are the generated parser's, in runs between prompts.
            int merged = 0;
            while (true) {
                int at = in.getTotalBytesRead();
                int tag = in.readTag();
                if (tag == 0 || tag == PROMPT) {
                    request.mergeFrom(bytes.substring(merged, at));
                }
                if (tag == 0) {
                    return request.build();
                }
                if (tag == PROMPT) {
                    if (request.hasPrompt()) {
                        return null;
                    }
                    request.setPrompt(prompt(in));
                    merged = in.getTotalBytesRead();
                } else if (WireFormat.getTagWireType(tag) == WireFormat.WIRETYPE_START_GROUP || !in.skipField(tag)) {
                    return null;
                }
            }
        } catch (IOException | IllegalArgumentException _) {
            // The builder tells by IllegalArgumentException of what is not UTF-8.
            return null;
        }
    }

    private static Prompt prompt(CodedInputStream in) throws IOException {
        int outer = in.pushLimit(in.readRawVarint32());
        Prompt.Builder prompt = Prompt.newBuilder();
        int tag = in.readTag();
        if (tag == TEXT) {
            prompt.setTextBytes(in.readBytes());
        } else if (tag == TOKEN_IDS) {
            prompt.setTokenIds(in.readBytes());
        } else if (tag == CHAT) {
            prompt.setChat(chat(in));
        } else {
            throw notPlain();
        }
        if (!in.isAtEnd()) {
            throw notPlain();
        }
        in.popLimit(outer);
        return prompt.build();
    }

    private static ChatPrompt chat(CodedInputStream in) throws IOException {
        int outer = in.pushLimit(in.readRawVarint32());
        ChatPrompt.Builder chat = ChatPrompt.newBuilder();
        while (!in.isAtEnd()) {
            int tag = in.readTag();
            if (tag == MESSAGES) {
                chat.addMessages(message(in));
            } else if (tag == ADD_GENERATION_PROMPT) {
                chat.setAddGenerationPrompt(in.readBool());
            } else {
                throw notPlain();
            }
        }
        in.popLimit(outer);
        return chat.build();
    }

    private static ChatMessage message(CodedInputStream in) throws IOException {
        int outer = in.pushLimit(in.readRawVarint32());
        ChatMessage.Builder message = ChatMessage.newBuilder();
        while (!in.isAtEnd()) {
            int tag = in.readTag();
            if (tag == ROLE) {
                message.setRole(in.readStringRequireUtf8());
            } else if (tag == CONTENT) {
                message.setContentBytes(in.readBytes());
            } else {
                throw notPlain();
            }
        }
        in.popLimit(outer);
        return message.build();
    }

    private static InvalidProtocolBufferException notPlain() {
        return new InvalidProtocolBufferException("not a plain prompt");
    }
}
