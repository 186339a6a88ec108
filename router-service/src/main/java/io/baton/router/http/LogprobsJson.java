package io.baton.router.http;

import com.fasterxml.jackson.core.JsonGenerator;
import com.google.protobuf.ByteString;
import io.baton.inference.v1.TokenLogprob;
import io.baton.inference.v1.TopLogprob;
import java.io.IOException;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/**
 * Writes log probabilities in the shapes of the two APIs, and keeps the offset of the next token in the text of its choice.
 *
 * <p><em>Thread-safety:</em> none; one per choice.
 */
final class LogprobsJson {
    private final ApiKind kind;
    private int textOffset;

    LogprobsJson(ApiKind kind) {
        this.kind = kind;
    }

    void write(JsonGenerator json, List<TokenLogprob> tokens) throws IOException {
        json.writeObjectFieldStart("logprobs");
        if (kind == ApiKind.CHAT) {
            chat(json, tokens);
        } else {
            completion(json, tokens);
        }
        json.writeEndObject();
    }

    private static void chat(JsonGenerator json, List<TokenLogprob> tokens) throws IOException {
        json.writeArrayFieldStart("content");
        for (TokenLogprob token : tokens) {
            json.writeStartObject();
            chatToken(json, token.getToken(), token.getLogprob());
            json.writeArrayFieldStart("top_logprobs");
            for (TopLogprob top : token.getTopList()) {
                json.writeStartObject();
                chatToken(json, top.getToken(), top.getLogprob());
                json.writeEndObject();
            }
            json.writeEndArray();
            json.writeEndObject();
        }
        json.writeEndArray();
    }

    private static void chatToken(JsonGenerator json, ByteString token, float logprob) throws IOException {
        json.writeStringField("token", text(token));
        logprob(json, "logprob", logprob);
        json.writeArrayFieldStart("bytes");
        for (int i = 0; i < token.size(); i++) {
            json.writeNumber(token.byteAt(i) & 0xff);
        }
        json.writeEndArray();
    }

    private void completion(JsonGenerator json, List<TokenLogprob> tokens) throws IOException {
        json.writeArrayFieldStart("tokens");
        for (TokenLogprob token : tokens) {
            json.writeString(text(token.getToken()));
        }
        json.writeEndArray();
        json.writeArrayFieldStart("token_logprobs");
        for (TokenLogprob token : tokens) {
            json.writeNumber(finite(token.getLogprob()));
        }
        json.writeEndArray();
        json.writeArrayFieldStart("top_logprobs");
        for (TokenLogprob token : tokens) {
            json.writeStartObject();
            Set<String> names = new HashSet<>();
            for (TopLogprob top : token.getTopList()) {
                // Two tokens may have the same text; the likelier one comes first and keeps the name.
                if (names.add(text(top.getToken()))) {
                    logprob(json, text(top.getToken()), top.getLogprob());
                }
            }
            json.writeEndObject();
        }
        json.writeEndArray();
        json.writeArrayFieldStart("text_offset");
        for (TokenLogprob token : tokens) {
            json.writeNumber(textOffset);
            String text = text(token.getToken());
            textOffset += text.codePointCount(0, text.length());
        }
        json.writeEndArray();
    }

    private static void logprob(JsonGenerator json, String name, float value) throws IOException {
        json.writeNumberField(name, finite(value));
    }

    /** JSON has no infinity; -9999 stands for it, as in vLLM. */
    private static float finite(float value) {
        return Float.isFinite(value) ? value : -9999f;
    }

    /** The token's text; of bytes that are no text, their values as OpenAI writes them: {@code bytes:\xe2\x80}. */
    static String text(ByteString token) {
        if (token.isValidUtf8()) {
            return token.toStringUtf8();
        }
        StringBuilder text = new StringBuilder("bytes:");
        for (int i = 0; i < token.size(); i++) {
            text.append(String.format(Locale.ROOT, "\\x%02x", token.byteAt(i) & 0xff));
        }
        return text.toString();
    }
}
